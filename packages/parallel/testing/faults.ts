// Deliberate failures for the tests of recovery: a worker dies or throws in a given phase of a given step.
import { BroadcastChannel, threadId } from "node:worker_threads";
import type { Phase } from "../src/errors.ts";

/** The channel on which a thread that wants to be ended sends its id. */
export const faultChannel = "shardgrad.fault";

/** The name under which new threads find their fault in their environment data. */
export const faultKey = "shardgrad.fault";

export interface Fault {
  rank: number;
  step: number;
  phase: Phase;
  /** How many barriers of the step the worker must have reached: 1 is after the first one within a pass. */
  afterBarriers?: number;
  how: FaultKind;
}

/** What goes wrong in each attempt at a run. */
export type Faults = readonly (Fault | undefined)[];

/** What a worker can do to itself. */
const kinds = {
  "process.exit": () => process.exit(7),
  throw: () => {
    // Without a place, since it is not a line of a job.
    throw Object.assign(new RangeError("injected"), { stack: undefined });
  },
  "throw null": () => {
    throw null;
  },
  "heap exhaustion": () => {
    for (let chain: object = {}; ; ) chain = { chain, padding: [1, 2, 3, 4, 5, 6, 7, 8] };
  },
  "kill -9": () => process.kill(process.pid, "SIGKILL"),
  hang: () => {
    for (;;);
  },
  /** Asks a listener to end this thread, which hangs until then. */
  terminate: () => {
    new BroadcastChannel(faultChannel).postMessage(threadId);
    for (;;);
  },
} as const;
export type FaultKind = keyof typeof kinds;

/** Barriers that this thread has reached in the step of its only fault. */
let barriers = 0;

/** Fails if this is the right place. */
export function strike(fault: Fault, phase: Phase, step: number, rank: number): void {
  if (fault.step !== step || fault.rank !== rank) return;
  if (fault.phase === phase && barriers >= (fault.afterBarriers ?? 0)) kinds[fault.how]();
  if (phase === "barrier") barriers++;
}
