// Data sets of raw rows, which learn from their training rows how to make columns: means, vocabularies, the order of
// columns. `fit` returns that as the job's state; `encode` makes columns of rows with it, also of rows to come. Knows
// nothing of files, nor of what is learned; when it is called, see fit-rows.ts.
import { callOfJob, JobError } from "../errors.ts";
import type { Columns } from "./dataset.ts";

/** Named columns of raw values, all of one length: numbers, words, null for what is missing. */
export type Rows<Name extends string = string> = Readonly<Record<Name, ArrayLike<unknown>>>;

/** What `fit` and `encode` do. */
interface Fitting<S, C extends Columns, Name extends string> {
  /**
   * Learns from the training rows; what `validation` holds out is not among them. Returns the job's state: plain data,
   * in which there may be typed arrays.
   */
  fit(trainingRows: Rows<Name>): S;
  /**
   * Makes columns of rows: of those that trained, of those that were held out, of new ones, which may lack what is to be
   * predicted. Then there is no column for that. Each sample must come from its own row and the state only.
   */
  encode(rows: Rows<Name>, state: S): C;
}

/**
 * A data set that learns from its training rows; for a job's `dataset`, as it is or as what a function returns. Its rows
 * are loaded by `load`, once, on the main thread only; or they stand there as `train` and `test`.
 */
export type FittedDataset<S = unknown, C extends Columns = Columns, Name extends string = string> = Fitting<
  S,
  C,
  Name
> &
  (
    | {
        load():
          | Rows<Name>
          | { train: Rows<Name>; test?: Rows<Name> }
          | Promise<Rows<Name> | { train: Rows<Name>; test?: Rows<Name> }>;
      }
    | { train: Rows<Name>; test?: Rows<Name> }
  );

/** Makes columns of rows, as `encode` of a data set. */
export type Encode = (rows: Rows, state: unknown) => Columns;

/** The rows of a data set, loaded. */
export interface FoundRows {
  rows: { train: Rows; test?: Rows };
  fit: (trainingRows: Rows) => unknown;
  encode: Encode;
}

/** Whether a job's dataset, or what its function returned, is one of rows. */
export function isFitted(dataset: unknown): dataset is FittedDataset {
  return typeof dataset === "object" && dataset !== null && ("fit" in dataset || "encode" in dataset);
}

const isArrayLike = (value: unknown): value is ArrayLike<unknown> =>
  typeof value === "object" &&
  value !== null &&
  typeof (value as Partial<ArrayLike<unknown>>).length === "number";

/**
 * The number of rows.
 *
 * @param where what errors begin with
 * @throws JobError unless they are named columns of one length
 */
export function countRows(where: string, rows: unknown): number {
  if (typeof rows !== "object" || rows === null || Array.isArray(rows)) {
    throw new JobError(
      `${where} is ${rows === null ? "null" : Array.isArray(rows) ? "an array" : typeof rows}, expected columns of raw values by name, such as { age: [31, 44] }`,
    );
  }
  const columns = Object.entries(rows);
  const [first] = columns;
  if (!first) throw new JobError(`${where} has no columns; expected at least one`);
  for (const [name, values] of columns) {
    if (!isArrayLike(values)) {
      throw new JobError(
        `${where}: column ${name} is ${values === null ? "null" : typeof values}, expected an array of values, one for each row`,
      );
    }
    if (values.length === (first[1] as ArrayLike<unknown>).length) continue;
    throw new JobError(
      `${where}: column ${name} has ${values.length} values, column ${first[0]} has ${(first[1] as ArrayLike<unknown>).length}; all columns need one for each row`,
    );
  }
  return (first[1] as ArrayLike<unknown>).length;
}

/** Rows that are some of others. */
interface Part {
  readonly of: Rows;
  /** Which of the others each of them is. */
  readonly numbers: Int32Array;
}

const parts = new WeakMap<Rows, Part>();

/** Of which rows these were taken; undefined if they are all that there are. For errors that name the place of a row. */
export const partOf = (rows: Rows): Part | undefined => parts.get(rows);

/** Some of the rows. */
export function takeRows(rows: Rows, numbers: Int32Array): Rows {
  const columns = Object.entries(rows).map(([name, values]) => [
    name,
    ArrayBuffer.isView(values)
      ? // biome-ignore lint/suspicious/noExplicitAny: any of the typed arrays
        (values as any).constructor.from(numbers, (row: number) => values[row])
      : Array.from(numbers, (row) => values[row]),
  ]);
  const taken = Object.fromEntries(columns) as Rows;
  parts.set(taken, { of: rows, numbers });
  return taken;
}

/** The `encode` of a data set. */
const encoderOf =
  (dataset: FittedDataset): Encode =>
  (rows, state) =>
    callOfJob("dataset: encode()", () => dataset.encode(rows, state));

/**
 * Loads the rows of a data set.
 *
 * @param call calls a function of the job, and names it in errors
 * @throws JobError if a part of the data set is missing
 */
export async function findRows(
  dataset: FittedDataset,
  call: (what: string, load: () => unknown) => Promise<unknown>,
): Promise<FoundRows> {
  const { fit, encode } = dataset as Partial<FittedDataset>;
  for (const [name, value] of Object.entries({ fit, encode })) {
    if (typeof value === "function") continue;
    throw new JobError(
      `dataset: ${name} is ${typeof value}, expected a function; rows need both: fit(trainingRows) learns a state, and encode(rows, state) makes columns`,
    );
  }
  const found = "load" in dataset ? await call("load", () => dataset.load()) : dataset;
  const parts = (found ?? {}) as { train?: unknown; test?: unknown };
  const rows =
    "load" in dataset && (!("train" in parts) || isArrayLike(parts.train)) ? { train: found } : parts;
  const { train, test } = rows as { train: Rows; test?: Rows };
  for (const [part, values] of Object.entries({ train, test })) {
    if (part === "test" && values === undefined) continue;
    const where = `dataset: ${part}`;
    if (countRows(where, values) === 0) throw new JobError(`${where} has no rows; expected at least one`);
  }
  return {
    rows: { train, ...(test && { test }) },
    fit: (trainingRows) => callOfJob("dataset: fit()", () => dataset.fit(trainingRows)),
    encode: encoderOf(dataset),
  };
}

/** The encoders that a state can name. */
const encoders = new Map<string, Encode>();

/**
 * Gives an encoder a name, under which the state of a data set can name it, as `encoder`. So saved weights find it
 * without the data set, when the job's `dataset` is a function. A library calls it when it is imported.
 */
export function registerEncoder(name: string, encode: (rows: Rows, state: never) => Columns): void {
  if (typeof name !== "string" || name === "") {
    throw new JobError(
      `registerEncoder: the name is ${JSON.stringify(name) ?? typeof name}, expected a string, such as "table"`,
    );
  }
  if (typeof encode !== "function") {
    throw new JobError(
      `registerEncoder: got ${typeof encode} for "${name}", expected a function of (rows, state)`,
    );
  }
  encoders.set(name, encode as Encode);
}

/**
 * The encoder of a job's new rows: that of its data set, if that stands in the job, or the one that the state names.
 * Undefined if there is none: then columns are all that it takes.
 */
export function findEncoder(dataset: unknown, state: unknown): Encode | undefined {
  if (isFitted(dataset)) return encoderOf(dataset);
  const name = (state as { encoder?: unknown } | null | undefined)?.encoder;
  return typeof name === "string" ? encoders.get(name) : undefined;
}
