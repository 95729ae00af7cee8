// From what a caller asks about to columns as the model knows them: rows are encoded, columns are taken as they are, and
// both are checked against those that it was trained with. Knows nothing of models.
import type { CheckedColumn, StoredColumn } from "../data/columns.ts";
import { batchDType, checkColumns, checkFinite } from "../data/columns.ts";
import type { Column, ColumnData, Columns } from "../data/dataset.ts";
import { encodeRows } from "../data/fit-rows.ts";
import type { Encode, Rows } from "../data/fitted.ts";
import { countRows } from "../data/fitted.ts";
import { JobError } from "../errors.ts";
import type { KnownColumn, WeightsInfo } from "../job/weights-metadata.ts";

/** Columns, rows as columns of raw values, rows as objects, or a single row. */
export type Given = Columns | Rows | readonly object[] | Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;
const isList = (value: unknown): value is ArrayLike<unknown> =>
  Array.isArray(value) || ArrayBuffer.isView(value);
const isColumn = (value: unknown): boolean => isList(value) || (isObject(value) && "data" in value);

/** Columns of objects, one for each row. A name that some lack is null there. */
function rowsOfObjects(where: string, objects: readonly unknown[]): Rows {
  const columns = new Map<string, unknown[]>();
  objects.forEach((object, row) => {
    if (!isObject(object) || isList(object)) {
      throw new JobError(
        `${where}: row ${row} is ${Array.isArray(object) ? "an array" : String(object)}, expected an object such as { age: 31 }`,
      );
    }
    for (const [name, value] of Object.entries(object)) {
      if (!columns.has(name)) columns.set(name, new Array(objects.length).fill(null));
      columns.get(name)![row] = value;
    }
  });
  return Object.fromEntries(columns);
}

/** The column's description as other threads and the batches know it. */
export function storedColumn(name: string, { dtype, shape, scale, shift }: KnownColumn): StoredColumn {
  const scaling =
    scale === undefined && shift === undefined ? undefined : { scale: scale ?? 1, shift: shift ?? 0 };
  return { name, address: 0, dtype, shape, scaling };
}

/** All columns that the model was trained with. */
export function knownColumns({ columns }: WeightsInfo): StoredColumn[] {
  return Object.entries(columns).map(([name, column]) => storedColumn(name, column));
}

/** A given column with what it leaves to the known one: its shape, and how bytes are scaled. */
function completed(given: unknown, known: KnownColumn): Column {
  const column = (isList(given) ? { data: given } : given) as Column;
  const { scale, shift } = known;
  const isBytes = column.data instanceof Uint8Array || column.data instanceof Uint8ClampedArray;
  const ownScale = column.scale !== undefined || column.shift !== undefined;
  const scaling = isBytes && !ownScale && scale !== undefined ? { scale, shift: shift ?? 0 } : {};
  return { ...(column.shape === undefined && { shape: known.shape }), ...scaling, ...column };
}

function describe(column: StoredColumn): string {
  return `${batchDType(column)} [${column.shape.join(",")}]`;
}

/** @throws JobError unless a column is like the one of its name that the model was trained with */
function requireAlike(where: string, { name, dtype, column }: CheckedColumn, known: StoredColumn): void {
  const { shape = [], scale, shift } = column;
  const scaled = scale !== undefined || shift !== undefined;
  const own = {
    name,
    address: 0,
    dtype,
    shape,
    scaling: scaled ? { scale: scale ?? 1, shift: shift ?? 0 } : undefined,
  };
  if (describe(own) === describe(known)) return;
  throw new JobError(
    `${where}: column ${name} is ${describe(own)}, expected ${describe(known)}, as the model was trained with`,
  );
}

/** Whether what is given are rows for the encoder. A name that raw rows have means rows, also if a column has it, too. */
function areRows(given: object, { columns, rows = [] }: WeightsInfo): boolean {
  return Object.keys(given).some((name) => rows.includes(name) || !Object.hasOwn(columns, name));
}

/**
 * The columns to answer; undefined for 0 rows.
 *
 * @throws JobError that names what does not fit
 */
export function columnsGiven(
  where: string,
  given: unknown,
  info: WeightsInfo,
  encode: Encode | undefined,
): CheckedColumn[] | undefined {
  if (!isObject(given)) {
    throw new JobError(
      `${where}: got ${given === null ? "null" : typeof given}, expected columns or rows, such as { x: Float32Array.of(1, 2) }`,
    );
  }
  const list = Array.isArray(given);
  const single = !list && Object.keys(given).length > 0 && !Object.values(given).some(isColumn);
  const values = list || single ? rowsOfObjects(where, list ? given : [given]) : given;
  if (list && given.length === 0) return undefined;
  if (encode && areRows(values, info)) {
    if (countRows(where, values) === 0) return undefined;
    const encoded = encodeRows(where, encode, values as Rows, info.state);
    for (const column of encoded) checkFinite(`${where}:`, column);
    return checkAlike(where, encoded, info);
  }
  if (list || single) {
    const why = info.rows
      ? `this job's rows need an encoder: put the data set itself into \`dataset\`, or name one in its state, as registerEncoder says`
      : "this job was trained on columns: give { name: typed array }";
    throw new JobError(
      `${where}: got ${list ? "rows" : "a row"} as ${list ? "objects" : "an object"}, but ${why}`,
    );
  }
  const names = Object.keys(info.columns);
  const unknown = Object.keys(values).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    const why =
      info.rows && !encode
        ? "; for raw rows put the data set itself into `dataset`, or name an encoder in its state, as registerEncoder says"
        : "";
    throw new JobError(`${where}: the model knows no column ${unknown}, but ${names.join(", ")}${why}`);
  }
  const entries = Object.entries(values).map(
    ([name, value]) => [name, completed(value, info.columns[name]!)] as const,
  );
  if (entries.length > 0 && entries.every(([, { data }]) => isList(data) && data.length === 0))
    return undefined;
  return checkAlike(where, checkColumns(`${where}:`, Object.fromEntries(entries)), info);
}

function checkAlike(where: string, columns: CheckedColumn[], info: WeightsInfo): CheckedColumn[] {
  for (const column of columns) {
    const known = info.columns[column.name];
    if (!known)
      throw new JobError(
        `${where}: encode() returned a column ${column.name}, which the model was not trained with`,
      );
    requireAlike(where, column, storedColumn(column.name, known));
  }
  return columns;
}

/** Samples of columns, for another thread: without the others' bytes. */
export function sliceColumns(
  columns: readonly CheckedColumn[],
  from: number,
  to: number,
): Record<string, Column> {
  return Object.fromEntries(
    columns.map(({ name, column, rowSize }) => [
      name,
      { ...column, data: column.data.slice(from * rowSize, to * rowSize) as ColumnData },
    ]),
  );
}
