// Failures on purpose, for the tests of recovery: a worker that dies or throws in a given phase of a given step.
import { BroadcastChannel, threadId } from "node:worker_threads";
import type { Phase } from "../src/errors.ts";

/** Where a thread tells its id that wants to be ended. */
export const faultChannel = "shardgrad.fault";

/** Under what name threads that start find their fault among the data of their environment. */
export const faultKey = "shardgrad.fault";

export interface Fault {
  rank: number;
  step: number;
  phase: Phase;
  /** How many barriers of the step the worker must have come to before: 1 is behind the first one within a pass. */
  afterBarriers?: number;
  how: FaultKind;
}

/** What is to go wrong in each attempt at a run. */
export type Faults = readonly (Fault | undefined)[];

/** What a worker can do to itself. */
const kinds = {
  "process.exit": () => process.exit(7),
  throw: () => {
    // Without a place: it is no line of a job.
    throw Object.assign(new RangeError("injected"), { stack: undefined });
  },
  "throw null": () => {
    throw null;
  },
  "heap exhaustion": () => {
    for (let chain: object = {}; ; ) chain = { chain, padding: [1, 2, 3, 4, 5, 6, 7, 8] };
  },
  hang: () => {
    for (;;);
  },
  /** Asks whoever listens to end this thread, which hangs until then. */
  terminate: () => {
    new BroadcastChannel(faultChannel).postMessage(threadId);
    for (;;);
  },
} as const;
export type FaultKind = keyof typeof kinds;

/** Barriers that this thread has come to in the step of its fault, which is the only one it has. */
let barriers = 0;

/** Does the fault if this is its place. */
export function strike(fault: Fault, phase: Phase, step: number, rank: number): void {
  if (fault.step !== step || fault.rank !== rank) return;
  if (fault.phase === phase && barriers >= (fault.afterBarriers ?? 0)) kinds[fault.how]();
  if (phase === "barrier") barriers++;
}
