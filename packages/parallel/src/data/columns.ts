// Dataset columns in shared memory. The coordinator stores them once; workers gather batches from them.

import type { Shape } from "@shardgrad/core";
import { Tensor } from "@shardgrad/core";
import type { Storage } from "@shardgrad/core/engine";
import { heap, indexedKernels, optionNames } from "@shardgrad/core/engine";
import { checkParts } from "../check-parts.ts";
import { JobError } from "../errors.ts";
import type { StoredData } from "./column-data.ts";
import { storable } from "./column-data.ts";
import { definitionOf, isComputed } from "./computed.ts";
import type { Column, ColumnData, Columns, FoundSet, Part } from "./dataset.ts";

/** Where a column lies. Can be sent to other threads. */
export interface StoredColumn {
  name: string;
  /** 0 if it is computed. */
  address: number;
  dtype: "float32" | "int32" | "uint8";
  /** Shape of one sample. */
  shape: Shape;
  /** With `scale` and `shift`, bytes become float32; without, int32. */
  scaling: { scale: number; shift: number } | undefined;
}

export interface StoredColumns {
  samples: number;
  columns: StoredColumn[];
  /** For a computed set: the part of the job's dataset that computes its samples. */
  computedBy?: Part;
  /** For a part of another set: the address of its sample numbers in that set (int32), and that set's size. */
  subset?: { rows: number; of: number };
}

/** The columns as a job's functions see them. Reading a name that is not a column, most likely a typo, throws a JobError. */
export function byColumn<T>(what: string, entries: Iterable<readonly [string, T]>): Record<string, T> {
  return new Proxy(Object.fromEntries(entries), {
    get(columns, name) {
      // Promises probe every object for `then`.
      if (typeof name === "string" && name !== "then" && !(name in columns)) {
        throw new JobError(`${what} has no column "${name}", but ${Object.keys(columns).join(", ")}`);
      }
      return Reflect.get(columns, name);
    },
  });
}

/** The shape of one sample, by column. */
export function sampleShapes({ columns }: StoredColumns): Readonly<Record<string, Shape>> {
  return byColumn(
    "train: what model() is called with",
    columns.map(({ name, shape }) => [name, shape] as const),
  );
}

/** A checked column. */
export interface CheckedColumn {
  name: string;
  column: Omit<Column, "data"> & { data: StoredData };
  dtype: StoredColumn["dtype"];
  rowSize: number;
  samples: number;
}

const columnParts = optionNames<Column>(
  { data: true, shape: true, scale: true, shift: true },
  {
    dtype: "it is that of the data; write Float32Array.from(data) or Int32Array.from(data)",
    mean: "shift and scale a Uint8Array, or compute it where the data is loaded",
  },
);

/** A column with all fields filled in. Anything that is not such an object is taken as the column's data. */
function columnOf(where: string, input: unknown): { data: unknown } & Omit<Column, "data"> {
  const bare = typeof input !== "object" || input === null || ArrayBuffer.isView(input);
  if (bare || Array.isArray(input) || input instanceof Tensor) return { data: input };
  checkParts(where, input, columnParts);
  return input as Column;
}

function checkColumn(prefix: string, name: string, input: Column | ColumnData): CheckedColumn {
  const where = `${prefix} column ${name}`;
  const given = columnOf(where, input);
  const { shape = [] } = given;
  if (!Array.isArray(shape) || shape.some((length) => !Number.isInteger(length) || length < 1)) {
    throw new JobError(`${where} has shape ${JSON.stringify(shape)}, expected an array of positive integers`);
  }
  const rowSize = shape.reduce((size, length) => size * length, 1);
  const data = storable(where, given.data, rowSize);
  const column = { ...given, data };
  const dtype = data instanceof Float32Array ? "float32" : data instanceof Int32Array ? "int32" : "uint8";
  if ((column.scale !== undefined || column.shift !== undefined) && dtype !== "uint8") {
    throw new JobError(`${where} is ${dtype} with a scale or shift; only bytes (Uint8Array) are scaled`);
  }
  if (data.length === 0) throw new JobError(`${where} is empty; expected at least one sample`);
  const samples = data.length / rowSize;
  if (!Number.isInteger(samples) || samples === 0) {
    throw new JobError(
      `${where} has ${data.length} numbers, expected a multiple of ${rowSize}, the size of one sample [${shape.join(",")}]`,
    );
  }
  return { name, column, dtype, rowSize, samples };
}

/** @throws JobError for a number that is not finite */
export function checkFinite(prefix: string, { name, column: { data }, dtype, rowSize }: CheckedColumn): void {
  if (dtype !== "float32") return;
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return;
  throw new JobError(
    `${prefix} column ${name} has ${data[bad]} in sample ${Math.floor(bad / rowSize)}, expected finite numbers; fill or drop such samples`,
  );
}

/**
 * Checks each column, and that all have the same number of samples.
 *
 * @param prefix what errors begin with
 */
export function checkColumns(prefix: string, columns: Columns): CheckedColumn[] {
  const checked = checkColumnShapes(prefix, columns);
  for (const column of checked) checkFinite(prefix, column);
  return checked;
}

/** The same, but for values that are not finite. */
export function checkColumnShapes(prefix: string, columns: Columns): CheckedColumn[] {
  const checked = Object.entries(columns).map(([name, column]) => checkColumn(prefix, name, column));
  const first = checked[0];
  if (!first) throw new JobError(`${prefix} has no columns; expected at least one`);
  for (const { name, samples } of checked) {
    if (samples !== first.samples) {
      throw new JobError(
        `${prefix} column ${name} has ${samples} samples, column ${first.name} has ${first.samples}; all columns need the same number: is a shape, or an array, too long or too short?`,
      );
    }
  }
  return checked;
}

/** Checks columns, copies them into shared memory from `allocate`, and returns where they lie. */
function storeColumns(part: Part, columns: Columns, allocate: (bytes: number) => Storage): StoredColumns {
  return storeChecked(checkColumns(`dataset: ${part}`, columns), allocate);
}

/** Copies checked columns into shared memory. */
export function storeChecked(
  checked: readonly CheckedColumn[],
  allocate: (bytes: number) => Storage,
): StoredColumns {
  const stored = checked.map(({ name, column: { data, shape = [], scale, shift }, dtype }): StoredColumn => {
    const storage = allocate(data.byteLength);
    heap().uint8.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), storage.offset);
    const scaled = scale !== undefined || shift !== undefined;
    const scaling = scaled ? { scale: scale ?? 1, shift: shift ?? 0 } : undefined;
    return { name, address: storage.offset, dtype, shape, scaling };
  });
  return { samples: checked[0]!.samples, columns: stored };
}

/** Puts a set into shared memory from `allocate`, unless it is computed, and describes it for other threads. */
export function storeSet(part: Part, set: FoundSet, allocate: (bytes: number) => Storage): StoredColumns {
  if (!isComputed(set)) return storeColumns(part, set, allocate);
  const { samples, columns } = definitionOf(set);
  const described = Object.entries(columns).map(
    ([name, { shape = [], dtype = "float32" }]): StoredColumn => ({
      name,
      address: 0,
      dtype,
      shape,
      scaling: undefined,
    }),
  );
  return { samples, columns: described, computedBy: part };
}

/** The number, in the whole set, of the sample at each place. A part of a set lists these numbers. */
export function rowsOf({ samples, subset }: StoredColumns): (place: number) => number {
  if (!subset) return (place) => place;
  const rows = heap().int32.subarray(subset.rows / 4, subset.rows / 4 + samples);
  return (place) => rows[place]!;
}

/** Numbers in one sample of a column. */
export function rowSize({ shape }: Pick<StoredColumn, "shape">): number {
  return shape.reduce((size, length) => size * length, 1);
}

/** The type of a column in a batch. */
export function batchDType({ dtype, scaling }: StoredColumn): "float32" | "int32" {
  return dtype === "float32" || scaling !== undefined ? "float32" : "int32";
}

/** A tensor with room for `rows` samples of a column. */
export function allocateRows(column: StoredColumn, rows: number): Tensor {
  return Tensor.allocate([rows, ...column.shape], batchDType(column), `batch ${column.name}`);
}

/** Copies samples of a column to the first rows of `y`; `index` holds their numbers in the whole set (int32). */
export function gatherRows(column: StoredColumn, index: Tensor, y: Tensor): void {
  const { address, dtype, scaling } = column;
  const kernels = indexedKernels(y.dtype);
  if (dtype === "uint8") {
    const { scale, shift } = scaling ?? { scale: 1, shift: 0 };
    kernels.gatherUint8(index.size, rowSize(column), address, index.address, scale, shift, y.address);
  } else kernels.gather(index.size, rowSize(column), address, index.address, y.address);
}
