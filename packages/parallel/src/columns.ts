// Dataset columns in shared memory: stored once by the coordinator, gathered into batches by the workers.
import type { Shape } from "@shardgrad/core";
import { Tensor } from "@shardgrad/core";
import type { Storage } from "@shardgrad/core/engine";
import { heap, kernelsFor } from "@shardgrad/core/engine";
import { JobError } from "./errors.ts";
import type { Column, ColumnData, Columns } from "./job.ts";

/** Where a column lies, in a form that crosses threads. */
export interface StoredColumn {
  name: string;
  address: number;
  dtype: "float32" | "int32" | "uint8";
  /** Shape of one sample. */
  shape: Shape;
  /** How bytes become float32; they become int32 without. */
  scaling: { scale: number; shift: number } | undefined;
}

export interface StoredColumns {
  samples: number;
  columns: StoredColumn[];
}

interface CheckedColumn {
  name: string;
  column: Column;
  dtype: StoredColumn["dtype"];
  rowSize: number;
  samples: number;
}

function checkColumn(part: string, name: string, input: Column | ColumnData): CheckedColumn {
  const column = ArrayBuffer.isView(input) ? { data: input } : (input as Column);
  const where = `dataset: ${part} column ${name}`;
  const { data, shape = [] } = column ?? {};
  const dtype =
    data instanceof Float32Array
      ? "float32"
      : data instanceof Int32Array
        ? "int32"
        : data instanceof Uint8Array
          ? "uint8"
          : undefined;
  if (!dtype) {
    const got = Array.isArray(column) ? column : data;
    throw new JobError(
      `${where} is of type ${(got as object | undefined)?.constructor?.name ?? typeof got}, expected a Float32Array, Int32Array or Uint8Array; convert it with Float32Array.from(…), and names of classes to numbers`,
    );
  }
  if (!Array.isArray(shape) || shape.some((length) => !Number.isInteger(length) || length < 1)) {
    throw new JobError(`${where} has shape ${JSON.stringify(shape)}, expected an array of positive integers`);
  }
  if ((column.scale !== undefined || column.shift !== undefined) && dtype !== "uint8") {
    throw new JobError(`${where} is ${dtype} with a scale or shift; only bytes (Uint8Array) are scaled`);
  }
  if (data.length === 0) throw new JobError(`${where} is empty; expected at least one sample`);
  const rowSize = shape.reduce((size, length) => size * length, 1);
  const samples = data.length / rowSize;
  if (!Number.isInteger(samples) || samples === 0) {
    throw new JobError(
      `${where} has ${data.length} numbers, expected a multiple of ${rowSize}, the size of one sample [${shape.join(",")}]`,
    );
  }
  if (dtype === "float32") {
    const bad = data.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      throw new JobError(
        `${where} has ${data[bad]} in sample ${Math.floor(bad / rowSize)}, expected finite numbers; fill or drop such samples`,
      );
    }
  }
  return { name, column, dtype, rowSize, samples };
}

/** Checks columns, copies them into `allocate`-d shared memory, and says where they are. */
export function storeColumns(
  part: string,
  columns: Columns,
  allocate: (bytes: number) => Storage,
): StoredColumns {
  const checked = Object.entries(columns).map(([name, column]) => checkColumn(part, name, column));
  const first = checked[0];
  if (!first) throw new JobError(`dataset: ${part} has no columns; expected at least one`);
  for (const { name, samples } of checked) {
    if (samples !== first.samples) {
      throw new JobError(
        `dataset: ${part} column ${name} has ${samples} samples, column ${first.name} has ${first.samples}; all columns need the same number`,
      );
    }
  }
  const stored = checked.map(({ name, column: { data, shape = [], scale, shift }, dtype }): StoredColumn => {
    const storage = allocate(data.byteLength);
    heap().uint8.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), storage.offset);
    const scaled = scale !== undefined || shift !== undefined;
    const scaling = scaled ? { scale: scale ?? 1, shift: shift ?? 0 } : undefined;
    return { name, address: storage.offset, dtype, shape, scaling };
  });
  return { samples: first.samples, columns: stored };
}

/** The given samples of every column as tensors; `index` holds their numbers (int32). */
export function gatherBatch(stored: StoredColumns, index: Tensor): Record<string, Tensor> {
  const batch: Record<string, Tensor> = {};
  for (const { name, address, dtype, shape, scaling } of stored.columns) {
    const rows = index.size;
    const cols = shape.reduce((size, length) => size * length, 1);
    const isFloat = dtype === "float32" || scaling !== undefined;
    const y = Tensor.allocate([rows, ...shape], isFloat ? "float32" : "int32", `batch ${name}`);
    const kernels = kernelsFor(y.dtype);
    if (dtype === "uint8") {
      const { scale, shift } = scaling ?? { scale: 1, shift: 0 };
      kernels.gatherUint8(rows, cols, address, index.address, scale, shift, y.address);
    } else kernels.gather(rows, cols, address, index.address, y.address);
    batch[name] = y;
  }
  return batch;
}
