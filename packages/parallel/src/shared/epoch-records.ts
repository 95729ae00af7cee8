// What rank 0 tells the coordinator about each epoch: one record of float64 in shared memory. The record is written
// first, then the word `epochs` is raised, so a reader that sees the word sees the whole record.

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

const fixedFields = 5;

/** Float64 values that one record takes, with so many numbers of metrics. */
export function recordSize(cells: number): number {
  return fixedFields + cells;
}

export function writeRecord(view: Float64Array, at: number, record: EpochRecord): void {
  view.set(
    [record.step, record.loss, record.samples, record.trainMs, record.evaluateMs, ...record.metrics],
    at,
  );
}

export function readRecord(view: Float64Array, at: number, cells: number): EpochRecord {
  const [step, loss, samples, trainMs, evaluateMs] = view.subarray(at, at + fixedFields) as unknown as [
    number,
    number,
    number,
    number,
    number,
  ];
  const values = [...view.subarray(at + fixedFields, at + fixedFields + cells)];
  return { step, loss, samples, trainMs, evaluateMs, metrics: values };
}
