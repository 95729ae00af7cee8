// What a checkpoint of a run carries besides model, optimizer and identity: the sums of the epoch that is under way, and the
// records of those that are over. It stands where a loop of one's own has its random state, as that of a run follows from
// seed and step. Read as strictly as the rest of the file.
import type { Checkpoint } from "../checkpoint/find-newest.ts";
import {
  count,
  Damage,
  exactly,
  listOf,
  number,
  numbers,
  object,
  plain,
  record,
} from "../checkpoint/schema.ts";
import { damagedCheckpoint } from "../errors.ts";
import type { MetricValue } from "../metrics/definition.ts";
import type { MetricsPlan } from "../metrics/plan.ts";
import { namedValues } from "../metrics/plan.ts";
import type { EpochRecord } from "../shared/epoch-records.ts";
import { readRecord } from "../shared/epoch-records.ts";
import type { Float64Table } from "../shared/float64-table.ts";

/** The record of an epoch as a checkpoint keeps it: metrics by name, as a run may have others when it goes on. */
export type SavedRecord = Omit<EpochRecord, "metrics"> & { metrics: Readonly<Record<string, MetricValue>> };

export interface Carried {
  lossSum: number;
  weight: number;
  skipped: number;
  /** Of the epochs that are over. */
  epochs: readonly SavedRecord[];
}

/** Where the records of epochs are, and the metrics of each. */
export interface Records {
  table: Float64Table;
  metrics: MetricsPlan;
}

export function readSaved({ table, metrics }: Records, epoch: number): SavedRecord {
  const record = readRecord(table, epoch);
  return { ...record, metrics: namedValues(metrics, record.metrics) };
}

const savedRecord = (step: number) =>
  object({
    step: exactly(step),
    loss: number,
    samples: count,
    trainMs: number,
    evaluateMs: number,
    metrics: record(numbers),
  });

/**
 * What a checkpoint carries, which must be of a run with so many steps in an epoch, and samples in a step.
 *
 * @throws CheckpointError if it is not what a run has written at that step
 */
export function readCarried(
  { path, state }: Pick<Checkpoint, "path" | "state">,
  { perEpoch, batchSize }: { perEpoch: number; batchSize: number },
): Carried {
  const { step, epoch, cursor, random } = state;
  const over = Math.floor(step / perEpoch);
  try {
    exactly(over)(epoch, "state.json.epoch");
    exactly((step % perEpoch) * batchSize)(cursor, "state.json.cursor");
    const at = "state.json.random";
    object({ lossSum: number, weight: number, skipped: count, epochs: listOf(over, plain) })(random, at);
    const carried = random as unknown as Carried;
    carried.epochs.forEach((saved, index) => {
      savedRecord((index + 1) * perEpoch)(saved, `${at}.epochs[${index}]`);
    });
    return carried;
  } catch (error) {
    if (!(error instanceof Damage)) throw error;
    throw damagedCheckpoint(path, error.message, error);
  }
}
