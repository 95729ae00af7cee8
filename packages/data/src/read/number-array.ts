// An array of numbers with a shape, as NumPy and IDX files hold it, and what becomes of it: a column of a data set, or rows.
import type { ColumnData } from "@shardgrad/parallel";
import { DataError } from "../errors.ts";
import type { Rows } from "../rows.ts";
import { withOrigin } from "../rows.ts";

/** Numbers in row-major order. */
export interface NumberArray {
  readonly data: ColumnData | Float64Array;
  /** The first number is that of samples. */
  readonly shape: readonly number[];
}

/** The column of a data set that holds one sample per row of the array; float64 becomes float32. */
export function columnOf({ data, shape }: NumberArray): {
  data: ColumnData;
  shape: number[];
} {
  return { data: data instanceof Float64Array ? Float32Array.from(data) : data, shape: shape.slice(1) };
}

/**
 * Columns of one number each: `name` for an array of one number per row, else `name1`, `name2`, …
 *
 * @throws DataError for more than two dimensions
 */
export function rowsOf(operation: string, file: string, arrays: Readonly<Record<string, NumberArray>>): Rows {
  const columns: Record<string, ArrayLike<unknown>> = {};
  for (const [name, { data, shape }] of Object.entries(arrays)) {
    const [count = 1, width = 1, ...others] = shape;
    if (others.length > 0) {
      throw new DataError(
        `${operation}: ${file}: ${name} has shape [${shape.join(",")}], expected one or two dimensions for rows; read it by readNpy or readNpz, and give it to a job as a column`,
      );
    }
    if (shape.length < 2) columns[name] = data;
    else {
      for (let at = 0; at < width; at++) {
        columns[`${name}${at + 1}`] = Array.from({ length: count }, (_, row) => data[row * width + at]);
      }
    }
  }
  return withOrigin(columns, { name: file });
}
