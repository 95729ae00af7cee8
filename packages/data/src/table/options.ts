// The options of `table`, and their checks. Knows nothing of rows.
import { optionNames } from "@shardgrad/core/engine";
import { checkChoice, checkDataOptions } from "../check-options.ts";
import { DataError } from "../errors.ts";
import type { ReadOptions } from "../read/read-rows.ts";
import { readOptionNames } from "../read/read-rows.ts";
import type { Decimal } from "./values.ts";

/** What becomes of a column: numbers in `x`, one input per word in `x`, the place of a word in `x`, a column of its own. */
export type As = "number" | "boolean" | "date" | "oneHot" | "ordinal" | "embedding" | "drop";

/**
 * How numbers are scaled: by mean and standard deviation, by median and interquartile range, by mean and standard deviation
 * of their logarithms, or not at all.
 */
export type Scale = "standard" | "robust" | "log" | "none";

/** What stands in for a missing value. Words can have a place of their own, `own`; `refuse` makes it an error. */
export type Missing =
  | "median"
  | "mean"
  | "mostFrequent"
  | "own"
  | "refuse"
  | { readonly constant: number | string };

/** How one column is to be encoded, where it is not to be as found out. */
export interface ColumnRule {
  as?: As;
  /** Default: the median for numbers, the most frequent for booleans, a place of their own for words. */
  missing?: Missing;
  /** Adds an input that is 1 where a number was missing, if any was in training. */
  indicator?: boolean;
  /** Default "standard"; booleans are 0 and 1. */
  scale?: Scale;
  /** The words of an ordinal column from the first to the last; default: sorted. */
  order?: readonly string[];
}

/** What is to be predicted. */
export interface TargetRule {
  column: string;
  /** Default: classes for words, booleans, and up to 10 different integers of which each comes 5 times on average. */
  as?: "classes" | "number";
  /** Of numbers. Default "standard"; `decodeTarget` takes it back. */
  scale?: Scale;
  /** Rows without it. Default: refused. */
  missing?: "refuse" | "drop";
}

export interface TableOptions extends ReadOptions {
  /** The column to predict. Without one, there is no column `y`. */
  target?: string | TargetRule;
  /** How to treat single columns; a word alone is `as`. */
  columns?: Readonly<Record<string, As | ColumnRule>>;
  /** For all columns that can take it. */
  missing?: Missing;
  /** For all columns of numbers. */
  indicator?: boolean;
  /** For all columns of numbers. */
  scale?: Scale;
  /** Words that stand for a missing value besides empty text, in place of NA, N/A, NaN, null, None, ? and the like. */
  missingWords?: readonly string[];
  /** The decimal sign; found out if absent. */
  decimal?: Decimal;
  /** Rows to evaluate on, such as a second file. */
  test?: unknown;
}

const tableOptions = optionNames<Omit<TableOptions, keyof ReadOptions>>({
  target: true,
  columns: true,
  missing: true,
  indicator: true,
  scale: true,
  missingWords: true,
  decimal: true,
  test: true,
});
const columnRule = optionNames<ColumnRule>({
  as: true,
  missing: true,
  indicator: true,
  scale: true,
  order: true,
});
const targetRule = optionNames<TargetRule>({ column: true, as: true, scale: true, missing: true });

const scales: readonly Scale[] = ["standard", "robust", "log", "none"];
const choices: readonly As[] = ["number", "boolean", "date", "oneHot", "ordinal", "embedding", "drop"];
const fills = ["median", "mean", "mostFrequent", "own", "refuse"];

function checkMissing(where: string, missing: unknown): void {
  const isObject = typeof missing === "object" && missing !== null && "constant" in missing;
  if (!isObject) {
    checkChoice("table", where, missing, [...fills, "{ constant: … }"]);
    return;
  }
  const { constant } = missing;
  if (typeof constant === "string" || Number.isFinite(constant)) return;
  throw new DataError(`table: ${where}.constant is ${String(constant)}, expected a finite number or a word`);
}

/** The rule of a column: what is said of it, then what is said of all. */
export function ruleOf(options: TableOptions, name: string): ColumnRule {
  const columns = options.columns ?? {};
  const own = Object.hasOwn(columns, name) ? columns[name]! : {};
  return typeof own === "string" ? { as: own } : own;
}

export function targetOf({ target }: TableOptions): TargetRule | undefined {
  return typeof target === "string" ? { column: target } : target;
}

/** @throws DataError for an option that there is not, or a value that it cannot have */
export function checkTableOptions(options: TableOptions): void {
  checkDataOptions("table", options, { ...readOptionNames, ...tableOptions });
  const { columns = {}, missing, scale, decimal, missingWords = [], target } = options;
  if (missing !== undefined) checkMissing("missing", missing);
  if (scale !== undefined) checkChoice("table", "scale", scale, scales);
  if (decimal !== undefined) checkChoice("table", "decimal", decimal, [".", ","]);
  if (!Array.isArray(missingWords) || missingWords.some((word) => typeof word !== "string")) {
    throw new DataError('table: missingWords is not an array of words, such as ["-", "unknown"]');
  }
  if (target !== undefined && typeof target !== "string") {
    checkDataOptions("table: target", target, targetRule);
    if (typeof target.column !== "string") {
      throw new DataError("table: target names no column; expected { column: … }, or just its name");
    }
    if (target.as !== undefined) checkChoice("table", "target.as", target.as, ["classes", "number"]);
    if (target.scale !== undefined) checkChoice("table", "target.scale", target.scale, scales);
    if (target.missing !== undefined)
      checkChoice("table", "target.missing", target.missing, ["refuse", "drop"]);
  }
  for (const name of Object.keys(columns)) {
    const where = `columns.${name}`;
    if (name === targetOf(options)?.column) {
      throw new DataError(
        `table: ${where} is the target; say how to treat it by target: { column: ${JSON.stringify(name)}, … }`,
      );
    }
    if (typeof columns[name] === "string") checkChoice("table", where, columns[name], choices);
    const rule = ruleOf(options, name);
    checkDataOptions(`table: ${where}`, rule, columnRule);
    if (rule.as !== undefined) checkChoice("table", `${where}.as`, rule.as, choices);
    if (rule.scale !== undefined) checkChoice("table", `${where}.scale`, rule.scale, scales);
    if (rule.missing !== undefined) checkMissing(`${where}.missing`, rule.missing);
    if (rule.order !== undefined && rule.as !== "ordinal") {
      throw new DataError(`table: ${where} has an order, which only as: "ordinal" takes`);
    }
  }
}
