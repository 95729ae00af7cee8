// Rows: named columns of raw values of one length, as files hold them. Also remembers from which line of which file each
// row came, so that errors can name it. Knows nothing of files or of encoding.
import type { Rows } from "@shardgrad/parallel";
import { partOf } from "@shardgrad/parallel/command";
import { DataError } from "./errors.ts";

export type { Rows };

/** Where rows came from. */
export interface Origin {
  /** A file, for messages; absent for rows that are from none. */
  readonly name?: string;
  /** The line of each row, counted from 1; absent if rows have no lines. */
  readonly lines?: ArrayLike<number>;
  /** The number of each row, counted from 0; absent if they are all there, in their order. */
  readonly numbers?: ArrayLike<number>;
  /** What separates the values of a line. */
  readonly delimiter?: string;
}

const origins = new WeakMap<Rows, Origin>();

/** Notes where rows came from, and returns them. */
export function withOrigin<R extends Rows>(rows: R, origin: Origin | undefined): R {
  if (origin) origins.set(rows, origin);
  return rows;
}

/** Where rows came from, also if they are a part of others: those that train, those without a gap. */
export function originOf(rows: Rows): Origin | undefined {
  const known = origins.get(rows);
  const part = partOf(rows);
  if (known || !part) return known;
  const { lines, numbers, ...whole } = originOf(part.of) ?? {};
  const origin = {
    ...whole,
    ...(lines && { lines: part.numbers.map((row) => lines[row]!) }),
    numbers: numbers ? part.numbers.map((row) => numbers[row]!) : part.numbers,
  };
  origins.set(rows, origin);
  return origin;
}

/**
 * Where a row came from, for messages: `houses.csv line 17`, or `row 15` (counted from 0) for rows that are not from a
 * file, or from one without lines.
 */
export function placeOf(rows: Rows, row: number): string {
  const { name, lines, numbers } = originOf(rows) ?? {};
  const place = lines ? `line ${lines[row]}` : `row ${numbers?.[row] ?? row}`;
  return name === undefined ? place : `${name} ${place}`;
}

/**
 * The number of rows.
 *
 * @throws DataError unless all columns are equally long
 */
export function rowCount(operation: string, rows: Rows): number {
  const [first, ...others] = Object.entries(rows);
  if (!first) return 0;
  for (const [name, values] of [first, ...others]) {
    if (typeof values !== "object" || typeof values?.length !== "number") {
      throw new DataError(
        `${operation}: column ${name} is ${quotedKind(values)}, expected an array with one value per row`,
      );
    }
    if (values.length !== first[1].length) {
      throw new DataError(
        `${operation}: column ${name} has ${values.length} values, column ${first[0]} has ${first[1].length}; all columns need the same number`,
      );
    }
  }
  return first[1].length;
}

const quotedKind = (value: unknown): string => (value === null ? "null" : typeof value);

/**
 * Columns from one object per row, as JSON has them. A name that some objects lack is missing (null) there.
 *
 * @throws DataError if a row is no such object
 */
export function rowsFromObjects(objects: ArrayLike<object>): Rows {
  const columns = new Map<string, unknown[]>();
  const count = objects.length;
  for (let row = 0; row < count; row++) {
    const object: unknown = objects[row];
    if (typeof object !== "object" || object === null || Array.isArray(object)) {
      throw new DataError(
        `rowsFromObjects: row ${row} is ${Array.isArray(object) ? "an array" : quotedKind(object)}, expected an object such as { age: 31, city: "Bonn" }`,
      );
    }
    for (const [name, value] of Object.entries(object)) {
      let column = columns.get(name);
      if (!column) {
        column = new Array(count).fill(null);
        columns.set(name, column);
      }
      column[row] = value;
    }
  }
  return Object.fromEntries(columns);
}
