// What rank 0 tells the coordinator about each epoch: one row of a table in shared memory. The row is written first, then
// the word `epochs` is raised, so a reader that sees the word sees the whole record.
import type { Float64Table } from "./float64-table.ts";
import { rowOf } from "./float64-table.ts";

export interface EpochRecord {
  /** Steps done when the epoch ended. */
  step: number;
  /** Mean of the loss over the samples of the epoch, by their weights if they have any; each with its step's model. */
  loss: number;
  /** How fast it was trained, see `training-clock.ts`: samples, and the time of their steps. */
  samples: number;
  trainMs: number;
  /** Time of the evaluation after it. */
  evaluateMs: number;
  /** The numbers of all metrics over the test set, in the order of the job. */
  metrics: number[];
}

const fixedColumns = 5;

/** Columns of the table, with so many numbers of metrics. */
export function epochColumns(cells: number): number {
  return fixedColumns + cells;
}

/** Writes the record of an epoch, counted from 0. */
export function writeRecord(table: Float64Table, epoch: number, record: EpochRecord): void {
  const { step, loss, samples, trainMs, evaluateMs, metrics } = record;
  rowOf(table, epoch).set([step, loss, samples, trainMs, evaluateMs, ...metrics]);
}

export function readRecord(table: Float64Table, epoch: number): EpochRecord {
  const [step, loss, samples, trainMs, evaluateMs, ...metrics] = rowOf(table, epoch);
  return {
    step: step!,
    loss: loss!,
    samples: samples!,
    trainMs: trainMs!,
    evaluateMs: evaluateMs!,
    metrics,
  };
}
