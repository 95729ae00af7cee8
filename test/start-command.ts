// The `shardgrad` command in its own process, for tests that send signals.
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { TrainEvent } from "@shardgrad/parallel";

const command = fileURLToPath(new URL("../packages/shardgrad/bin/shardgrad.js", import.meta.url));

export interface Ended {
  code: number | null;
  events: TrainEvent[];
  stderr: string;
}

/** Starts `shardgrad train job --json` with these flags. */
export function startCommand(
  job: URL,
  flags: readonly string[],
): { child: ChildProcess; ended: Promise<Ended> } {
  const args = [command, "train", fileURLToPath(job), "--json", ...flags];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  let [text, stderr] = ["", ""];
  child.stdout.on("data", (part) => {
    text += part;
  });
  child.stderr.on("data", (part) => {
    stderr += part;
  });
  const ended = new Promise<Ended>((resolve) =>
    child.on("close", (code) => {
      // A killed process may leave half a line.
      const lines = text.split("\n").slice(0, -1);
      resolve({ code, events: lines.map((line) => JSON.parse(line)), stderr });
    }),
  );
  return { child, ended };
}

/** Sends a signal once a checkpoint is saved, which the output tells, with --json as an event. */
export function signalAtCheckpoint(
  child: ChildProcess,
  signal: NodeJS.Signals,
  told = '"type":"checkpoint"',
): void {
  let asked = false;
  child.stdout!.on("data", (part) => {
    if (asked || !String(part).includes(told)) return;
    asked = true;
    child.kill(signal);
  });
}
