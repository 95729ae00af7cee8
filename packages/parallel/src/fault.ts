// Failures on purpose, for the tests of recovery: a worker that dies or throws in a given phase of a given step. Nothing
// sets one in a run that `train` starts.
import type { Phase } from "./errors.ts";

export interface Fault {
  rank: number;
  step: number;
  phase: Phase;
  how: FaultKind;
}

/** What a worker can do to itself. */
const kinds = {
  "process.exit": () => process.exit(7),
  throw: () => {
    throw new RangeError("injected");
  },
  "throw null": () => {
    throw null;
  },
  "heap exhaustion": () => {
    for (const hoard: object[] = []; ; ) hoard.push(new Array(1000).fill(hoard.length));
  },
  /** Hangs until the thread is ended from outside. */
  hang: () => {
    for (;;);
  },
} as const;
export type FaultKind = keyof typeof kinds;

/** Does the fault if this is its place. */
export function strike(fault: Fault, step: number, phase: Phase): void {
  if (fault.step === step && fault.phase === phase) kinds[fault.how]();
}
