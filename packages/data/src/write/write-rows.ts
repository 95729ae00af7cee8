// Writes rows to a CSV, JSON Lines or .npy file: whole or not at all. The file is written beside its place, and renamed.
import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dump } from "npyjs";
import { DataError } from "../errors.ts";
import type { FilePath } from "../read/source.ts";
import { fileError, pathOf, shownPath } from "../read/source.ts";
import type { Rows } from "../rows.ts";
import { rowCount } from "../rows.ts";

const isList = (value: unknown): value is ArrayLike<unknown> =>
  Array.isArray(value) || ArrayBuffer.isView(value);

/** Columns of single values: one of lists becomes `name1`, `name2`, … */
function flatColumns(rows: Rows): [string, ArrayLike<unknown>][] {
  return Object.entries(rows).flatMap(([name, values]): [string, ArrayLike<unknown>][] => {
    const lists = Array.from(values);
    if (lists.length === 0 || !lists.every(isList)) return [[name, values]];
    const width = Math.max(...lists.map((list) => list.length));
    return Array.from({ length: width }, (_, i) => [`${name}${i + 1}`, lists.map((list) => list[i] ?? null)]);
  });
}

function csvValue(value: unknown): string {
  if (value === null || value === undefined) return "";
  const text =
    value instanceof Date
      ? value.toISOString()
      : typeof value === "object"
        ? JSON.stringify(value)
        : String(value);
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function toCsv(rows: Rows, count: number): string {
  const columns = flatColumns(rows);
  const lines = [columns.map(([name]) => csvValue(name)).join(",")];
  for (let row = 0; row < count; row++)
    lines.push(columns.map(([, values]) => csvValue(values[row])).join(","));
  return `${lines.join("\n")}\n`;
}

/** Typed arrays as plain ones; bigints as numbers, where JSON can hold them, else as texts. */
function jsonValue(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  return ArrayBuffer.isView(value) ? Array.from(value as unknown as ArrayLike<unknown>) : value;
}

function toJsonLines(rows: Rows, count: number): string {
  const columns = Object.entries(rows);
  const lines = Array.from({ length: count }, (_, row) =>
    JSON.stringify(Object.fromEntries(columns.map(([name, values]) => [name, values[row]])), jsonValue),
  );
  return lines.map((line) => `${line}\n`).join("");
}

/** float32 if that holds all numbers, else float64; [n], or [n, columns]. */
function toNpy(rows: Rows, count: number): Uint8Array {
  const columns = flatColumns(rows);
  const data = new Float64Array(count * columns.length);
  columns.forEach(([name, values], at) => {
    for (let row = 0; row < count; row++) {
      const value = values[row];
      if (typeof value !== "number" && typeof value !== "bigint" && typeof value !== "boolean") {
        throw new DataError(
          `writeRows: column ${name} has ${JSON.stringify(value) ?? "nothing"} in row ${row}, expected numbers for a .npy file; write a .csv or .jsonl file`,
        );
      }
      data[row * columns.length + at] = Number(value);
    }
  });
  const exact = data.every((value) => Object.is(Math.fround(value), value));
  const shape = columns.length === 1 ? [count] : [count, columns.length];
  return new Uint8Array(dump(exact ? Float32Array.from(data) : data, shape));
}

const writers: Readonly<Record<string, (rows: Rows, count: number) => string | Uint8Array>> = {
  csv: toCsv,
  jsonl: toJsonLines,
  ndjson: toJsonLines,
  npy: toNpy,
};

async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const beside = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  // A process that ends meanwhile leaves nothing half-written.
  const forget = () => rmSync(beside, { force: true });
  process.once("exit", forget);
  try {
    const file = await open(beside, "w");
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true }).catch(() => {});
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw fileError("writeRows", path, error);
    throw new DataError(`writeRows: ${shownPath(path)}: its folder does not exist; create it`, {
      cause: error,
    });
  } finally {
    process.off("exit", forget);
  }
}

/** @throws DataError unless rows can be written to such a file; call it before long work */
export function checkWritable(target: FilePath): string {
  const path = pathOf("writeRows", target);
  const ending = /\.(\w+)$/.exec(path)?.[1]?.toLowerCase();
  if (ending !== undefined && Object.hasOwn(writers, ending)) return ending;
  throw new DataError(
    `writeRows: ${shownPath(path)} ends in ${ending === undefined ? "nothing" : `.${ending}`}, expected one of ${Object.keys(
      writers,
    )
      .map((known) => `.${known}`)
      .join(" ")}`,
  );
}

/**
 * Writes rows to a file of the kind that its ending says: .csv, .jsonl (or .ndjson), or .npy for numbers. The file is
 * there whole, or not at all.
 *
 * @throws DataError if the kind is not known, the values do not fit it, or the file cannot be written
 */
export async function writeRows(target: FilePath, rows: Rows): Promise<void> {
  const ending = checkWritable(target);
  const content = writers[ending]!(rows, rowCount("writeRows", rows));
  await writeWhole(pathOf("writeRows", target), content);
}
