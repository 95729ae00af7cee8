// The samples of a batch as tensors, wherever they come from: gathered from columns in memory, computed by the job, or
// gathered and then altered by it. Runs on the thread that needs the batch.
import { scope, Tensor } from "@shardgrad/core";
import type { StoredColumns } from "./columns.ts";
import { allocateBatch, gatherBatch, rowSize, rowsOf } from "./columns.ts";
import { definitionOf, writeValues } from "./computed.ts";
import { computedPart } from "./dataset.ts";
import { JobError } from "./errors.ts";
import type { Job } from "./job.ts";
import type { Purpose } from "./sample-random.ts";
import { SampleStream } from "./sample-random.ts";

/**
 * The samples at the given places of a set, in the given epoch, as tensors by column.
 *
 * @param firstDraw for samples drawn with replacement: the number, in the epoch, of the first draw. The same sample may
 * come up again and again, and gets other random numbers each time.
 */
export type DrawBatch = (places: Int32Array, epoch: number, firstDraw?: number) => Record<string, Tensor>;

/** What a job's function returned for one sample, by column. */
type Returned = Record<string, unknown> | undefined;

/** Calls a job's function for one sample, and has whatever is wrong say for which. */
function callForSample(where: string, name: string, body: () => unknown): Returned {
  let result: unknown;
  try {
    result = body();
  } catch (error) {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    throw new JobError(`${where}: ${name}() threw ${text}`, { cause: error });
  }
  if (typeof (result as PromiseLike<unknown> | undefined)?.then === "function") {
    throw new JobError(
      `${where}: ${name}() returned a promise, expected values; a step cannot wait: load what it needs synchronously, or when the module is imported`,
    );
  }
  return result as Returned;
}

/** Refuses names that are no column: most likely a slip. */
function checkNames(
  where: string,
  name: string,
  returned: Returned,
  columns: StoredColumns["columns"],
): void {
  const known = columns.map((column) => column.name);
  const unknown = Object.keys(returned ?? {}).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  throw new JobError(`${where}: ${name}() returned "${unknown}", expected the columns ${known.join(", ")}`);
}

/** One sample of a batch: where the batch holds its columns. */
type HeldSample = Record<string, Float32Array | Int32Array>;

/**
 * What the job's functions do with a sample, given its number in the set: compute it, alter it for training, or both;
 * undefined if it has none for this set.
 */
function editOf(
  job: Job,
  { columns, computedBy }: StoredColumns,
  random: SampleStream,
  purpose: Purpose,
): ((row: number, sample: HeldSample) => void) | undefined {
  const compute = computedBy && definitionOf(computedPart(job.dataset, computedBy)).sample;
  const augment = purpose === "training" ? job.augment : undefined;
  if (!compute && !augment) return undefined;
  const part = computedBy ?? "train";
  const apply = (name: string, row: number, sample: HeldSample, body: () => unknown) => {
    const where = `dataset: ${part} sample ${row}`;
    const returned = callForSample(where, name, body);
    checkNames(where, name, returned, columns);
    for (const column of columns) {
      const held = sample[column.name]!;
      const value = returned?.[column.name];
      // What was changed in place is checked like what was returned.
      const kept = name === "augment" && value === undefined ? held : value;
      writeValues(`dataset: ${part} column ${column.name} of sample ${row}`, held, kept);
    }
  };
  return (row, sample) => {
    if (compute) apply("sample", row, sample, () => compute(row, random));
    if (augment) apply("augment", row, sample, () => augment(sample, random));
  };
}

/**
 * How to draw batches of a set. What is drawn for training depends on the epoch; evaluations see the same each time,
 * as it was before `augment`.
 */
export function batchesOf(job: Job, stored: StoredColumns, purpose: Purpose, seed: number): DrawBatch {
  const { columns, computedBy } = stored;
  const rowAt = rowsOf(stored);
  const random = new SampleStream(seed, purpose);
  const edit = editOf(job, stored, random, purpose);
  return (places, epoch, firstDraw) => {
    const index = Tensor.allocate([places.length], "int32", "batch");
    const rows = index.data().map((_, i) => rowAt(places[i]!));
    index.copyFrom(rows);
    const batch = computedBy
      ? Object.fromEntries(columns.map((column) => [column.name, allocateBatch(column, rows.length)]))
      : gatherBatch(stored, index);
    if (!edit) return batch;
    const held = columns.map((column) => ({
      name: column.name,
      size: rowSize(column),
      values: batch[column.name]!.data() as Float32Array | Int32Array,
    }));
    rows.forEach((row, i) => {
      const sample = Object.fromEntries(
        held.map(({ name, size, values }) => [name, values.subarray(i * size, (i + 1) * size)]),
      );
      const key = firstDraw === undefined ? row : firstDraw + i;
      random.within(key, epoch, () => edit(row, sample));
    });
    return batch;
  };
}

/**
 * Computes the first sample of a set that will be evaluated: what is wrong with it is better found before the training
 * than after an epoch.
 *
 * @throws JobError if the job's function does not give what the columns say
 */
export function tryFirstSample(job: Job, stored: StoredColumns, seed: number): void {
  if (!stored.computedBy) return;
  scope(() => void batchesOf(job, stored, "evaluation", seed)(Int32Array.of(0), 0));
}
