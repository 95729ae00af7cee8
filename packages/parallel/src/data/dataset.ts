// What a job may train on: columns in memory, or computed sets; the types. Sets of rows are in fitted.ts;
// resolve-dataset.ts loads what a job names. Must not know how sets are stored or sampled; for that see columns.ts and
// batches.ts.
import type { IntegerArray, Shape, Tensor } from "@shardgrad/core";
import type { JobContext, Params } from "../params.ts";
import type { Computed, ComputedColumns, SampleValues } from "./computed.ts";
import type { SampleRandom } from "./sample-random.ts";

/** The types of a column's data. */
export type ColumnData = Float32Array | Int32Array | Uint8Array | Uint8ClampedArray | IntegerArray;

/**
 * One value per sample. Integers become int32 tensors in a batch, if they fit; bytes with a `scale` or `shift` become
 * float32.
 */
export interface Column {
  /** The samples, one after another. */
  data: ColumnData;
  /** Shape of one sample; default `[]`, a single number. A batch of n samples has shape `[n, ...shape]`. */
  shape?: Shape;
  /** Bytes only: the tensor holds `value * scale + shift`. Default 1. */
  scale?: number;
  /** Bytes only. Default 0. */
  shift?: number;
}

/** Columns by name; a bare typed array is a column with one number per sample. */
export type Columns = Readonly<Record<string, Column | ColumnData>>;

/** The columns of a set by name, in memory or computed. */
export type AnyColumns = Columns | ComputedColumns;

/** A set with the same column names as another. */
type Alike<C> = Readonly<Record<keyof C & string, Column | ColumnData>>;
type AlikeComputed<C> = Computed<Readonly<Record<keyof C & string, ComputedColumns[string]>>>;

/** The training samples, in memory. */
export interface Dataset<C extends AnyColumns, S = unknown> {
  train: C & Columns;
  /** Evaluated after each epoch, if there are metrics. */
  test?: Alike<C>;
  /** What the job's functions must know about the data, as plain data. Every thread gets it, and it is saved with the weights. */
  state?: S;
}

/** The samples. Each part is in memory, or loaded by a function (once, on the main thread), or computed by the workers. */
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
 * A number for each sample: the name of a column with one number per sample, an array, or a function of the sample
 * number. The function runs on the main thread.
 */
export type PerSample<Name extends string = string> = Name | ArrayLike<number> | ((index: number) => number);

/** The fields of a dataset. */
export type Part = "train" | "test";

/** The type of a sample, or a batch, for data in memory. */
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

/** One sample: its numbers by column, which you may read or change in place. */
export type Sample<C extends AnyColumns> = { readonly [K in keyof C]: SampleNumbers<C[K]> };

/**
 * Changes one sample in place, or returns new numbers for some columns. `rng` draws from a stream keyed by (seed,
 * epoch, sample), or by (seed, epoch, draw) if samples are drawn with replacement.
 */
export type Augment<C extends AnyColumns, P = Params, S = unknown> = (
  sample: Sample<C>,
  rng: SampleRandom,
  context: JobContext<P, S>,
  // biome-ignore lint/suspicious/noConfusingVoidType: a function that only changes in place returns nothing
) => Partial<SampleValues<C>> | void;

/** One part of a dataset, loaded. */
export type FoundSet = Columns | Computed;

/** The computed set in a job's dataset. Works on any thread. */
export function computedPart(dataset: unknown, part: Part): Computed {
  return (dataset as Record<Part, Computed>)[part];
}
