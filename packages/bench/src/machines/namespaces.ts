// "Machines" made of this one: network namespaces with links of a given rate and delay, by machines.sh of packages/mpi.
// Whatever ends the bench, short of SIGKILL, takes them down with all that still runs there.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Launch } from "../contender-process.ts";

export interface Links {
  machines: number;
  /** Of each link, each way; as fast as the kernel copies if absent. */
  bitsPerSecond: number | undefined;
  /** One way. */
  delaySeconds: number;
}

export interface Namespaces extends Disposable {
  /** A command on one machine. */
  on(machine: number, command: string, args: readonly string[]): Launch;
  /** The same command on all, by mpirun. */
  onAll(command: string, args: readonly string[]): Launch;
}

/** What the user must change; the message is all that is printed. */
export class SurroundingsError extends Error {
  override name = "SurroundingsError";
}

const script = fileURLToPath(new URL("../../../mpi/testing/machines.sh", import.meta.url));
const hostOf = (machine: number) => `m${machine}`;

function ip(...args: string[]): string {
  const { error, stdout } = spawnSync("ip", ["netns", ...args], { encoding: "utf8" });
  if (error) throw new SurroundingsError("machines: there is no `ip`; apt install iproute2");
  return stdout;
}

/** @throws SurroundingsError if this process may not, or somebody else's are there */
export function bringUp({ machines, bitsPerSecond, delaySeconds }: Links): Namespaces {
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    throw new SurroundingsError("machines: network namespaces are for root on Linux; run this as root there");
  }
  if (/^m\d+\b/m.test(ip("list"))) {
    throw new SurroundingsError(
      "machines: there are some already, which may be in use; `packages/mpi/testing/machines.sh down` ends them",
    );
  }
  const takeDown = () => {
    for (let machine = 0; machine < machines; machine++) {
      for (const pid of ip("pids", hostOf(machine)).split("\n").filter(Boolean)) {
        try {
          process.kill(Number(pid), "SIGKILL");
        } catch {
          // It has ended already.
        }
      }
    }
    spawnSync(script, ["down"]);
  };
  process.once("exit", takeDown);
  const rate = bitsPerSecond === undefined ? [] : ["--rate", `${bitsPerSecond}bit`];
  const delay = delaySeconds === 0 ? [] : ["--delay", `${delaySeconds * 1e6}us`];
  const up = spawnSync(script, ["up", "--machines", String(machines), ...rate, ...delay], {
    encoding: "utf8",
  });
  if (up.status !== 0) throw new SurroundingsError(`machines: ${up.stderr.trim().split("\n").at(-1)}`);
  return {
    on: (machine, command, args) => ({
      command: script,
      args: ["exec", String(machine), "--", command, ...args],
    }),
    onAll: (command, args) => ({ command: script, args: ["run", "--", command, ...args] }),
    [Symbol.dispose]() {
      process.off("exit", takeDown);
      takeDown();
    },
  };
}
