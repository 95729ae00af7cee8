// Reads a file as a trained job wants it: rows for a job on rows, else its columns. A column of several numbers comes from
// a NumPy file, or from several columns of the file, `x1 x2 …`, as writeRows writes them.

import { readSafetensors, scope } from "@shardgrad/core";
import { columnOf, DataError, readNpy, readNpz, readRows } from "@shardgrad/data";
import type { Columns, Given, Rows } from "@shardgrad/parallel";
import type { KnownColumn, WeightsInfo } from "@shardgrad/parallel/command";
import { readWeightsFile, readWeightsInfo } from "@shardgrad/parallel/command";

const endingOf = (path: string) => /\.(\w+)$/.exec(path)?.[1]?.toLowerCase();

/** The columns of the file that hold a column: itself, or its numbers one by one. */
function partsOf(rows: Rows, name: string, { shape }: KnownColumn): ArrayLike<unknown>[] | undefined {
  if (Object.hasOwn(rows, name)) return [rows[name]!];
  const size = shape.reduce((product, length) => product * length, 1);
  const names = Array.from({ length: size }, (_, i) => `${name}${i + 1}`);
  return names.every((part) => Object.hasOwn(rows, part)) ? names.map((part) => rows[part]!) : undefined;
}

/** Columns of numbers from the rows of a file; names that the job does not know are left out. */
function columnsOf(input: string, rows: Rows, known: WeightsInfo["columns"]): Columns {
  const columns = Object.entries(known).flatMap(([name, column]) => {
    const parts = partsOf(rows, name, column);
    if (!parts) return [];
    const count = parts[0]!.length;
    const values = Array.from({ length: count * parts.length }, (_, i) => {
      const row = Math.floor(i / parts.length);
      const value = parts[i % parts.length]![row];
      const number =
        typeof value === "string" && value.trim() === "" ? Number.NaN : Number(value ?? Number.NaN);
      if (Number.isFinite(number)) return number;
      throw new DataError(
        `${input}: column ${name} has ${JSON.stringify(value) ?? "nothing"} in row ${row}, expected a number`,
      );
    });
    const isFloat = column.dtype === "float32" || column.scale !== undefined;
    const data = isFloat ? Float32Array.from(values) : Int32Array.from(values);
    if (column.scale !== undefined)
      data.forEach((value, i) => {
        data[i] = value * column.scale! + column.shift!;
      });
    return [[name, { data, shape: [...column.shape] }] as const];
  });
  if (columns.length > 0) return Object.fromEntries(columns);
  const expected = Object.entries(known).map(([name, { shape }]) =>
    shape.length === 0 ? name : `${name}1 ${name}2 …`,
  );
  throw new DataError(
    `${input} has none of the job's columns: it has ${Object.keys(rows).join(", ")}, expected ${expected.join(", ")}`,
  );
}

async function readArrays(input: string, known: WeightsInfo["columns"]): Promise<Columns | undefined> {
  const ending = endingOf(input);
  if (ending === "npz") {
    const arrays = Object.entries(await readNpz(input));
    return Object.fromEntries(arrays.map(([name, array]) => [name, columnOf(array)]));
  }
  if (ending !== "npy") return undefined;
  const [first] = Object.keys(known);
  return { [first!]: columnOf(await readNpy(input)) };
}

/**
 * Reads what is to be answered.
 *
 * @param weights the file of the weights, which says what the job takes
 * @throws DataError if the file is broken, or has nothing that the job takes
 */
export async function readInput(operation: string, weights: string, input: string): Promise<Given> {
  const { bytes } = await readWeightsFile(operation, weights);
  const info = scope(() => {
    const { metadata } = readSafetensors(bytes);
    return readWeightsInfo(metadata);
  });
  // Without, whoever loads the weights says so.
  if (!info || info.rows) return await readRows(input);
  return (await readArrays(input, info.columns)) ?? columnsOf(input, await readRows(input), info.columns);
}
