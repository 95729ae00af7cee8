// Data sets that are computed sample by sample, by the worker that needs the sample; and the writing of what a job's
// function gave for a sample into a batch, with every mistake named. Knows nothing of batches or of where sets lie.

import type { Shape } from "@shardgrad/core";
import { optionNames } from "@shardgrad/core/engine";
import { checkParts } from "../check-parts.ts";
import { JobError } from "../errors.ts";
import type { JobContext, Params } from "../params.ts";
import type { SampleRandom } from "./sample-random.ts";

/** One column of a computed set. */
export interface ComputedColumn {
  /** Shape of one sample; `[]`, a single number, if absent. A batch of n samples has shape `[n, ...shape]`. */
  shape?: Shape;
  /** "float32" if absent. */
  dtype?: "float32" | "int32";
}

/** The columns of a computed set by name. */
export type ComputedColumns = Readonly<Record<string, ComputedColumn>>;

/** What a sample holds: for each column its numbers in row-major order; for a column of single numbers the number. */
export type SampleValues<C> = { readonly [K in keyof C]: number | ArrayLike<number> };

/** A set that is computed sample by sample. */
export interface ComputedDefinition<C extends ComputedColumns, P = Params, S = unknown> {
  /** How many there are. */
  samples: number;
  columns: C;
  /**
   * The numbers of one sample, which may depend on its number, from 0 to `samples` - 1, on what it draws from `rng`, on
   * the job's params and state, and on nothing else. They are copied at once: the same arrays may be returned again and
   * again.
   */
  sample: (index: number, rng: SampleRandom, context: JobContext<P, S>) => SampleValues<C>;
}

const parts = optionNames<ComputedDefinition<ComputedColumns>>({
  samples: true,
  columns: true,
  sample: true,
});
const columnParts = optionNames<ComputedColumn>({ shape: true, dtype: true });

const brand = Symbol.for("shardgrad.computed");

/** A checked set, as `computed` returns it. */
export interface Computed<C extends ComputedColumns = ComputedColumns> {
  readonly [brand]: ComputedDefinition<C>;
}

/**
 * Declares a set that is computed sample by sample, to stand in a job's dataset as `train` or `test`. The function is
 * called by the worker that needs the sample, in each epoch anew. `rng` draws from a stream of the sample's own, keyed
 * by (seed, epoch, index), so that results depend neither on the number of workers nor on their timing; in evaluations
 * its numbers are the same each time, and others than in training.
 *
 * @throws JobError if a part is missing or of the wrong kind
 */
export function computed<C extends ComputedColumns, P = Params, S = unknown>(
  definition: ComputedDefinition<C, P, S>,
): Computed<C> {
  checkParts("computed", definition, parts);
  const { samples, columns, sample } = definition;
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
 * Copies what a job's function gave for one column of one sample to where the batch holds it.
 *
 * @param where names column and sample in errors
 * @throws JobError unless it is as many numbers as the sample has, finite, and integers where the column has those
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
      // A finite number may be too large for float32.
      if (fits(target[i]!)) continue;
    }
    const kind = target instanceof Float32Array ? "finite float32 numbers" : "int32 numbers";
    throw new JobError(`${where} has ${kindOf(number)} at place ${i}, expected ${kind}`);
  }
}
