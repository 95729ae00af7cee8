// All numbers of machines and workers over MPI, and a death of one process in each phase of a step: the bits of one machine.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { train } from "@shardgrad/parallel";
import { afterAll, describe, expect, it } from "vitest";
import { launch, launchers, launchersMissing } from "../packages/mpi/testing/launchers.ts";
import { command } from "./run-command.ts";
import { lastOf, startMachines, untilNoneWith } from "./start-machines.ts";

const root = mkdtempSync(join(tmpdir(), "shardgrad-machines-"));
afterAll(() => rmSync(root, { recursive: true }));
let count = 0;

const jobs = ["dropout", "batch-norm", "char-gpt"] as const;
const jobOf = (name: string) => new URL(`./jobs/${name}.ts`, import.meta.url);
/** Of 5 steps an epoch: the last step evaluates, and saves. */
const common = { shards: 12, kernels: "wasm", steps: 10 } as const;
const flags = ["--shards", "12", "--kernels", "wasm", "--steps", "10"];

const known = new Map<string, Promise<string>>();
/** The weights' hash on one machine with one worker. */
function hashOf(name: string): Promise<string> {
  const found =
    known.get(name) ?? train(jobOf(name), { ...common, workers: 1 }).then((result) => result.weightsSha256);
  known.set(name, found);
  return found;
}

const faulty = fileURLToPath(new URL("../packages/parallel/testing/faulty-machine.ts", import.meta.url));
const phases = [
  "gather",
  "forward",
  "backward",
  "barrier",
  "reduce",
  "update",
  "evaluate",
  "checkpoint",
] as const;

describe.skipIf(launchersMissing)(`machines${launchersMissing}`, () => {
  describe.each(launchers)("$name", (launcher) => {
    const combinations = jobs.flatMap((job) =>
      [1, 2, 3, 4].flatMap((machines) => [1, 2, 3].map((workers) => ({ job, machines, workers }))),
    );
    it.each(combinations)(
      "$job on $machines machines with $workers workers each",
      async ({ job, machines, workers }) => {
        const more = ["--workers", String(workers)];
        const ended = await startMachines(launcher, machines, jobOf(job), [...flags, ...more]).ended;
        expect([ended.code, ended.stderr]).toEqual([0, ""]);
        expect(ended.events.filter(({ type }) => type === "start")).toHaveLength(1);
        expect(lastOf(ended)).toMatchObject({ type: "end", steps: 10, weightsSha256: await hashOf(job) });
      },
    );

    it.each(phases.flatMap((phase) => [0, 1].map((machine) => ({ phase, machine }))))(
      "kill -9 of machine $machine in $phase ends all, and the newest checkpoint goes on to the same bits",
      async ({ phase, machine }) => {
        const job = jobs[count % jobs.length]!;
        const directory = join(root, String(count++));
        const options = { ...common, workers: 1, checkpoint: { directory, everySteps: 3 }, stallSeconds: 60 };
        const fault = { rank: 0, step: 10, phase, how: "kill -9" } as const;
        const run = { job: jobOf(job).href, options, machine, fault };
        const { code, stdout, stderr } = await launch(launcher, 2, [faulty, JSON.stringify(run)]);
        expect([code === 0, stderr, /^[0-9a-f]{64}$/m.test(stdout)]).toEqual([false, "", false]);
        await untilNoneWith(directory);
        expect(readdirSync(directory).filter((name) => name.startsWith("step-")).length).toBeGreaterThan(0);
        const resume = ["--workers", "2", "--checkpoint", directory, "--resume"];
        const ended = await startMachines(launcher, 3 - machine, jobOf(job), [...flags, ...resume]).ended;
        expect(lastOf(ended)).toMatchObject({ weightsSha256: await hashOf(job) });
      },
    );

    it("--machines off: each trains by itself", async () => {
      const more = ["--workers", "1", "--machines", "off"];
      const ended = await startMachines(launcher, 2, jobOf("dropout"), [...flags, ...more]).ended;
      expect(ended.code).toBe(0);
      const hashes = ended.events.flatMap((event) => (event.type === "end" ? [event.weightsSha256] : []));
      expect(hashes).toEqual([await hashOf("dropout"), await hashOf("dropout")]);
    });

    it.each([
      [
        "another seed",
        ["--seed", "4"],
        "machine 1 has the option seed 4, machine 0 none; all machines must have the same",
      ],
      [
        "kernels of other bits",
        ["--kernels", "reference"],
        expect.stringMatching(
          /^machine 1 computes with reference kernels, machine 0 with wasm-\w+ kernels: these give different bits; all machines can use kernels: "wasm-\w+"$/,
        ),
      ],
      [
        "more workers than shards",
        ["--workers", "12"],
        "2 machines with 1 + 12 workers for 12 shards; every worker needs at least one: use fewer workers or machines, or more shards",
      ],
    ])("%s on one machine is refused by one line", async (_, more, line) => {
      const flagsOf = [
        ["--workers", "1"],
        ["--workers", "1", ...more],
      ];
      const ended = await startMachines(launcher, 2, jobOf("dropout"), flags, { flagsOf }).ended;
      expect(ended.code).toBe(2);
      expect(ended.stderr.split("\n").map((text) => text.replace("shardgrad: train: ", ""))).toEqual([
        line,
        "",
      ]);
    });

    it("through npx", async () => {
      const { command: mpirun, flags: own, env } = launcher;
      const args = [...own, "-n", "2", "npx", "shardgrad", "train", fileURLToPath(jobOf("dropout"))];
      const more = ["--workers", "1", "--json"];
      const options = { encoding: "utf8", env: { ...process.env, ...env } } as const;
      const { status, stdout } = spawnSync(mpirun, [...args, ...flags, ...more], options);
      expect(status).toBe(0);
      expect(JSON.parse(stdout.trim().split("\n").at(-1)!)).toMatchObject({
        weightsSha256: await hashOf("dropout"),
      });
    });
  });

  const [one, other] = launchers;
  it.skipIf(!other)("processes whose library is of another MPI, each alone, are refused", async () => {
    const run = [command, "train", fileURLToPath(jobOf("dropout")), ...flags];
    const { code, stdout, stderr } = await launch(one!, 2, run, { SHARDGRAD_MPI: "libmpich.so.12" });
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(
      /^shardgrad: mpi: the launcher says machine \d of 2, the library \(MPICH .*\) 0 of 1: /,
    );
  });
});
