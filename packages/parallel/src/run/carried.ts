// What a checkpoint of a run carries besides model, optimizer and identity: the sums of the current epoch, and the
// records of finished ones. It goes where a custom training loop stores its random state, since a run's random state
// follows from seed and step. Parsed as strictly as the rest of the file.
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
import type { EpochRecord } from "../shared/tables/epoch-records.ts";
import { readRecord } from "../shared/tables/epoch-records.ts";
import type { Float64Table } from "../shared/tables/float64-table.ts";

/** The record of an epoch in a checkpoint. Metrics are stored by name, as the resumed run may have others. */
export type SavedRecord = Omit<EpochRecord, "metrics"> & { metrics: Readonly<Record<string, MetricValue>> };

export interface Carried {
  lossSum: number;
  weight: number;
  skipped: number;
  /** The records of finished epochs. */
  epochs: readonly SavedRecord[];
}

/** The tables of epoch records and of each one's metrics. */
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
 * Parses what a checkpoint carries, for a run with so many steps per epoch and samples per step.
 *
 * @throws CheckpointError if no run could have written it at that step
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
