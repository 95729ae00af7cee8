// From raw rows to columns: holds rows out, lets the data set learn from the others, and makes columns of each part by
// what it learned. So no held-out row can influence the state, nor a sample of another part. Main thread only.
import { JobError } from "../errors.ts";
import { takeState } from "../state.ts";
import type { CheckedColumn } from "./columns.ts";
import { checkColumnShapes } from "./columns.ts";
import type { Columns } from "./dataset.ts";
import type { Encode, FoundRows, Rows } from "./fitted.ts";
import { countRows, takeRows } from "./fitted.ts";
import { perSample } from "./per-sample.ts";
import type { HoldOut } from "./split.ts";
import { holdOutRows, stratifyOf } from "./split.ts";

/** Columns of rows, and what was learned from the training rows. */
export interface FittedColumns {
  /** Of all rows, also of those that are held out. */
  train: Columns;
  test?: Columns;
  state: unknown;
  /** The numbers of the rows that train, and of those that are held out, if `validation` holds some out. */
  held?: { train: Int32Array; test: Int32Array };
}

/** Numbers the values of a raw column, which may be words: equal ones get the same number. */
function numberValues(values: ArrayLike<unknown>): Float64Array {
  const numbers = new Map<unknown, number>();
  return Float64Array.from(values, (value) => {
    const number = numbers.get(value) ?? numbers.size;
    numbers.set(value, number);
    return number;
  });
}

/** The class of each row, if `validation` names a raw column with them, or gives them itself. */
function classesOf(holdOut: HoldOut, rows: Rows, samples: number): Float64Array | undefined {
  const stratify = stratifyOf(holdOut);
  if (stratify === undefined) return undefined;
  return perSample("validation.stratify", stratify, samples, "classes", {
    names: Object.keys(rows),
    find: (name) => {
      const values = Object.hasOwn(rows, name) ? rows[name] : undefined;
      return values && { values: numberValues(values), rowSize: 1 };
    },
  });
}

function describeColumns(columns: readonly CheckedColumn[]): string {
  return columns
    .map(({ name, dtype, column: { shape = [], scale, shift } }) => {
      const scaled = scale === undefined && shift === undefined ? "" : ` × ${scale ?? 1} + ${shift ?? 0}`;
      return `${name} ${dtype} [${shape.join(",")}]${scaled}`;
    })
    .join(", ");
}

/**
 * Columns of rows, checked.
 *
 * @throws JobError unless `encode` returned columns with a sample for each row
 */
export function encodeRows(where: string, encode: Encode, rows: Rows, state: unknown): CheckedColumn[] {
  const columns: unknown = encode(rows, state);
  if (typeof columns !== "object" || columns === null || columns instanceof Promise) {
    const got = columns instanceof Promise ? "a promise" : columns === null ? "null" : typeof columns;
    throw new JobError(`${where}: encode() returned ${got}, expected columns by name`);
  }
  const samples = countRows(where, rows);
  const checked = checkColumnShapes(`${where}: encode():`, columns as Columns);
  if (checked[0]!.samples === samples) return checked;
  throw new JobError(
    `${where}: encode() returned ${checked[0]!.samples} samples for ${samples} rows, expected one for each`,
  );
}

/** Puts the columns of both parts together, each sample at the place of its row. */
function mergeParts(
  parts: { train: CheckedColumn[]; test: CheckedColumn[] },
  held: { train: Int32Array; test: Int32Array },
): Columns {
  const [own, other] = [describeColumns(parts.train), describeColumns(parts.test)];
  if (own !== other) {
    throw new JobError(
      `dataset: encode() returned ${other} for held-out rows, ${own} for training rows; they must agree: decide them in fit()`,
    );
  }
  const samples = held.train.length + held.test.length;
  const merged = parts.train.map(({ name, column, rowSize }, i) => {
    const data = new (column.data.constructor as Float32ArrayConstructor)(samples * rowSize);
    for (const part of ["train", "test"] as const) {
      const from = parts[part][i]!.column.data;
      held[part].forEach((row, at) => {
        data.set(from.subarray(at * rowSize, (at + 1) * rowSize), row * rowSize);
      });
    }
    return [name, { ...column, data }] as const;
  });
  return Object.fromEntries(merged) as Columns;
}

const columnsOf = (checked: readonly CheckedColumn[]): Columns =>
  Object.fromEntries(checked.map(({ name, column }) => [name, column]));

/**
 * Holds rows out, learns from the others, and makes columns.
 *
 * @param saved the state of an earlier run; then nothing is learned
 * @throws JobError if a part would be empty, or what `fit` or `encode` return is not what they must
 */
export function fitRows(
  { rows, fit: learnFrom, encode }: FoundRows,
  holdOut: HoldOut | undefined,
  seed: number,
  saved?: { state: unknown },
): FittedColumns {
  const learn = (training: Rows) => (saved ? saved.state : takeState(learnFrom(training)));
  if (holdOut === undefined) {
    const state = learn(rows.train);
    const columns = (part: "train" | "test") =>
      columnsOf(encodeRows(`dataset: ${part}`, encode, rows[part]!, state));
    return { train: columns("train"), ...(rows.test && { test: columns("test") }), state };
  }
  const samples = countRows("dataset: train", rows.train);
  const held = holdOutRows("validation", samples, holdOut, seed, classesOf(holdOut, rows.train, samples));
  const training = takeRows(rows.train, held.train);
  const state = learn(training);
  const parts = {
    train: encodeRows("dataset: train", encode, training, state),
    test: encodeRows("dataset: held-out rows", encode, takeRows(rows.train, held.test), state),
  };
  return { train: mergeParts(parts, held), state, held };
}
