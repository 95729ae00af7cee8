// CSV and TSV files, by csv-parse: finds the delimiter, names broken lines, and fills columns of strings. What the strings
// mean is for table/ to find out.
import { isUtf8 } from "node:buffer";
import { getHeapStatistics } from "node:v8";
import { optionNames } from "@shardgrad/core/engine";
import type { CsvError, Options, parse as parseCsv } from "csv-parse/sync";
import { checkDataOptions } from "../check-options.ts";
import { DataError, quoted } from "../errors.ts";
import type { Rows } from "../rows.ts";
import { withOrigin } from "../rows.ts";
import type { FilePath } from "./source.ts";
import { badLine, pathOf, readBytes, shownPath, smallerPieces } from "./source.ts";

export interface CsvOptions {
  /** What separates values; found out if absent: a comma, semicolon, tab or bar. */
  delimiter?: string;
  /** The names of the columns. Default true: the first line holds them. With false, they are column1, column2, … */
  header?: boolean | readonly string[];
  /** Default "utf-8"; any name that TextDecoder knows, such as "latin1". UTF-16 is recognized by its mark. */
  encoding?: string;
  /** The quote around values; default `"`. False if quotes are plain characters. */
  quote?: string | false;
  /** Lines that begin with this are left out, such as "#". */
  comment?: string;
}

export const csvOptionNames = optionNames<CsvOptions>({
  delimiter: true,
  header: true,
  encoding: true,
  quote: true,
  comment: true,
});

/** A file, or the text itself. */
export type CsvSource = FilePath | { readonly csv: string };

const delimiters = [",", ";", "\t", "|"];

/** The bytes as UTF-8, without a byte order mark. */
function toUtf8(name: string, bytes: Uint8Array, encoding: string | undefined): Uint8Array {
  const mark = encoding === undefined && bytes.length >= 2 ? `${bytes[0]},${bytes[1]}` : "";
  const found = mark === "255,254" ? "utf-16le" : mark === "254,255" ? "utf-16be" : (encoding ?? "utf-8");
  if (/^utf-?8$/i.test(found)) {
    if (isUtf8(bytes)) return bytes;
    throw new DataError(
      `readCsv: ${name} line ${badLine(bytes)} is not UTF-8; save it as UTF-8, or say which encoding it is, such as { encoding: "latin1" }`,
    );
  }
  try {
    return new TextEncoder().encode(new TextDecoder(found, { fatal: true }).decode(bytes));
  } catch (error) {
    throw new DataError(
      error instanceof RangeError
        ? `readCsv: encoding is ${quoted(found)}, expected a name that TextDecoder knows, such as "latin1" or "utf-16le"`
        : `readCsv: ${name} is not ${found}; give another encoding`,
      { cause: error },
    );
  }
}

function parserOptions({ quote, comment }: CsvOptions, delimiter: string): Options {
  return {
    bom: true,
    delimiter,
    comment: comment ?? null,
    comment_no_infix: true,
    // A file may mix them, if it was edited on several systems.
    record_delimiter: ["\r\n", "\n", "\r"],
    quote: quote ?? true,
    relax_column_count: true,
    skip_empty_lines: true,
    trim: delimiter !== "\t",
    max_record_size: 0,
  } as Options;
}

/** The delimiter that gives the first lines the most columns of one number. */
function findDelimiter(parse: typeof parseCsv, bytes: Uint8Array, options: CsvOptions): string {
  const part = bytes.subarray(0, 1 << 16);
  const score = (delimiter: string): number => {
    const widths: number[] = [];
    try {
      const onRecord = (record: string[]) => {
        widths.push(record.length);
        return null;
      };
      parse(part, { ...parserOptions(options, delimiter), relax_quotes: true, to: 50, on_record: onRecord });
    } catch {
      // The part may end within quotes; what was read until there counts.
    }
    const [first = 1, ...others] = widths;
    const alike = others.filter((width) => width === first).length;
    return first === 1 ? 0 : first * ((alike + 1) / (others.length + 1)) ** 2;
  };
  const scores = delimiters.map(score);
  return delimiters[scores.indexOf(Math.max(...scores))]!;
}

function namesFrom(name: string, first: readonly string[], header: CsvOptions["header"]): string[] {
  if (header === false) return first.map((_, i) => `column${i + 1}`);
  const names = Array.isArray(header)
    ? [...(header as string[])]
    : first.map((text) => text.replace(/\s+/g, " "));
  if (names.length !== first.length) {
    throw new DataError(
      `readCsv: header names ${names.length} columns, but ${name} has ${first.length}; give as many names as there are columns`,
    );
  }
  const isNumber = (text: string) => text.trim() !== "" && Number.isFinite(Number(text));
  if (header === undefined && names.every(isNumber) && names.some((text) => /[.eE-]/.test(text))) {
    throw new DataError(
      `readCsv: the first line of ${name} holds only numbers (${quoted(names.slice(0, 3).join(", "))}), expected names of columns; write header: false, or give the names: header: ["…"]`,
    );
  }
  names.forEach((text, i) => {
    if (text === "") names[i] = `column${i + 1}`;
  });
  const twice = names.find((text, i) => names.indexOf(text) !== i);
  if (twice !== undefined) {
    const places = names.flatMap((text, i) => (text === twice ? i + 1 : []));
    throw new DataError(
      `readCsv: ${name} has ${places.length} columns named ${quoted(twice)} (${places.slice(0, 4).join(", ")}); rename one, or write header: false if the first line holds values`,
    );
  }
  return names;
}

/** The line with which Excel is told the delimiter. */
const sepLine = /^(?:\xef\xbb\xbf)?"?sep=(.)"?[\r\n]/i;

/** Refuses files of other kinds, which would be read as one odd column. */
function refuseOthers(name: string, bytes: Uint8Array): void {
  const start = Buffer.from(bytes.subarray(0, 1 << 16));
  const nul = start.indexOf(0);
  if (nul >= 0) {
    const line = start.subarray(0, nul).toString("latin1").split("\n").length;
    throw new DataError(
      `readCsv: ${name} line ${line} is no text: byte ${nul} of the file is 0; is it another format?`,
    );
  }
  const text = start.toString("latin1").trimStart();
  const kind = /^[[{]\s*["{[]/.test(text)
    ? "JSON; let its name end in .json, or in .jsonl if each line is an object"
    : /^<(!doctype|html|\?xml)/i.test(text)
      ? "a page of the web, or XML; was it downloaded from the right address?"
      : undefined;
  if (kind !== undefined) throw new DataError(`readCsv: ${name} looks like ${kind}`);
}

/** Smaller files are always read. */
const large = 2 ** 24;

/** Refuses a file whose values cannot all be there as texts: Node.js would end the process, without a word about the file. */
function refuseTooLarge(name: string, path: string, bytes: Uint8Array, delimiter: string): void {
  if (bytes.length < large) return;
  const part = Buffer.from(bytes.subarray(0, 1 << 16)).toString("latin1");
  const found = part.split(delimiter).length + part.split("\n").length - 1;
  const values = (found * bytes.length) / part.length;
  const meanLength = part.length / found - 1;
  // A reference and the letters; texts of more than one letter also have a head. There is more to it, but hardly less.
  const least = values * (8 + meanLength + (meanLength > 2 ? 12 : 0));
  const limit = getHeapStatistics().heap_size_limit;
  if (!(least > limit)) return;
  const [millions, needed, there] = [values / 1e6, (2 * least) / 2 ** 20, limit / 2 ** 20].map(Math.round);
  throw new DataError(
    `readCsv: ${name} has about ${millions} million values, too many for the ${there} MiB of memory that JavaScript has here; set NODE_OPTIONS=--max-old-space-size=${needed}, or ${smallerPieces(path)}`,
  );
}

/** What went wrong, by csv-parse's code, in the record after `line`. */
function parseError(name: string, line: number, error: CsvError): DataError {
  const what = {
    CSV_QUOTE_NOT_CLOSED: `line ${line + 1}: a quote opens there, or in the record that begins there, and is never closed; close it, or write quote: false if quotes are plain characters`,
    INVALID_OPENING_QUOTE: `line ${error.lines}: a quote stands inside of a value without quotes; quote the whole value and double the quote, or write quote: false`,
    CSV_INVALID_CLOSING_QUOTE: `line ${error.lines}: a value goes on after its closing quote; double the quotes inside of it, or write quote: false`,
  }[error.code as string];
  return new DataError(`readCsv: ${name} ${what ?? `line ${line + 1}: ${error.message}`}`, { cause: error });
}

/**
 * Reads a CSV or TSV file into columns of strings. `table` finds out what they mean.
 *
 * @param source a path, a file URL, or `{ csv: text }`
 * @throws DataError for a file that is no CSV: the message names the line
 */
export async function readCsv(
  source: CsvSource,
  options: CsvOptions = {},
): Promise<Record<string, string[]>> {
  checkDataOptions("readCsv", options, csvOptionNames);
  const isText = typeof source === "object" && "csv" in source;
  const path = isText ? "" : pathOf("readCsv", source);
  const name = isText ? "the text" : shownPath(path);
  // Imported here, as workers import this package with their jobs.
  const { parse } = await import("csv-parse/sync");
  const raw = isText ? new TextEncoder().encode(String(source.csv)) : await readBytes("readCsv", path);
  const bytes = toUtf8(name, raw, options.encoding);
  refuseOthers(name, bytes);
  const [, given] = sepLine.exec(Buffer.from(bytes.subarray(0, 12)).toString("latin1")) ?? [];
  const skipped = given === undefined ? 0 : 1;
  const text =
    skipped === 0 ? bytes : bytes.subarray(bytes.findIndex((byte) => byte === 10 || byte === 13) + 1);
  const isTsv = /\.(tsv|tab)(\.gz)?$/i.test(path);
  const delimiter = options.delimiter ?? given ?? (isTsv ? "\t" : findDelimiter(parse, text, options));

  refuseTooLarge(name, path, text, delimiter);

  let names: string[] | undefined;
  let columns: string[][] = [];
  const lines: number[] = [];
  let read = 0;
  let twice = 0;
  const addRecord = (record: string[], { lines: end }: { lines: number }): null => {
    // Within quotes, csv-parse counts a \r\n as two lines.
    const breaks = end - read > 1 ? (record.join().match(/[\r\n]/g)?.length ?? 0) : 0;
    const line = end - breaks - twice + skipped;
    if (breaks > 0) twice += record.join().match(/\r\n/g)?.length ?? 0;
    read = end;
    // Spreadsheets write empty rows as delimiters alone.
    if (record.length > 1 && record.every((value) => value === "")) return null;
    if (!names) {
      names = namesFrom(name, record, options.header);
      columns = names.map(() => []);
      if (options.header === undefined || options.header === true) return null;
    }
    if (record.length !== names.length) {
      throw new DataError(
        `readCsv: ${name} line ${line} has ${record.length} values, expected ${names.length}, one per column; ${names.length === 1 ? `is the first line (${quoted(names[0])}) no line of names? Remove it, or say which sign begins a comment, such as { comment: "#" }` : "is there a delimiter too many or too few, or a value that needs quotes?"}`,
      );
    }
    for (let i = 0; i < record.length; i++) columns[i]!.push(record[i]!);
    lines.push(line);
    return null;
  };
  try {
    parse(text, { ...parserOptions(options, delimiter), on_record: addRecord });
  } catch (error) {
    throw error instanceof DataError ? error : parseError(name, read - twice + skipped, error as CsvError);
  }
  if (!names) throw new DataError(`readCsv: ${name} is empty; expected a line of names, and rows below it`);
  const rows: Rows = Object.fromEntries(names.map((column, i) => [column, columns[i]!]));
  return withOrigin(rows, { name, lines: Int32Array.from(lines), delimiter }) as Record<string, string[]>;
}
