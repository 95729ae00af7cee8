// `shardgrad train` on several machines: processes that mpirun starts, for tests of what they say and how they end.
import type { ChildProcess } from "node:child_process";
import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { TrainEvent } from "@shardgrad/parallel";
import type { Launcher } from "../packages/mpi/testing/launchers.ts";
import { start } from "../packages/mpi/testing/launchers.ts";
import { command } from "./run-command.ts";

const byMachine = fileURLToPath(new URL("./by-machine.ts", import.meta.url));

export interface Ended {
  code: number | null;
  events: (TrainEvent | { type: "error"; name: string; message: string })[];
  stderr: string;
}

export interface Started {
  child: ChildProcess;
  ended: Promise<Ended>;
}

/**
 * @param flagsOf more flags for each machine
 * @param lines whether to print lines for people, so that no event is read
 */
export function startMachines(
  launcher: Launcher,
  machines: number,
  job: URL | string,
  flags: readonly string[],
  {
    flagsOf,
    lines = false,
    env = {},
  }: { flagsOf?: readonly string[][]; lines?: boolean; env?: Record<string, string> } = {},
): Started {
  const path = typeof job === "string" ? job : fileURLToPath(job);
  const args = [command, "train", path, ...(lines ? [] : ["--json"]), ...flags];
  const all = flagsOf ? [byMachine, JSON.stringify(flagsOf), ...args] : args;
  const { child, ended } = start(launcher, machines, all, env);
  const read = ended.then(({ code, stdout, stderr }) => {
    // MPICH tells of a process that was killed on stdout.
    const told = stdout.split("\n").filter((line) => line.startsWith("{") && line.trimEnd().endsWith("}"));
    return { code, stderr, events: told.map((line) => JSON.parse(line)) };
  });
  return { child, ended: read };
}

/** What the command has said last. */
export const lastOf = ({ events }: Ended) => events.at(-1);

/** Calls it once the output has this text. */
export function onceTold({ child }: Started, text: string, then: () => void): void {
  let told: string | undefined = "";
  child.stdout!.on("data", (part) => {
    if (told === undefined) return;
    told += part;
    if (!told.includes(text)) return;
    told = undefined;
    then();
  });
}

/** The processes whose arguments have this text: their ids by machine; launchers and their agents have others. */
export function machinesWith(text: string): Map<number, number> {
  const found = new Map<number, number>();
  for (const line of execFileSync("ps", ["axeww", "-o", "pid=,args="], { encoding: "utf8" }).split("\n")) {
    const rank = /\b(?:OMPI_COMM_WORLD_RANK|PMI_RANK)=(\d+)/.exec(line)?.[1];
    if (rank !== undefined && line.includes(text)) found.set(Number(rank), Number.parseInt(line, 10));
  }
  return found;
}

/** Waits until no process with this text is left; launchers end some a moment after themselves. */
export async function untilNoneWith(text: string): Promise<void> {
  for (let looks = 0; machinesWith(text).size > 0; looks++) {
    if (looks > 300) throw new Error(`still running: ${[...machinesWith(text).values()].join(", ")}`);
    await sleep(20);
  }
}
