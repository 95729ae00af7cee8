// `table`: rows of a file as a data set that learns from its training rows. Reads nothing until the data is asked for,
// because workers import the module that calls it.
import { registerEncoder } from "@shardgrad/parallel";
import { takeRows } from "@shardgrad/parallel/command";
import { DataError } from "../errors.ts";
import type { CsvSource } from "../read/csv.ts";
import { readCsv } from "../read/csv.ts";
import { readRows } from "../read/read-rows.ts";
import type { FilePath } from "../read/source.ts";
import type { Rows } from "../rows.ts";
import { rowsFromObjects } from "../rows.ts";
import { TableDescription } from "./describe.ts";
import type { TableColumns } from "./encode.ts";
import { encodeRows } from "./encode.ts";
import { fitRows, missingTarget } from "./fit.ts";
import type { TableOptions } from "./options.ts";
import { checkTableOptions, targetOf } from "./options.ts";
import type { Schema } from "./schema.ts";
import { convertRows, typeRows } from "./schema.ts";
import type { TableState } from "./state.ts";
import { defaultMissingWords, isMissing } from "./values.ts";

/** A file (path or file URL), the text of a CSV file, columns by name, or one object per row. */
export type TableSource = CsvSource | Rows | readonly object[];

/** A data set that learns from its training rows: give it to a job as its `dataset`. */
export interface Table {
  /** Reads the rows, finds out the types of columns from all of them, and converts them. */
  load(): Promise<Rows | { train: Rows; test: Rows }>;
  /** Learns from training rows. */
  fit(trainingRows: Rows): TableState;
  /** Encodes training rows, held-out rows or new rows by what was learned. New rows may lack the target. */
  encode(rows: Rows, state: TableState): TableColumns;
  /** Reads the rows, and says what their columns are and what becomes of them. Print it, or use its `columns`. */
  describe(): Promise<TableDescription>;
}

async function readSource(source: unknown, { format, csv }: TableOptions): Promise<Rows> {
  if (Array.isArray(source)) return rowsFromObjects(source);
  if (typeof source === "object" && source !== null && !(source instanceof URL)) {
    return "csv" in source && typeof source.csv === "string"
      ? readCsv({ csv: source.csv }, csv)
      : (source as Rows);
  }
  return readRows(source as FilePath, { ...(format && { format }), ...(csv && { csv }) });
}

/** Refuses rows without a target, or leaves them out. */
function withTarget(rows: Rows, options: TableOptions): Rows {
  const target = targetOf(options);
  const values = target && rows[target.column];
  if (!values) return rows;
  const missing = new Set(options.missingWords ?? defaultMissingWords);
  const all = Array.from(values, (_, row) => row);
  const kept = all.filter((row) => !isMissing(values[row], missing));
  if (kept.length === all.length) return rows;
  if (kept.length === 0) {
    throw new DataError(
      `table: the target ${target.column} is missing in all ${all.length} rows; is it the right column?`,
    );
  }
  if (target.missing === "drop") return takeRows(rows, Int32Array.from(kept));
  throw missingTarget(rows, all.find((row) => kept[row] !== row)!, target.column);
}

/**
 * A data set from a table. Types of columns are found out from all rows; missing values, scales and vocabularies are learned
 * from training rows only. Numbers and one-hot words become the column `x`, the target `y`, embeddings columns of their own.
 *
 * @throws DataError for wrong options now, for a broken file when it is read
 */
export function table(source: TableSource, options: TableOptions = {}): Table {
  checkTableOptions(options);
  if (typeof source === "object" ? source === null : typeof source !== "string") {
    throw new DataError(
      `table: the source is ${source === null ? "null" : typeof source}, expected a path, a file URL, columns by name, or an array of objects`,
    );
  }
  let known: Schema | undefined;
  const read = async () => {
    const sources = options.test === undefined ? [source] : [source, options.test];
    const parts = await Promise.all(sources.map((part) => readSource(part, options)));
    const taken = convertRows(
      parts.map((rows) => withTarget(rows, options)),
      options,
    );
    known = taken.schema;
    return taken;
  };
  const fit = (rows: Rows): TableState => {
    const schema = known ?? convertRows([rows], options).schema;
    return fitRows(schema, typeRows(schema, rows), options);
  };
  return {
    async load() {
      const [train, test] = (await read()).typed;
      return test ? { train: train!, test } : train!;
    },
    fit,
    encode: encodeRows,
    async describe() {
      const { schema, typed } = await read();
      const [train] = typed;
      return new TableDescription(schema, train!, fitRows(schema, train!, options));
    },
  };
}

// The state of a table names this encoder, so that saved weights find it without the table.
registerEncoder("table", encodeRows);
