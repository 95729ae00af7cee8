// The child's side of the protocol, for contenders in Node.js: reads commands, answers, measures its own resources, and
// ends with its standard input. Knows no library.
import { Console } from "node:console";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setImmediate as breath } from "node:timers/promises";
import type { Answer, Vitals } from "../protocol.ts";

/** What a contender must implement. An error that it throws becomes its answer. */
export interface Contender<P extends object, R extends object> {
  prepare(command: P): Promise<object>;
  run(command: R): Promise<object>;
}

/** How often a contender that computes on its main thread checks whether its input has ended. */
const breathMs = 250;

/** Runs steps one by one; `settle` waits until all of them are really computed. Resolves to milliseconds. */
export async function timeSteps(
  steps: number,
  step: () => void | Promise<void>,
  settle: () => void | Promise<void>,
): Promise<number> {
  await settle();
  const started = performance.now();
  let breathed = started;
  for (let done = 0; done < steps; done++) {
    await step();
    if (performance.now() - breathed < breathMs) continue;
    await breath();
    breathed = performance.now();
  }
  await settle();
  return performance.now() - started;
}

/** Warms up for `ms`, so that code is compiled; resolves to milliseconds per step at the end. */
export async function warmUp(
  ms: number,
  step: () => void | Promise<void>,
  settle: () => void | Promise<void>,
): Promise<number> {
  let last = await timeSteps(1, step, settle);
  for (let spent = last, count = 1; spent < ms; count *= 2) {
    const time = await timeSteps(count, step, settle);
    spent += time;
    last = time / count;
  }
  return last;
}

/** CPU time of all threads, in milliseconds. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** The peak resident memory of this process. */
function peakMemoryBytes(): number {
  try {
    // Unlike maxRSS, this excludes what the parent had at the fork.
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))!;
    return Number(kilobytes) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}

/** Answers commands until standard input ends, then ends the process. */
export function serve<P extends object, R extends object>(contender: Contender<P, R>): void {
  const { stdout } = process;
  const write = stdout.write.bind(stdout);
  // Libraries print to standard output, which belongs to the protocol.
  globalThis.console = new Console(process.stderr, process.stderr);
  stdout.write = process.stderr.write.bind(process.stderr);

  let idleSince = { wall: performance.now(), processor: processorMs() };
  const vitals = (idleShare: number): Vitals => ({
    peakMemoryBytes: peakMemoryBytes(),
    idleShare,
  });
  const answer = async (line: string): Promise<void> => {
    const idleMs = performance.now() - idleSince.wall;
    const idleShare = (processorMs() - idleSince.processor) / idleMs;
    let reply: Answer<object>;
    try {
      const command = JSON.parse(line) as { command: string };
      const result = await (command.command === "prepare"
        ? contender.prepare(command as P)
        : contender.run(command as R));
      reply = { ok: true, ...result, ...vitals(idleShare) };
    } catch (error) {
      reply = { ok: false, reason: error instanceof Error ? error.message : String(error) };
    }
    write(`${JSON.stringify(reply)}\n`);
    idleSince = { wall: performance.now(), processor: processorMs() };
  };
  let last = Promise.resolve();
  createInterface({ input: process.stdin })
    .on("line", (line) => {
      last = last.then(() => answer(line));
    })
    .on("close", () => process.exit());
}
