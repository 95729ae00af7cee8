// What a job may train on: columns held in memory, or sets computed sample by sample. Types, and getting hold of the
// sets that a job names. Must not know how they are stored or drawn from: see columns.ts and batches.ts.
import type { IntegerArray, Shape, Tensor } from "@shardgrad/core";
import { optionNames } from "@shardgrad/core/engine";
import { checkParts } from "../check-parts.ts";
import { JobError } from "../errors.ts";
import type { JobContext, Params } from "../params.ts";
import { takeState } from "../params.ts";
import type { Computed, ComputedColumns, SampleValues } from "./computed.ts";
import { isComputed } from "./computed.ts";
import type { SampleRandom } from "./sample-random.ts";

/** What a column may hold. */
export type ColumnData = Float32Array | Int32Array | Uint8Array | Uint8ClampedArray | IntegerArray;

/** One value per sample. Integers become int32 tensors in a batch, if they fit into one; bytes with a `scale` or `shift` become float32. */
export interface Column {
  /** The samples, one after another. */
  data: ColumnData;
  /** Shape of one sample; `[]`, a single number, if absent. A batch of n samples has shape `[n, ...shape]`. */
  shape?: Shape;
  /** Bytes only: the tensor holds `value * scale + shift`; 1 if absent. */
  scale?: number;
  /** Bytes only; 0 if absent. */
  shift?: number;
}

/** Columns by name; a bare typed array is a column with one number per sample. */
export type Columns = Readonly<Record<string, Column | ColumnData>>;

/** The columns of a set, held in memory or computed, by name. */
export type AnyColumns = Columns | ComputedColumns;

/** A set with the names of another's columns. */
type Alike<C> = Readonly<Record<keyof C & string, Column | ColumnData>>;
type AlikeComputed<C> = Computed<Readonly<Record<keyof C & string, ComputedColumns[string]>>>;

/** The samples, in memory. */
export interface Dataset<C extends AnyColumns, S = unknown> {
  train: C & Columns;
  /** Evaluated after each epoch, if there are metrics. */
  test?: Alike<C>;
  /** What the functions of the job must know of the data: plain data, which every thread gets, and which is saved with the weights. */
  state?: S;
}

/**
 * The samples, each part as it comes: in memory, loaded by a function (on the main thread, once), or computed by the
 * workers.
 */
export interface DatasetParts<C extends AnyColumns, P = Params, S = unknown> {
  train: (C & Columns) | Computed<C & ComputedColumns> | Load<P, C & Columns>;
  /** Evaluated after each epoch, if there are metrics. */
  test?: Alike<C> | AlikeComputed<C> | Load<P, Alike<C>>;
  /** As in `Dataset`. */
  state?: S;
}

type Load<P, Set> = (context: { readonly params: P }) => Set | Promise<Set>;

/** The samples of one step (or of one shard of it): a tensor [n, …] per column. */
export type Batch<C extends AnyColumns> = { readonly [K in keyof C]: Tensor };

/** The shape of one sample of each column. */
export type SampleShapes<C extends AnyColumns> = { readonly [K in keyof C]: Shape };

/**
 * A number for each sample: the name of a column that holds one per sample, an array, or a function of the sample's
 * number, which is called on the main thread.
 */
export type PerSample<Name extends string = string> = Name | ArrayLike<number> | ((index: number) => number);

/** The parts that a dataset has. */
export type Part = "train" | "test";

/** What a batch, and so a single sample, holds of data in memory. */
type NumbersOf<Data, Scaled> = Data extends Float32Array
  ? Float32Array
  : Data extends Uint8Array | Uint8ClampedArray
    ? Scaled extends true
      ? Float32Array
      : Int32Array
    : Int32Array;

/** The numbers of one sample of a column. */
type SampleNumbers<X> = X extends ColumnData
  ? NumbersOf<X, false>
  : X extends { data: infer Data }
    ? NumbersOf<Data, X extends { scale: number } | { shift: number } ? true : false>
    : X extends { dtype: "int32" }
      ? Int32Array
      : Float32Array;

/** One sample as a batch holds it: its numbers by column, to be read, or changed in place. */
export type Sample<C extends AnyColumns> = { readonly [K in keyof C]: SampleNumbers<C[K]> };

/**
 * Alters one sample: in place, or by returning new numbers for some columns. `rng` draws from a stream keyed by (seed,
 * epoch, sample), or by (seed, epoch, draw) where samples are drawn with replacement.
 */
export type Augment<C extends AnyColumns, P = Params, S = unknown> = (
  sample: Sample<C>,
  rng: SampleRandom,
  context: JobContext<P, S>,
  // biome-ignore lint/suspicious/noConfusingVoidType: a function that only changes in place returns nothing
) => Partial<SampleValues<C>> | void;

/** One part, as it was found. */
export type FoundSet = Columns | Computed;

async function call(what: string, load: () => unknown): Promise<unknown> {
  try {
    return await load();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new JobError(`train: the job's ${what}() failed: ${message}`, { cause: error });
  }
}

async function findPart(part: Part, value: unknown, loaded: boolean, params: Params): Promise<FoundSet> {
  const byFunction = loaded || typeof value === "function";
  const load = value as (context: { params: Params }) => unknown;
  const set = typeof value === "function" ? await call(`dataset.${part}`, () => load({ params })) : value;
  if (typeof set !== "object" || set === null) {
    throw new JobError(
      `train: the job's dataset has no \`${part}\` columns; expected { train: { … }, test: { … } }`,
    );
  }
  if (byFunction && isComputed(set)) {
    throw new JobError(
      `dataset: ${part} is computed, but a function returned it, and workers do not call that; write dataset: { ${part}: computed({ … }) }`,
    );
  }
  return set as FoundSet;
}

/** The computed set that stands in a job's dataset; on any thread. */
export function computedPart(dataset: unknown, part: Part): Computed {
  return (dataset as Record<Part, Computed>)[part];
}

const datasetParts = optionNames<{ train: unknown; test: unknown; state: unknown }>(
  { train: true, test: true, state: true },
  {
    validation:
      "the set to evaluate is called test here; or give the job validation, to hold samples of train out",
    valid: "the set to evaluate is called test here",
    val: "the set to evaluate is called test here",
  },
);

/**
 * The sets that a job names, with every function that loads one called, and what it says of them for its other functions.
 * For the main thread only.
 *
 * @throws JobError if there is no training set, a function fails, or the state is no plain data
 */
export async function resolveDataset(
  dataset: unknown,
  params: Params = {},
): Promise<{ train: FoundSet; test?: FoundSet; state: unknown }> {
  const loaded = typeof dataset === "function";
  const parts = (loaded ? await call("dataset", () => dataset({ params })) : dataset) as
    | (Partial<Record<Part, unknown>> & { state?: unknown })
    | undefined;
  const train = await findPart("train", parts?.train, loaded, params);
  checkParts("dataset", parts, datasetParts);
  const test = parts?.test === undefined ? {} : { test: await findPart("test", parts.test, loaded, params) };
  return { train, ...test, state: takeState(parts?.state) };
}
