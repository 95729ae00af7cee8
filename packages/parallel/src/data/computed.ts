// Data sets that the workers compute sample by sample. Also writes what a job's function returned for a sample into a
// batch, with a clear error for every mistake. Knows nothing of batches or of where sets lie.

import type { Shape } from "@shardgrad/core";
import { optionNames } from "@shardgrad/core/engine";
import { checkParts } from "../check-parts.ts";
import { JobError } from "../errors.ts";
import type { JobContext, Params } from "../params.ts";
import type { SampleRandom } from "./sample-random.ts";

/** One column of a computed set. */
export interface ComputedColumn {
  /** Shape of one sample; default `[]`, a single number. A batch of n samples has shape `[n, ...shape]`. */
  shape?: Shape;
  /** Default "float32". */
  dtype?: "float32" | "int32";
}

/** The columns of a computed set by name. */
export type ComputedColumns = Readonly<Record<string, ComputedColumn>>;

/** One sample: for each column its numbers in row-major order, or just the number if a sample holds only one. */
export type SampleValues<C> = { readonly [K in keyof C]: number | ArrayLike<number> };

/** A set whose samples are computed one by one. */
export interface ComputedDefinition<C extends ComputedColumns, P = Params, S = unknown> {
  /** The number of samples. */
  samples: number;
  columns: C;
  /**
   * Returns one sample. The numbers may depend only on `index` (from 0 to `samples` - 1), on draws from `rng`, and on
   * the job's params and state. They are copied at once, so you may return the same arrays every time.
   */
  sample: (index: number, rng: SampleRandom, context: JobContext<P, S>) => SampleValues<C>;
  /**
   * Reads ahead: gets the numbers of the samples that this worker trains on next, while it still computes. The step
   * waits for the promise before it calls `sample`. It must not change a number: checks and evaluations call `sample`
   * alone.
   */
  ahead?: (indices: Int32Array, context: JobContext<P, S>) => Promise<void>;
}

const parts = optionNames<ComputedDefinition<ComputedColumns>>({
  samples: true,
  columns: true,
  sample: true,
  ahead: true,
});
const columnParts = optionNames<ComputedColumn>({ shape: true, dtype: true });

const brand = Symbol.for("shardgrad.computed");

/** A checked set, as `computed` returns it. */
export interface Computed<C extends ComputedColumns = ComputedColumns> {
  readonly [brand]: ComputedDefinition<C>;
}

/**
 * Declares a computed set, for `train` or `test` of a job's dataset. The worker that needs a sample calls the function,
 * again in every epoch. Each sample has its own `rng` stream, keyed by (seed, epoch, index), so results depend neither
 * on the number of workers nor on timing. Evaluations use a separate stream, the same each time.
 *
 * @throws JobError if a field is missing or of the wrong type
 */
export function computed<C extends ComputedColumns, P = Params, S = unknown>(
  definition: ComputedDefinition<C, P, S>,
): Computed<C> {
  checkParts("computed", definition, parts);
  const { samples, columns, sample, ahead } = definition;
  if (!(Number.isInteger(samples) && samples >= 1 && samples < 2 ** 31)) {
    throw new JobError(`computed: samples is ${samples}, expected an integer from 1 to 2^31 - 1`);
  }
  if (typeof columns !== "object" || columns === null || Object.keys(columns).length === 0) {
    throw new JobError("computed: there are no columns; expected { name: { shape, dtype }, … }");
  }
  for (const [name, column] of Object.entries(columns)) {
    checkParts(`computed: column ${name}`, column, columnParts);
    const { shape = [], dtype = "float32" } = column;
    if (!Array.isArray(shape) || shape.some((length) => !Number.isInteger(length) || length < 1)) {
      throw new JobError(
        `computed: column ${name} has shape ${JSON.stringify(shape)}, expected an array of positive integers`,
      );
    }
    if (dtype !== "float32" && dtype !== "int32") {
      throw new JobError(`computed: column ${name} is ${String(dtype)}, expected "float32" or "int32"`);
    }
  }
  if (typeof sample !== "function") {
    throw new JobError(`computed: sample is ${typeof sample}, expected a function of (index, rng)`);
  }
  if (ahead !== undefined && typeof ahead !== "function") {
    throw new JobError(
      `computed: ahead is ${typeof ahead}, expected a function of (indices) that returns a promise`,
    );
  }
  return { [brand]: definition as unknown as ComputedDefinition<C> };
}

export function isComputed(set: object): set is Computed {
  return brand in set;
}

export function definitionOf(set: Computed): ComputedDefinition<ComputedColumns> {
  return set[brand];
}

function kindOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  return value.constructor?.name ?? "an object";
}

/**
 * Copies one column of one sample, as a job's function returned it, to its place in the batch.
 *
 * @param where names column and sample in errors
 * @throws JobError unless it has as many numbers as the sample, all finite, and integers for an integer column
 */
export function writeValues(where: string, target: Float32Array | Int32Array, value: unknown): void {
  const expected = `expected ${target.length === 1 ? "a number" : `${target.length} numbers`}`;
  const values = typeof value === "number" ? [value] : (value as ArrayLike<unknown> | null | undefined);
  if (typeof values !== "object" || typeof values?.length !== "number") {
    throw new JobError(`${where} is ${kindOf(value)}, ${expected}, as an array or typed array`);
  }
  if (values.length !== target.length) {
    throw new JobError(`${where} has ${values.length} numbers, ${expected}`);
  }
  const fits = target instanceof Float32Array ? Number.isFinite : (x: number) => (x | 0) === x;
  for (let i = 0; i < target.length; i++) {
    const number = values[i];
    if (typeof number === "number" && fits(number)) {
      target[i] = number;
      // A finite float64 may overflow float32.
      if (fits(target[i]!)) continue;
    }
    const kind = target instanceof Float32Array ? "finite float32 numbers" : "int32 numbers";
    throw new JobError(`${where} has ${kindOf(number)} at place ${i}, expected ${kind}`);
  }
}
