// The samples of a batch as tensors: gathered from columns in memory, computed by the job, or gathered and then changed
// by it. In two parts: the job's functions run first, on the host; the rest is kernels only, which a captured pass may
// replay. Runs on the thread that needs the batch.
import { IndexError, ShardgradError, scope, Tensor } from "@shardgrad/core";
import { heap } from "@shardgrad/core/engine";
import type { StoredColumns } from "../data/columns.ts";
import { allocateRows, batchDType, byColumn, gatherRows, rowSize, rowsOf } from "../data/columns.ts";
import { definitionOf, writeValues } from "../data/computed.ts";
import { computedPart } from "../data/dataset.ts";
import type { Purpose } from "../data/sample-random.ts";
import { SampleStream } from "../data/sample-random.ts";
import { describeThrown, JobError } from "../errors.ts";
import type { RunJob } from "../job/define-job.ts";
import { floatsAt } from "../shared/arrays/slices.ts";
import { nameSample } from "./name-sample.ts";

/** What a job's function returned for one sample, by column. */
type Returned = Record<string, unknown> | undefined;

/** Calls a job's function for one sample, and adds the sample to any error. */
function callForSample(where: string, name: string, body: () => unknown): Returned {
  let result: unknown;
  try {
    result = body();
  } catch (error) {
    const message = `${where}: ${name}() threw ${describeThrown(error)}`;
    // An external cause, such as a missing file, may be gone in a retry; a wrong use of shardgrad will not.
    throw error instanceof ShardgradError
      ? new JobError(message, { cause: error })
      : new Error(message, { cause: error });
  }
  if (typeof (result as PromiseLike<unknown> | undefined)?.then === "function") {
    throw new JobError(
      `${where}: ${name}() returned a promise, expected values; a step cannot wait: load what it needs synchronously, or in ahead(), for which the step waits`,
    );
  }
  return result as Returned;
}

/** Refuses names that are not columns: most likely a typo. */
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

/** One sample of a batch, with the place of its columns there. */
type HeldSample = Record<string, Float32Array | Int32Array>;

/**
 * What the job's functions do with a sample, given its number in the set: compute it, augment it for training, or both.
 * Undefined if the job has no such function for this set.
 */
function editOf(
  job: RunJob,
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
      // Changes in place are checked like returned numbers.
      const kept = name === "augment" && value === undefined ? held : value;
      writeValues(`dataset: ${part} column ${column.name} of sample ${row}`, held, kept);
    }
  };
  return (row, sample) => {
    if (compute) apply("sample", row, sample, () => compute(row, random, job.context));
    if (augment) apply("augment", row, sample, () => augment(sample, random, job.context));
  };
}

/** What reads ahead for samples, given their numbers in the set; undefined if the set does not. */
function aheadOf(
  job: RunJob,
  { computedBy }: StoredColumns,
): ((rows: Int32Array) => Promise<void>) | undefined {
  const { ahead } = computedBy ? definitionOf(computedPart(job.dataset, computedBy)) : {};
  if (!ahead) return undefined;
  return async (rows) => {
    let reading: unknown;
    try {
      reading = ahead(rows, job.context);
      await reading;
    } catch (error) {
      // As in callForSample.
      const message = `dataset: ${computedBy}: ahead() failed: ${describeThrown(error)}`;
      throw error instanceof ShardgradError
        ? new JobError(message, { cause: error })
        : new Error(message, { cause: error });
    }
    if (reading instanceof Promise) return;
    throw new JobError(`dataset: ${computedBy}: ahead() returned ${typeof reading}, expected a promise`);
  };
}

/** Loads samples of a set. Training draws depend on the epoch; evaluations always see the same samples, without `augment`. */
export class BatchSource {
  readonly #stored: StoredColumns;
  readonly #purpose: Purpose;
  readonly #rowAt: (place: number) => number;
  readonly #random: SampleStream;
  readonly #edit: ReturnType<typeof editOf>;
  readonly #ahead: ReturnType<typeof aheadOf>;
  /** Numbers, in the whole set, of the loaded samples. */
  readonly #index: Tensor;
  /** Those samples, column by column, if the job's functions must see them. */
  readonly #held: readonly Tensor[];

  readonly #onSample: () => void;

  /**
   * @param capacity samples that it can load at once
   * @param onSample called before each sample that the job's functions see
   */
  constructor(
    job: RunJob,
    stored: StoredColumns,
    purpose: Purpose,
    seed: number,
    capacity: number,
    onSample: () => void = () => undefined,
  ) {
    this.#onSample = onSample;
    this.#stored = stored;
    this.#purpose = purpose;
    this.#rowAt = rowsOf(stored);
    this.#random = new SampleStream(seed, purpose);
    this.#edit = editOf(job, stored, this.#random, purpose);
    this.#ahead = aheadOf(job, stored);
    this.#index = Tensor.allocate([capacity], "int32", "batch").keep();
    this.#held = this.#edit ? stored.columns.map((column) => allocateRows(column, capacity).keep()) : [];
  }

  /** Whether functions of the job take part in loading. */
  get callsJob(): boolean {
    return this.#edit !== undefined;
  }

  /** Whether the job reads ahead. */
  get readsAhead(): boolean {
    return this.#ahead !== undefined;
  }

  /** Reads ahead what `load` will need for the samples at these places, if the job does. */
  async ahead(places: Int32Array): Promise<void> {
    await this.#ahead?.(places.map(this.#rowAt));
  }

  /**
   * Loads the samples at the given places of the set. Host work: not for a captured function.
   *
   * @param firstDraw for draws with replacement: the number, within the epoch, of the first draw. A sample drawn again
   * gets new random numbers.
   * @throws JobError if a function of the job does not return what the columns declare
   */
  load(places: Int32Array, epoch: number, firstDraw?: number): void {
    const rows = places.map(this.#rowAt);
    this.#index.data().set(rows);
    const edit = this.#edit;
    if (!edit) return;
    const { columns, computedBy } = this.#stored;
    const columnAt = columns.map((column, i) => {
      const [y, size] = [this.#held[i]!, rowSize(column)];
      if (!computedBy) gatherRows(column, this.#index.view([rows.length], [1]), y);
      const values = y.data() as Float32Array | Int32Array;
      return (at: number) => [column.name, values.subarray(at * size, (at + 1) * size)] as const;
    });
    rows.forEach((row, at) => {
      this.#onSample();
      const sample = Object.fromEntries(columnAt.map((entry) => entry(at)));
      const key = firstDraw === undefined ? row : firstDraw + at;
      this.#random.within(key, epoch, () => scope(() => edit(row, sample)));
    });
  }

  /**
   * The first `count` loaded samples, as tensors by column: kernels only, so it can be captured.
   *
   * @param what names the batch in the error for a column that it lacks
   */
  batch(count: number, what = "train: the batch"): Record<string, Tensor> {
    const entries = this.#stored.columns.map((column, i): [string, Tensor] => {
      const held = this.#held[i];
      if (held) return [column.name, held.view([count, ...column.shape], held.strides)];
      const y = allocateRows(column, count);
      gatherRows(column, this.#index.view([count], [1]), y);
      return [column.name, y];
    });
    return byColumn(what, entries);
  }

  /** Gives its memory back. */
  dispose(): void {
    for (const x of [this.#index, ...this.#held]) x.dispose();
  }

  /**
   * Runs a function on the first `count` loaded samples; an error about a number in one of them names the sample. Not
   * inside a captured function.
   */
  during<T>(count: number, body: () => T): T {
    try {
      return body();
    } catch (error) {
      if (!(error instanceof IndexError)) throw error;
      const { columns } = this.#stored;
      const part = this.#purpose === "evaluation" && !this.#stored.subset ? "test" : "train";
      throw nameSample(error, {
        part: this.#stored.computedBy ?? part,
        rows: this.#index.data().subarray(0, count) as Int32Array,
        columns: columns.map((column, i) => {
          const size = rowSize(column);
          const held = this.#held[i]?.data();
          const at = (row: number, place: number) => (held ? place : row) * size;
          const stored = heap()[column.dtype];
          const view = held ?? stored.subarray(column.address / stored.BYTES_PER_ELEMENT);
          return {
            name: column.name,
            integers: batchDType(column) === "int32",
            numbers: (row, place) => view.subarray(at(row, place), at(row, place) + size),
          };
        }),
      });
    }
  }

  /** The numbers of the first `count` loaded samples, in a float32 column with one number per sample. */
  numbers(name: string, count: number): Float32Array {
    const at = this.#stored.columns.findIndex((column) => column.name === name);
    const held = this.#held[at];
    if (held) return held.data().subarray(0, count) as Float32Array;
    const { columns, samples, subset } = this.#stored;
    const values = floatsAt(columns[at]!.address, subset?.of ?? samples);
    return Float32Array.from(this.#index.data().subarray(0, count), (row) => values[row]!);
  }
}
