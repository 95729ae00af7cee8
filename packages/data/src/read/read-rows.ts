// Reads the rows of a file, whatever its kind: its ending says which, or `format`.
import { stat } from "node:fs/promises";
import { optionNames } from "@shardgrad/core/engine";
import { checkDataOptions } from "../check-options.ts";
import { DataError } from "../errors.ts";
import type { Rows } from "../rows.ts";
import type { CsvOptions } from "./csv.ts";
import { readCsv } from "./csv.ts";
import { readJson, readJsonLines } from "./json.ts";
import { rowsOf } from "./number-array.ts";
import { readNpy, readNpz } from "./numpy.ts";
import { readParquet } from "./parquet.ts";
import type { FilePath } from "./source.ts";
import { pathOf, shownPath } from "./source.ts";

export interface ReadOptions {
  /** The kind of the file; default: by its ending. */
  format?: Format;
  /** How a CSV file is written, where that is not found out. */
  csv?: CsvOptions;
}

export const readOptionNames = optionNames<ReadOptions>({ format: true, csv: true });

type Reader = (path: string, options: ReadOptions) => Promise<Rows>;

const readers = {
  csv: (path, { csv }) => readCsv(path, csv),
  tsv: (path, { csv }) => readCsv(path, { delimiter: "\t", ...csv }),
  jsonl: readJsonLines,
  json: readJson,
  parquet: readParquet,
  npy: async (path) => rowsOf("readRows", shownPath(path), { column: await readNpy(path) }),
  npz: async (path) => rowsOf("readRows", shownPath(path), await readNpz(path)),
} satisfies Record<string, Reader>;

export type Format = keyof typeof readers;

/** Kinds of files by their endings. */
const endings: Readonly<Record<string, Format>> = {
  csv: "csv",
  txt: "csv",
  tsv: "tsv",
  tab: "tsv",
  jsonl: "jsonl",
  ndjson: "jsonl",
  json: "json",
  parquet: "parquet",
  npy: "npy",
  npz: "npz",
};

/**
 * Reads the rows of a file into columns.
 *
 * @throws DataError for a kind that is not known, or a file that is broken
 */
export async function readRows(source: FilePath, options: ReadOptions = {}): Promise<Rows> {
  checkDataOptions("readRows", options, readOptionNames);
  const path = pathOf("readRows", source);
  const ending = /\.(\w+)(\.gz)?$/i.exec(path)?.[1]?.toLowerCase() ?? "";
  const format = options.format ?? (Object.hasOwn(endings, ending) ? endings[ending] : undefined);
  if (format !== undefined && Object.hasOwn(readers, format)) return readers[format](path, options);
  if ((await stat(path).catch(() => undefined))?.isDirectory()) {
    throw new DataError(`readRows: ${shownPath(path)} is a folder, expected a file`);
  }
  throw new DataError(
    `readRows: ${shownPath(path)}: ${format === undefined ? `the ending ${ending === "" ? "is absent" : `.${ending} is unknown`}` : `format is ${format}`}, expected one of ${Object.keys(readers).join(", ")}; rename the file, or name its kind by { format: "csv" }`,
  );
}
