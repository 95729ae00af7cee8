// What a table is, for a person: one row per column with its type, its statistics over all rows, and its encoding.
import { inspect } from "node:util";
import type { Rows } from "../rows.ts";
import { rowCount } from "../rows.ts";
import { countsOf, mostFrequent } from "./fit.ts";
import type { ColumnSchema, Schema } from "./schema.ts";
import type { Input, TableState, Target } from "./state.ts";
import { showDate } from "./values.ts";

export interface ColumnDescription {
  readonly name: string;
  readonly type: "integer" | "number" | "boolean" | "date" | "words";
  /** How many values are missing. */
  readonly missing: number;
  /** Of numbers; null for words. Dates are days since 1970. */
  readonly min: number | null;
  readonly mean: number | null;
  readonly max: number | null;
  /** How many different values there are. */
  readonly distinct: number;
  readonly mostFrequent: number | string | null;
  /** What becomes of it; gaps are missing values. */
  readonly encoding: string;
}

function short(value: number): string {
  const rounded = Number(value.toPrecision(4));
  return Math.abs(rounded) < 1e9 ? String(rounded) : rounded.toExponential().replace("e+", "e");
}

const howScaled = ({ log, shift, scale }: { log: boolean; shift: number; scale: number }): string => {
  if (log) return "log";
  return shift === 0 && scale === 1 ? "as it is" : "scaled";
};

function inputEncoding(input: Input, missing: number): string {
  if (input.kind === "number") {
    const fill =
      input.fill === null ? "refused" : input.type === "date" ? showDate(input.fill) : short(input.fill);
    return `${howScaled(input)}${missing > 0 ? `, gaps: ${fill}${input.indicator ? " + mark" : ""}` : ""}`;
  }
  const kind = { oneHot: "one-hot", ordinal: "ordinal", embedding: "embedding" }[input.kind];
  const fill = typeof input.missing === "object" ? input.missing.word : input.missing;
  return `${kind} ${input.words.length}${missing > 0 ? `, gaps: ${fill}` : ""}`;
}

function targetEncoding(target: Target): string {
  if (target.kind === "number") return `target, ${howScaled(target)}`;
  return `target, ${target.classes.length} classes`;
}

function describeColumn(
  column: ColumnSchema,
  values: ArrayLike<number | string | null>,
  state: TableState,
): ColumnDescription {
  const { name, type } = column;
  const present = Array.from(values).filter((value) => value !== null && !Number.isNaN(value)) as (
    | number
    | string
  )[];
  const counts = countsOf(present);
  const missing = values.length - present.length;
  const numbers = type === "words" ? [] : (present as number[]);
  const input = state.inputs.find((candidate) => candidate.name === name);
  const encoding =
    name === state.target?.name
      ? targetEncoding(state.target)
      : input
        ? inputEncoding(input, missing)
        : "dropped";
  const isInteger = type === "number" && numbers.length > 0 && numbers.every(Number.isInteger);
  return {
    name,
    type: isInteger ? "integer" : type,
    missing,
    min: numbers.length === 0 ? null : numbers.reduce((a, b) => Math.min(a, b)),
    mean: numbers.length === 0 ? null : numbers.reduce((a, b) => a + b) / numbers.length,
    max: numbers.length === 0 ? null : numbers.reduce((a, b) => Math.max(a, b)),
    distinct: counts.size,
    mostFrequent: counts.size === 0 ? null : mostFrequent(counts),
    encoding,
  };
}

/** Cuts a text to a width, and fills it up. */
function cell(given: string, width: number, right: boolean): string {
  const text = given.replace(/\s+/g, " ");
  const cut = text.length > width ? `${text.slice(0, width - 1)}…` : text;
  return right ? cut.padStart(width) : cut.padEnd(width);
}

/** Words in lines of at most `width`. */
function wrap(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.at(-1)!;
    if (last === "") lines[lines.length - 1] = word;
    else if (last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

const terminal = 80;
const leastForEncoding = 12;

const noteLines = (note: string): string => wrap(note, terminal - 2).join("\n  ");

/** A table's columns as data; printed, a text of 80 columns. */
export class TableDescription {
  /** The number of rows. */
  readonly rows: number;
  readonly columns: readonly ColumnDescription[];
  /** What a person should look at. */
  readonly notes: readonly string[];

  constructor(schema: Schema, rows: Rows, state: TableState) {
    this.rows = rowCount("describe", rows);
    this.columns = schema.columns.map((column) =>
      describeColumn(column, rows[column.name] as ArrayLike<number | string | null>, state),
    );
    this.notes = [
      ...state.dropped.map(({ name, reason }) => `${name}: dropped: ${reason}`),
      ...schema.columns.flatMap(({ note }) => note ?? []),
    ];
  }

  toString(): string {
    const texts = this.columns.map(({ name, type, missing, min, mean, max, distinct, encoding }) => {
      const show = (value: number | null) =>
        value === null ? "" : type === "date" ? showDate(value) : short(value);
      return [name, type, String(missing), show(min), show(mean), show(max), String(distinct), encoding];
    });
    const heads = ["column", "type", "missing", "min", "mean", "max", "distinct", "encoding"];
    const widest = heads.map((_, i) => Math.max(...[heads, ...texts].map((row) => row[i]!.length)));
    const others = widest.slice(1, 7).map((width) => Math.min(width, 10));
    const room = terminal - others.reduce((sum, width) => sum + width + 1, 0) - 1;
    const widths = [Math.min(widest[0]!, room - leastForEncoding), ...others];
    const rest = room - widths[0]!;
    const line = (row: readonly string[]): string => {
      const cells = widths.map((width, i) => cell(row[i]!, width, i > 1)).join(" ");
      return wrap(row[7]!, rest)
        .map((text, i) => `${i === 0 ? cells : " ".repeat(cells.length)} ${text}`)
        .join("\n");
    };
    return [`${this.rows} rows`, line(heads), ...texts.map(line), ...this.notes.map(noteLines)].join("\n");
  }

  [inspect.custom](): string {
    return this.toString();
  }
}
