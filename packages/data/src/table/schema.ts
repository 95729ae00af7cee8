// What the columns of a table are, found out from all rows: types, decimal signs, identifiers, and whether the target is
// classes or a number. Numbers that are learned, such as means, are not here: they come from training rows only, in
// fit.ts.
import { requireColumn } from "../check-options.ts";
import { DataError, quoted } from "../errors.ts";
import type { Rows } from "../rows.ts";
import { originOf, placeOf, rowCount, withOrigin } from "../rows.ts";
import type { TableOptions } from "./options.ts";
import { ruleOf, targetOf } from "./options.ts";
import type { Decimal, NumberType } from "./values.ts";
import {
  defaultMissingWords,
  hasUnit,
  isCode,
  isMissing,
  isNumeric,
  looksLikeDate,
  parseBoolean,
  parseDate,
  readNumber,
  readWord,
} from "./values.ts";

export interface ColumnSchema {
  readonly name: string;
  readonly type: NumberType | "words";
  readonly decimal: Decimal;
  /** Why it identifies a row rather than describing it. */
  readonly identifier?: string;
  /** Something that a person should know about it. */
  readonly note?: string;
}

export interface Schema {
  readonly columns: readonly ColumnSchema[];
  /** The classes of the target; absent if it is a number. */
  readonly classes?: readonly (string | number)[];
  readonly missingWords: readonly string[];
}

/** What the values of a column could be. */
interface Scan {
  values: number;
  /** True as long as every value is one. */
  could: { point: boolean; comma: boolean; boolean: boolean; date: boolean };
  /** Values that are numbers, of whichever decimal sign. */
  numbers: number;
  /** True if a text has a point or a comma that could also group thousands. */
  hasPoint: boolean;
  hasComma: boolean;
  hasCode: boolean;
  /** The first value that is no number. */
  odd: { value: unknown; place: string } | undefined;
}

function scanText(scan: Scan, text: string): boolean {
  const { could } = scan;
  const point = isNumeric(text, ".");
  const comma = isNumeric(text, ",");
  could.point &&= point;
  could.comma &&= comma;
  could.boolean &&= parseBoolean(text) !== undefined;
  could.date &&= parseDate(text) !== undefined;
  if (point || comma) {
    scan.hasPoint ||= text.includes(".");
    scan.hasComma ||= text.includes(",");
    scan.hasCode ||= isCode(text);
  }
  return point || comma;
}

function scanColumn(name: string, parts: readonly Rows[], missing: ReadonlySet<string>): Scan {
  const scan: Scan = {
    values: 0,
    could: { point: true, comma: true, boolean: true, date: true },
    numbers: 0,
    hasPoint: false,
    hasComma: false,
    hasCode: false,
    odd: undefined,
  };
  const { could } = scan;
  for (const rows of parts) {
    const values = rows[name]!;
    for (let row = 0; row < values.length; row++) {
      const value = values[row];
      if (isMissing(value, missing)) continue;
      scan.values++;
      let isNumber = true;
      if (typeof value === "string") isNumber = scanText(scan, value.trim());
      else if (typeof value === "number" || typeof value === "bigint") could.boolean = could.date = false;
      else if (typeof value === "boolean") could.point = could.comma = could.date = isNumber = false;
      else if (value instanceof Date) could.point = could.comma = could.boolean = isNumber = false;
      else {
        throw new DataError(
          `table: ${placeOf(rows, row)}, column ${name}: got ${Array.isArray(value) ? "a list" : "an object"}, expected a number or a word; flatten it into columns of their own`,
        );
      }
      if (isNumber) scan.numbers++;
      else scan.odd ??= { value, place: placeOf(rows, row) };
    }
  }
  return scan;
}

/** The decimal sign that most likely holds in the whole file: that of columns that leave no choice. */
function fileDecimal(scans: readonly Scan[], options: TableOptions): Decimal | undefined {
  if (options.decimal) return options.decimal;
  const written = scans.filter(({ values, hasPoint, hasComma }) => values > 0 && (hasPoint || hasComma));
  const point = written.some(({ could }) => could.point && !could.comma);
  const comma = written.some(({ could }) => could.comma && !could.point);
  return point === comma ? undefined : point ? "." : ",";
}

function decimalOf(scan: Scan, file: Decimal | undefined, delimiter: string | undefined): Decimal {
  const { could, hasComma } = scan;
  if (could.point !== could.comma) return could.point ? "." : ",";
  if (file) return file;
  // "1,234": where commas separate values, one inside of a value groups thousands.
  return hasComma && delimiter !== undefined && delimiter !== "," ? "," : ".";
}

function typeOf({ could, values, hasCode }: Scan): ColumnSchema["type"] {
  if (values === 0) return "number";
  if (could.point || could.comma) return hasCode ? "words" : "number";
  if (could.boolean) return "boolean";
  return could.date ? "date" : "words";
}

/** Why a column names its rows rather than describing them; undefined if it does not. */
function identifierOf(name: string, values: ArrayLike<unknown>, isWords: boolean): string | undefined {
  const few = 20;
  if (values.length < few) return undefined;
  if (isWords) {
    const words = Array.from(values).filter((value) => value !== null);
    const distinct = new Set(words).size;
    if (words.length < few || distinct <= words.length / 2) return undefined;
    return `identifier: ${distinct} different words in ${words.length} rows`;
  }
  const numbers = values as Float64Array;
  if (!numbers.every(Number.isInteger)) return undefined;
  if (numbers.every((value, row) => row === 0 || value === numbers[row - 1]! + 1))
    return "identifier: it counts the rows";
  const isNamed = /(^|[_\s-])(id|index|key|uuid)$|Id$|ID$/i.test(name);
  return isNamed && new Set(numbers).size === numbers.length
    ? "identifier: every row has its own"
    : undefined;
}

/** Classes in their order: numbers by value, words by their letters' codes, the same on every machine. */
function classesOf(values: Iterable<string | number>): (string | number)[] {
  return [...new Set(values)].sort((a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : a < b ? -1 : 1,
  );
}

const maxClasses = 10;

/** True for integers so few and so often that they are most likely classes. */
function areClasses(values: readonly number[]): boolean {
  const distinct = new Set<number>();
  for (const value of values) {
    if (!Number.isInteger(value)) return false;
    distinct.add(value);
    if (distinct.size > maxClasses) return false;
  }
  return values.length >= 5 * distinct.size;
}

/** Converts one column to its type: numbers (NaN where missing), or words (null where missing). */
function convert(rows: Rows, column: ColumnSchema, missing: ReadonlySet<string>): ArrayLike<unknown> {
  const { name, type, decimal } = column;
  const values = rows[name]!;
  const bad = (row: number, expected: string, advice: string) =>
    new DataError(
      `table: ${placeOf(rows, row)}, column ${name}: got ${quoted(values[row])}, expected ${expected}; ${advice}`,
    );
  if (type === "words") {
    return Array.from(values, (value, row) => {
      const word = readWord(value, missing);
      if (word === undefined) throw bad(row, "a word", "flatten it into columns of their own");
      return word;
    });
  }
  const numbers = new Float64Array(values.length);
  for (let row = 0; row < numbers.length; row++) {
    const number = readNumber(values[row], type, decimal, missing);
    if (number === undefined) {
      const kind = { number: "a finite number", boolean: "true or false", date: "a date such as 2026-01-31" }[
        type
      ];
      throw bad(row, kind, "mend it, or add it to missingWords");
    }
    numbers[row] = number;
  }
  return numbers;
}

/** Rows with their values as the schema says; values that are so already stay. */
export function typeRows({ columns, missingWords }: Schema, rows: Rows): Rows {
  const missing = new Set(missingWords);
  const absent = columns.find(({ name }) => !Object.hasOwn(rows, name));
  if (absent) requireColumn("table: the rows", absent.name, Object.keys(rows));
  const typed = Object.fromEntries(columns.map((column) => [column.name, convert(rows, column, missing)]));
  return withOrigin(typed, originOf(rows));
}

/** Refuses gaps in columns that may have none, while their lines are known. */
function refuseGaps(rows: Rows, options: TableOptions): void {
  for (const [name, values] of Object.entries(rows)) {
    if (name === targetOf(options)?.column) continue;
    if ((ruleOf(options, name).missing ?? options.missing) !== "refuse") continue;
    const row = Array.from(values).findIndex((value) => value === null || Number.isNaN(value));
    if (row < 0) continue;
    throw new DataError(
      `table: ${placeOf(rows, row)}, column ${name}: the value is missing, which \`missing: "refuse"\` forbids`,
    );
  }
}

/** The type of a column: what its rule says, else what its values are. */
function schemaOf(name: string, scan: Scan, decimal: Decimal, options: TableOptions): ColumnSchema {
  const target = targetOf(options);
  const found = typeOf(scan);
  if (name === target?.column) {
    const numeric = found === "number" || found === "date";
    return { name, type: target.as === "number" && !numeric ? "number" : numeric ? found : "words", decimal };
  }
  const { as } = ruleOf(options, name);
  if (as === "oneHot" || as === "ordinal" || as === "embedding") return { name, type: "words", decimal };
  if (as !== undefined && as !== "drop") return { name, type: as, decimal };
  const { values, numbers, odd } = scan;
  if (found !== "words" || !odd) return { name, type: found, decimal };
  if (numbers >= 0.8 * values) {
    const note = `${name}: ${values - numbers} of ${values} values are no numbers (the first: ${quoted(odd.value)}, ${odd.place}); add such words to missingWords if they stand for nothing`;
    return { name, type: found, decimal, note };
  }
  if (typeof odd.value === "string" && looksLikeDate(odd.value)) {
    const note = `${name}: values such as ${quoted(odd.value)} are words; write dates as 2026-01-31, and they are days`;
    return { name, type: found, decimal, note };
  }
  const isMeasure = typeof odd.value === "string" && hasUnit(odd.value.trim());
  const note = `${name}: values such as ${quoted(odd.value)} are words; take the sign out of the file, and they are numbers`;
  return { name, type: found, decimal, ...(isMeasure && { note }) };
}

/**
 * Finds out what the columns are, and converts them.
 *
 * @param parts training rows, and rows to evaluate on, if any
 * @throws DataError for a value that its column cannot hold, named by its place
 */
export function convertRows(
  parts: readonly Rows[],
  options: TableOptions,
): { schema: Schema; typed: Rows[] } {
  const names = Object.keys(parts[0]!);
  const missingWords = options.missingWords ?? defaultMissingWords;
  const missing = new Set(missingWords);
  const target = targetOf(options);
  for (const rows of parts) {
    if (rowCount("table", rows) === 0) {
      throw new DataError(
        `table: ${originOf(rows)?.name ?? "the source"} has no rows; expected at least one`,
      );
    }
    const there = Object.keys(rows);
    const absent = names.find((name) => !Object.hasOwn(rows, name));
    if (absent !== undefined) requireColumn("table: the test rows", absent, there);
  }
  if (target) requireColumn("table: target", target.column, names);
  for (const name of Object.keys(options.columns ?? {})) requireColumn("table: columns", name, names);
  const kept = names.filter((name) => ruleOf(options, name).as !== "drop");
  const scans = kept.map((name) => scanColumn(name, parts, missing));
  const decimal = fileDecimal(scans, options);
  const delimiter = originOf(parts[0]!)?.delimiter;
  let columns = kept.map((name, i) =>
    schemaOf(name, scans[i]!, decimalOf(scans[i]!, decimal, delimiter), options),
  );
  const typed = parts.map((rows) => typeRows({ columns, missingWords }, rows));
  for (const rows of typed) refuseGaps(rows, options);
  columns = columns.map((column) => {
    if (column.name === target?.column || ruleOf(options, column.name).as !== undefined) return column;
    const identifier = identifierOf(column.name, typed[0]![column.name]!, column.type === "words");
    return identifier === undefined ? column : { ...column, identifier };
  });
  const classes =
    target && targetClasses(typed, columns.find(({ name }) => name === target.column)!, options);
  return { schema: { columns, missingWords, ...(classes && { classes }) }, typed };
}

function targetClasses(
  typed: readonly Rows[],
  { name, type }: ColumnSchema,
  options: TableOptions,
): (string | number)[] | undefined {
  const as = targetOf(options)?.as;
  if (as === "number") return undefined;
  const values = typed.flatMap((rows) => Array.from(rows[name] as ArrayLike<string | number | null>));
  const present = values.filter((value) => value !== null && !Number.isNaN(value)) as (string | number)[];
  if (type !== "words" && as !== "classes" && !areClasses(present as number[])) return undefined;
  const classes = classesOf(present);
  if (classes.length >= 2) return classes;
  throw new DataError(
    `table: the target ${name} has ${classes.length === 0 ? "no values" : `one value only, ${quoted(classes[0])}`}, expected at least two classes; is it the right column?`,
  );
}
