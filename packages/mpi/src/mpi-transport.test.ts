// Messages between processes that mpirun has started: with every launcher of this machine.
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { Launcher } from "../testing/launchers.ts";
import { launch, launchers, launchersMissing } from "../testing/launchers.ts";

const program = fileURLToPath(new URL("../testing/exchange.ts", import.meta.url));
const start = (launcher: Launcher, processes: number, what: string, env?: Record<string, string>) =>
  launch(launcher, processes, [program, what], env);
const lines = (stdout: string) => stdout.trim().split("\n").sort();

describe.skipIf(launchersMissing)(`messages over MPI${launchersMissing}`, () => {
  describe.each(launchers)("$name", (launcher) => {
    it.each([
      [2, "main"],
      [3, "worker"],
    ] as const)("%i machines, from a %s thread, and a clean end", async (machines, thread) => {
      const { code, stdout, stderr } = await start(launcher, machines, thread);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      const told = lines(stdout).map((line) => JSON.parse(line));
      expect(told).toEqual(
        Array.from({ length: machines }, (_, machine) => ({
          machine,
          machines,
          name: expect.stringMatching(new RegExp(`^${launcher.name} \\d`)),
        })),
      );
    });

    it("machines over TCP end, though one is later than the others", async () => {
      const env = { UCX_TLS: "tcp,self", OMPI_MCA_btl: "tcp,self" };
      const { code, stdout } = await start(launcher, 3, "late", env);
      expect(code).toBe(0);
      expect(lines(stdout)).toHaveLength(3);
    });
  });

  const [one, other] = launchers;
  it.skipIf(!other)("a library of another MPI than the launcher's is refused by name", async () => {
    const { code, stdout, stderr } = await start(one!, 2, "open", { SHARDGRAD_MPI: "libmpich.so.12" });
    expect(code).not.toBe(0);
    expect(stdout).toBe("");
    for (const machine of [0, 1])
      expect(stderr).toMatch(
        new RegExp(
          `^mpi: the launcher says machine ${machine} of 2, the library \\(MPICH \\S+, libmpich\\.so\\.12\\) 0 of 1: they are of different MPIs; set SHARDGRAD_MPI to .*$`,
          "m",
        ),
      );
  });
});
