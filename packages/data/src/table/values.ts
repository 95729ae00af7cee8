// What a raw value means: a number, a truth, a date, a word, or that it is missing. Reads the texts of files and the values
// of JSON and Parquet alike. Knows nothing of columns.

/** Words that stand for a missing value, unless a table says otherwise; besides empty text and null. */
export const defaultMissingWords: readonly string[] = [
  "NA",
  "N/A",
  "n/a",
  "#N/A",
  "<NA>",
  "NaN",
  "nan",
  "NULL",
  "Null",
  "null",
  "None",
  "?",
];

/** The sign between units and tenths. The other one may group thousands. */
export type Decimal = "." | ",";

/** The minus sign of typesetters, which spreadsheets copy. */
const minus = "\u2212";
/** Spaces, of all widths, and apostrophes may group thousands with either decimal sign. */
const spaces = " \u00a0\u2009\u202f'\u2019";
const exponent = "(?:[eE][+-]?\\d+)?";
const groups = (sign: string) => `\\d{1,3}(?:(?:${sign}\\d{3})+|(?:[${spaces}]\\d{3})+)`;
const format = (sign: string, grouping: string) =>
  new RegExp(`^[+${minus}-]?(?=${sign}?\\d)(?:${groups(grouping)}|\\d*)(?:${sign}\\d*)?${exponent}$`);
const formats: Readonly<Record<Decimal, RegExp>> = { ".": format("\\.", ","), ",": format(",", "\\.") };
const grouping: Readonly<Record<Decimal, RegExp>> = {
  ".": new RegExp(`[,${spaces}]`, "g"),
  ",": new RegExp(`[.${spaces}]`, "g"),
};

/** Most words are told by their first sign. */
const beginsLikeNumber = (text: string): boolean => text.charCodeAt(0) <= 0x39 || text.startsWith(minus);

/** True for a text that is written like a number; it may be too large for one. */
export const isNumeric = (text: string, decimal: Decimal): boolean =>
  beginsLikeNumber(text) && formats[decimal].test(text);

/** A text as a number; undefined if it is none. */
export function parseNumber(text: string, decimal: Decimal): number | undefined {
  if (!isNumeric(text, decimal)) return undefined;
  const plain = text.replace(grouping[decimal], "").replace(minus, "-");
  const number = Number(decimal === "." ? plain : plain.replace(",", "."));
  return Number.isFinite(number) ? number : undefined;
}

/** True for a number with a sign around it, such as 12%, $3.50 or (4), which is read as a word. */
export function hasUnit(text: string): boolean {
  const bare = text.replace(/^[$€£¥(]\s?|\s?[$€£¥%)]$/g, "");
  return bare !== text && (isNumeric(bare, ".") || isNumeric(bare, ","));
}

/** True for a date in another form than ISO's, such as 31.1.2026 or 1/31/26, which is read as a word. */
export const looksLikeDate = (text: string): boolean => /^\d{1,4}([./-])\d{1,2}\1\d{1,4}$/.test(text.trim());

/** A code such as the postcode 01067, which is no number although it is written in digits. */
export const isCode = (text: string): boolean => /^0\d/.test(text);

const truths: Readonly<Record<string, number>> = { true: 1, yes: 1, t: 1, y: 1, false: 0, no: 0, f: 0, n: 0 };

/** 1 or 0; undefined if a text is neither. */
export function parseBoolean(text: string): number | undefined {
  const lower = text.toLowerCase();
  return Object.hasOwn(truths, lower) ? truths[lower] : undefined;
}

const iso = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?)?\s?(?:Z|([+-])(\d\d):?(\d\d))?$/;
const msPerDay = 86_400_000;

/** Days since 1970 of a date in ISO's form, with or without a time; UTC if it has no zone. Undefined for other texts. */
export function parseDate(text: string): number | undefined {
  const found = iso.exec(text);
  if (!found) return undefined;
  const part = (i: number) => Number(found[i] ?? 0);
  const [year, month, day] = [part(1), part(2), part(3)];
  const midnight = new Date(Date.UTC(year, month - 1, day));
  if (midnight.getUTCMonth() !== month - 1 || midnight.getUTCDate() !== day) return undefined;
  if (part(4) > 24 || part(5) > 59 || part(6) > 60) return undefined;
  const offset = (part(9) * 60 + part(10)) * (found[8] === "-" ? -1 : 1);
  const seconds = (part(4) * 60 + part(5) - offset) * 60 + part(6) + part(7);
  return (midnight.getTime() + 1000 * seconds) / msPerDay;
}

/** A day number as its date, for people. */
export const showDate = (days: number): string => new Date(days * msPerDay).toISOString().slice(0, 10);

/** What a column of numbers holds. */
export type NumberType = "number" | "boolean" | "date";

/** True where a value is missing: null, NaN, empty text, or one of the words. */
export function isMissing(value: unknown, words: ReadonlySet<string>): boolean {
  if (value === null || value === undefined) return true;
  if (typeof value === "number") return Number.isNaN(value);
  if (typeof value !== "string") return false;
  const text = value.trim();
  return text === "" || words.has(text);
}

/** A value as a number; NaN if it is missing, undefined if it is something else. */
export function readNumber(
  value: unknown,
  type: NumberType,
  decimal: Decimal,
  missing: ReadonlySet<string>,
): number | undefined {
  if (typeof value === "number") return Math.abs(value) === Infinity ? undefined : value;
  if (isMissing(value, missing)) return NaN;
  if (typeof value === "boolean" || typeof value === "bigint") return Number(value);
  if (value instanceof Date) return type === "date" ? value.getTime() / msPerDay : undefined;
  if (typeof value !== "string") return undefined;
  const text = value.trim();
  if (type === "date") return parseDate(text) ?? parseNumber(text, decimal);
  if (type === "boolean")
    return parseBoolean(text) ?? (text === "1" || text === "0" ? Number(text) : undefined);
  return parseNumber(text, decimal);
}

/** A value as a word; null if it is missing, undefined if it is a list or an object. */
export function readWord(value: unknown, missing: ReadonlySet<string>): string | null | undefined {
  if (isMissing(value, missing)) return null;
  if (typeof value === "string") return value.trim();
  if (value instanceof Date) return value.toISOString();
  return typeof value === "object" || typeof value === "function" ? undefined : String(value);
}
