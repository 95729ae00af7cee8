// Which values a column accepts, and how it stores them: as an array of float32, int32 or bytes. It takes other
// integers if they fit int32. For anything else, the error says what to write. Knows nothing of sets, or of where
// columns lie.
import { Tensor } from "@shardgrad/core";
import { isIntegerArray, toInt32 } from "@shardgrad/core/engine";
import { JobError } from "../errors.ts";

/** The stored types. */
export type StoredData = Float32Array | Int32Array | Uint8Array;

const isStored = (data: unknown): data is StoredData =>
  data instanceof Float32Array || data instanceof Int32Array || data instanceof Uint8Array;

/** Bytes that a column takes once stored; 0 if the value is not a column. */
export function storedBytes(data: unknown): number {
  if (isStored(data)) return data.byteLength;
  return isIntegerArray(data) ? 4 * data.length : 0;
}

/** The lengths of nested arrays by level, read from the first row of each. */
function nestedShape(rows: ArrayLike<unknown>): number[] {
  const shape: number[] = [];
  for (let level: unknown = rows; Array.isArray(level) || ArrayBuffer.isView(level); ) {
    const { length } = level as ArrayLike<unknown>;
    shape.push(length);
    level = (level as ArrayLike<unknown>)[0];
  }
  return shape;
}

/** What to write instead of an array of numbers or of rows. */
function adviceForRows(rows: readonly unknown[]): string {
  const [, ...sample] = nestedShape(rows);
  let first: unknown = rows[0];
  while (Array.isArray(first) || ArrayBuffer.isView(first)) first = (first as ArrayLike<unknown>)[0];
  if (typeof first !== "number" && typeof first !== "boolean" && typeof first !== "bigint") {
    return `an array of ${rows.length} that begins with ${JSON.stringify(first) ?? String(first)}; make numbers of it: names of classes become integers, in an Int32Array`;
  }
  const number = typeof first === "number" ? "" : ", Number";
  if (sample.length === 0) {
    return `an array of ${rows.length} numbers; write Float32Array.from(data${number}), or Int32Array.from(data${number}) for labels and indices`;
  }
  const uneven = (rows as ArrayLike<unknown>[]).findIndex((row) => row?.length !== sample[0]);
  if (uneven >= 0) {
    return `an array of rows, of which row 0 has ${sample[0]} numbers and row ${uneven} ${(rows as ArrayLike<unknown>[])[uneven]?.length ?? "none"}; make all samples equally long, such as by zeros at their ends`;
  }
  const flat = Array.isArray(rows[0])
    ? `data.flat(${sample.length === 1 ? "" : sample.length})`
    : "data.flatMap((row) => [...row])";
  return `an array of ${rows.length} rows; write { data: Float32Array.from(${flat}${number}), shape: [${sample.join(", ")}] }, or Int32Array.from(…) for labels and indices`;
}

function adviceFor(data: unknown): string {
  if (Array.isArray(data)) return adviceForRows(data);
  if (data instanceof Tensor) {
    const sample = data.shape.slice(1);
    return `a Tensor of ${data.dtype}; write { data: ${data.dtype === "float64" ? "Float32Array.from(data.toArray())" : "data.toArray()"}, shape: [${sample.join(", ")}] }`;
  }
  const name = (data as object | undefined)?.constructor?.name ?? typeof data;
  if (ArrayBuffer.isView(data) && Symbol.iterator in data) {
    return `a ${name}; write Float32Array.from(data), or Int32Array.from(data) for labels and indices`;
  }
  return `of type ${name}, expected a Float32Array, an array of integers such as Int32Array, or bytes (Uint8Array)`;
}

/**
 * Converts a column's data to the stored type.
 *
 * @param where names the column in errors
 * @param rowSize numbers in one sample
 * @throws JobError if it cannot be stored; the message says what to write instead
 */
export function storable(where: string, data: unknown, rowSize: number): StoredData {
  if (isStored(data)) return data;
  // The same bytes; a canvas gives these.
  if (data instanceof Uint8ClampedArray) return new Uint8Array(data.buffer, data.byteOffset, data.length);
  if (isIntegerArray(data)) {
    return toInt32(
      data,
      (place) =>
        new JobError(
          `${where} has ${data[place]} in sample ${Math.floor(place / rowSize)}, expected integers from -2147483648 to 2147483647, which int32 holds; number what they stand for from 0 on, or write Float32Array.from(data, Number)`,
        ),
    );
  }
  throw new JobError(`${where} is ${adviceFor(data)}`);
}
