// Reads a file as a trained job wants it: rows for a job on rows, else its columns. A column of several numbers comes from
// a NumPy file, from lists, or from several columns of the file, `x1 x2 …`, as writeRows writes them.

import { scope } from "@shardgrad/core";
import { columnOf, DataError, placeOf, readNpy, readNpz, readRows } from "@shardgrad/data";
import type { Columns, Given, Rows } from "@shardgrad/parallel";
import type { KnownColumn, WeightsInfo } from "@shardgrad/parallel/command";
import { decodeWeights, readWeightsFile } from "@shardgrad/parallel/command";
import { tableStateOf } from "./table-state.ts";

const endingOf = (path: string) => /\.(\w+)$/.exec(path)?.[1]?.toLowerCase();

const sizeOf = ({ shape }: KnownColumn) => shape.reduce((product, length) => product * length, 1);

/** The columns of the file that hold a column: itself, or its numbers one by one. */
function partsOf(rows: Rows, name: string, column: KnownColumn): string[] | undefined {
  if (Object.hasOwn(rows, name)) return [name];
  const names = Array.from({ length: sizeOf(column) }, (_, i) => `${name}${i + 1}`);
  return names.every((part) => Object.hasOwn(rows, part)) ? names : undefined;
}

/** A value of a file as a number, if it is one. */
function numberOf(value: unknown): number | undefined {
  if (typeof value === "string" && value.trim() === "") return undefined;
  const number = typeof value === "object" || value === undefined ? Number.NaN : Number(value);
  return Number.isFinite(number) ? number : undefined;
}

/** The numbers of one column, row by row. */
function numbersOf(
  operation: string,
  rows: Rows,
  parts: readonly string[],
  name: string,
  column: KnownColumn,
): number[] {
  const size = sizeOf(column);
  const numbers: number[] = [];
  const count = rows[parts[0]!]!.length;
  for (let row = 0; row < count; row++) {
    const refuse = (what: string, got: string, expected: string) => {
      throw new DataError(
        `${operation}: ${placeOf(rows, row)}, column ${what}: got ${got}, expected ${expected}`,
      );
    };
    const before = numbers.length;
    for (const part of parts) {
      for (const value of [rows[part]![row]].flat(Number.POSITIVE_INFINITY)) {
        const number = numberOf(value);
        if (number === undefined) refuse(part, JSON.stringify(value) ?? "nothing", "a number");
        else numbers.push(number);
      }
    }
    const given = numbers.length - before;
    if (given !== size)
      refuse(
        name,
        `${given} ${given === 1 ? "number" : "numbers"}`,
        `${size}, the size of a sample [${column.shape.join(",")}]`,
      );
  }
  return numbers;
}

/** Columns of numbers from the rows of a file; names that the job does not know are left out. */
function columnsOf(operation: string, input: string, rows: Rows, known: WeightsInfo["columns"]): Columns {
  const columns = Object.entries(known).flatMap(([name, column]) => {
    const parts = partsOf(rows, name, column);
    if (!parts) return [];
    const values = numbersOf(operation, rows, parts, name, column);
    const isFloat = column.dtype === "float32" || column.scale !== undefined;
    const data = isFloat ? Float32Array.from(values) : Int32Array.from(values);
    if (column.scale !== undefined)
      data.forEach((value, i) => {
        data[i] = value * column.scale! + column.shift!;
      });
    return [[name, { data, shape: [...column.shape] }] as const];
  });
  if (columns.length > 0) return Object.fromEntries(columns);
  const expected = Object.entries(known).map(([name, column]) =>
    sizeOf(column) === 1 ? name : `${name}1 ${name}2 …`,
  );
  throw new DataError(
    `${operation}: ${input} has none of the job's columns: it has ${Object.keys(rows).join(", ")}, expected ${expected.join(", ")}`,
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
 * What a file of weights says about its run.
 *
 * @throws JobError if it is none; CheckpointError if a checkpoint is damaged
 */
export async function readInfo(operation: string, weights: string): Promise<WeightsInfo> {
  const file = await readWeightsFile(operation, weights);
  return scope(() => ({ info: decodeWeights(operation, file).info })).info;
}

/**
 * Reads what is to be answered.
 *
 * @param info of the weights: what the job takes
 * @throws DataError if the file is broken, or has nothing that the job takes
 */
export async function readInput(operation: string, info: WeightsInfo, input: string): Promise<Given> {
  const csv = tableStateOf(info.state)?.csv;
  if (info.rows) return await readRows(input, csv ? { csv } : {});
  return (
    (await readArrays(input, info.columns)) ??
    columnsOf(operation, input, await readRows(input), info.columns)
  );
}
