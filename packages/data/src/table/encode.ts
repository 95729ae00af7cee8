// Rows to columns, by what was learned: `x`, `y`, and an int32 column per embedding. Serves training rows, held-out rows and
// new rows alike.
import { DataError, quoted } from "../errors.ts";
import type { Rows } from "../rows.ts";
import { placeOf, rowCount } from "../rows.ts";
import { missingTarget } from "./fit.ts";
import type { Input, NumberInput, TableState, Target, WordsInput } from "./state.ts";
import { readNumber, readWord } from "./values.ts";

/** A column of an encoded table. */
export type EncodedColumn = { data: Float32Array; shape: [number] } | { data: Int32Array; shape: [] };

/**
 * The columns that a job gets: `x`, float32, with all numbers and one-hot words side by side (absent if all columns are
 * embeddings); `y`, int32 classes or float32 numbers (absent for rows without the target); and each embedding by its name.
 */
export type TableColumns = Readonly<Record<string, EncodedColumn>> & {
  readonly x: EncodedColumn;
  readonly y: EncodedColumn;
};

const expected = { number: "a finite number", boolean: "true or false", date: "a date such as 2026-01-31" };

class RowReader {
  readonly #rows: Rows;
  readonly #missing: ReadonlySet<string>;
  readonly count: number;

  constructor(rows: Rows, state: TableState) {
    this.#rows = rows;
    this.#missing = new Set(state.missingWords);
    this.count = rowCount("table", rows);
  }

  #bad(row: number, name: string, what: string): DataError {
    const value = this.#rows[name]![row];
    return new DataError(
      `table: ${placeOf(this.#rows, row)}, column ${name}: got ${quoted(value)}, expected ${what}`,
    );
  }

  /** NaN where a value is missing. */
  number(row: number, { name, type, decimal }: Pick<NumberInput, "name" | "type" | "decimal">): number {
    const number = readNumber(this.#rows[name]![row], type, decimal, this.#missing);
    if (number === undefined) throw this.#bad(row, name, `${expected[type]}, as in training`);
    return number;
  }

  word(row: number, name: string): string | null {
    const word = readWord(this.#rows[name]![row], this.#missing);
    if (word === undefined) throw this.#bad(row, name, "a word");
    return word;
  }

  refused(row: number, name: string): DataError {
    return new DataError(
      `table: ${placeOf(this.#rows, row)}, column ${name}: the value is missing, which \`missing: "refuse"\` forbids`,
    );
  }

  notPositive(row: number, name: string): DataError {
    return this.#bad(row, name, 'a number above 0, for scale "log"');
  }
}

function scaled(value: number, { log, shift, scale }: Pick<NumberInput, "log" | "shift" | "scale">): number {
  return ((log ? Math.log(value) : value) - shift) / scale;
}

/** Writes one input's numbers into `x`, whose rows are `width` apart, from place `at` on. */
type WriteInput<I> = (reader: RowReader, input: I, x: Float32Array, at: number, width: number) => void;

const writeNumber: WriteInput<NumberInput> = (reader, input, x, at, width) => {
  for (let row = 0; row < reader.count; row++) {
    const value = reader.number(row, input);
    const isMissing = Number.isNaN(value);
    if (isMissing && input.fill === null) throw reader.refused(row, input.name);
    const filled = isMissing ? input.fill! : value;
    if (input.log && !(filled > 0)) throw reader.notPositive(row, input.name);
    x[row * width + at] = scaled(filled, input);
    if (input.indicator) x[row * width + at + 1] = Number(isMissing);
  }
};

/** The place of each row's word: `words.length` for a missing value of its own place, -1 for other words. */
function wordPlaces(reader: RowReader, { name, words, missing, place }: WordsInput): (row: number) => number {
  const places = new Map(words.map((word, i) => [word, i]));
  const ownPlace = place ? words.length : -1;
  return (row) => {
    const word = reader.word(row, name);
    if (word !== null) return places.get(word) ?? -1;
    if (missing === "refuse") throw reader.refused(row, name);
    return missing === "own" ? ownPlace : (places.get(missing.word) ?? -1);
  };
}

const writeWords: WriteInput<WordsInput> = (reader, input, x, at, width) => {
  const placeOfRow = wordPlaces(reader, input);
  const other = widthOf(input) - 1;
  for (let row = 0; row < reader.count; row++) {
    const place = placeOfRow(row);
    if (input.kind === "ordinal") x[row * width + at] = (place - input.shift) / input.scale;
    else x[row * width + at + (place < 0 ? other : place)] = 1;
  }
};

function widthOf(input: Input): number {
  if (input.kind === "number") return input.indicator ? 2 : 1;
  if (input.kind === "oneHot") return input.words.length + (input.place ? 2 : 1);
  return input.kind === "ordinal" ? 1 : 0;
}

function encodeClasses(reader: RowReader, rows: Rows, target: Target & { kind: "classes" }): Int32Array {
  const { name, classes, decimal } = target;
  const numeric = typeof classes[0] === "number";
  const places = new Map<unknown, number>(classes.map((value, place) => [value, place]));
  return Int32Array.from({ length: reader.count }, (_, row) => {
    const value = numeric ? reader.number(row, { name, type: "number", decimal }) : reader.word(row, name);
    if (value === null || Number.isNaN(value)) throw missingTarget(rows, row, name);
    const place = places.get(value);
    if (place !== undefined) return place;
    throw new DataError(
      `table: ${placeOf(rows, row)}, column ${name}: ${quoted(value)} is none of the ${classes.length} classes that were trained: ${classes.slice(0, 10).join(", ")}`,
    );
  });
}

function encodeTarget(reader: RowReader, rows: Rows, target: Target): EncodedColumn | undefined {
  const { name } = target;
  const values = rows[name];
  if (!values) return undefined;
  if (target.kind === "classes") return { data: encodeClasses(reader, rows, target), shape: [] };
  const data = Float32Array.from({ length: reader.count }, (_, row) => {
    const value = reader.number(row, target);
    if (Number.isNaN(value)) throw missingTarget(rows, row, name);
    if (target.log && !(value > 0)) throw reader.notPositive(row, name);
    return scaled(value, target);
  });
  return { data, shape: [1] };
}

/** Encodes rows; columns that training did not use are ignored, and so is the order. */
export function encodeRows(rows: Rows, state: TableState): TableColumns {
  const absent = state.inputs.filter(({ name }) => !Object.hasOwn(rows, name)).map(({ name }) => name);
  if (absent.length > 0) {
    throw new DataError(
      `table: the rows have no column ${absent.map(quoted).join(", ")}, which training used; they have ${Object.keys(rows).slice(0, 12).join(", ") || "none"}`,
    );
  }
  const reader = new RowReader(rows, state);
  if (reader.count === 0) throw new DataError("table: there are no rows to encode; expected at least one");
  const columns: Record<string, EncodedColumn> = {};
  const width = state.features.length;
  if (width > 0) {
    const x = new Float32Array(reader.count * width);
    let at = 0;
    for (const input of state.inputs) {
      if (input.kind === "number") writeNumber(reader, input, x, at, width);
      else if (input.kind !== "embedding") writeWords(reader, input, x, at, width);
      at += widthOf(input);
    }
    columns.x = { data: x, shape: [width] };
  }
  for (const input of state.inputs) {
    if (input.kind !== "embedding") continue;
    const placeOfRow = wordPlaces(reader, input);
    const data = Int32Array.from({ length: reader.count }, (_, row) => placeOfRow(row) + 1);
    columns[input.name] = { data, shape: [] };
  }
  const y = state.target && encodeTarget(reader, rows, state.target);
  if (y) columns.y = y;
  return columns as TableColumns;
}
