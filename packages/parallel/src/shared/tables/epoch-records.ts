// What rank 0 reports to the coordinator about each epoch: one row of a table in shared memory. It writes the row
// before it raises the word `epochs`, so a reader that sees the word sees the whole record.
import type { Float64Table } from "./float64-table.ts";
import { readCell, rowOf } from "./float64-table.ts";

export interface EpochRecord {
  /** Steps done when the epoch ended. */
  step: number;
  /** Mean loss over the samples of the epoch, weighted if they have weights; each with its step's model. */
  loss: number;
  /** Training speed, see `training-clock.ts`: samples, and the time of their steps. */
  samples: number;
  trainMs: number;
  /** Time of the evaluation at its end. */
  evaluateMs: number;
  /** The numbers of all metrics over the test set, in the job's order. */
  metrics: number[];
}

const fixedColumns = 5;

/** Columns of the table, for so many numbers of metrics. */
export function epochColumns(cells: number): number {
  return fixedColumns + cells;
}

/** Writes the record of an epoch, counted from 0. */
export function writeRecord(table: Float64Table, epoch: number, record: EpochRecord): void {
  const { step, loss, samples, trainMs, evaluateMs, metrics } = record;
  rowOf(table, epoch).set([step, loss, samples, trainMs, evaluateMs, ...metrics]);
}

export function readRecord(table: Float64Table, epoch: number): EpochRecord {
  const at = (column: number) => readCell(table, epoch, column);
  const metrics: number[] = [];
  for (let column = fixedColumns; column < table.columns; column++) metrics.push(at(column));
  return { step: at(0), loss: at(1), samples: at(2), trainMs: at(3), evaluateMs: at(4), metrics };
}
