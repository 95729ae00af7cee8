// What rank 0 tells about each step, if a script wants to know: one record of float64 per step in shared memory. Written
// before the word `step` is raised, so a reader that sees the word sees the record.
import { heap } from "@shardgrad/core/engine";

export interface StepRecord {
  /** Mean loss over the step's samples, before the update. */
  loss: number;
  /** The norm of the averaged gradient before clipping, with `clipGradNorm` or `onNonFinite`; else NaN. */
  gradNorm: number;
  /** True if it was not finite and left out. */
  skipped: boolean;
}

/** Float64 values that one record takes. */
export const stepRecordSize = 3;

/** Writes the record of step `step`, counted from 0, into the table at byte `table`. */
export function writeStepRecord(table: number, step: number, { loss, gradNorm, skipped }: StepRecord): void {
  heap().float64.set([loss, gradNorm, Number(skipped)], table / 8 + step * stepRecordSize);
}

export function readStepRecord(table: number, step: number): StepRecord {
  const at = table / 8 + step * stepRecordSize;
  const [loss, gradNorm, skipped] = heap().float64.subarray(at, at + stepRecordSize);
  return { loss: loss!, gradNorm: gradNorm!, skipped: skipped === 1 };
}
