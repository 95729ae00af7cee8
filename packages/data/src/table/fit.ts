// Learns from training rows what encodes all rows: what stands in for missing values, means and deviations, vocabularies.
// Statistics are in float64, in the order of the rows, so that they have the same bits everywhere.
import { DataError } from "../errors.ts";
import type { Rows } from "../rows.ts";
import { placeOf } from "../rows.ts";
import type { ColumnRule, Missing, Scale, TableOptions } from "./options.ts";
import { ruleOf, targetOf } from "./options.ts";
import type { ColumnSchema, Schema } from "./schema.ts";
import type { Input, NumberInput, TableState, Target, WordsInput } from "./state.ts";

/** Up to so many words get an input each; more become an embedding. */
const maxOneHot = 32;

const meanOf = (values: Float64Array): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

function deviationOf(values: Float64Array, mean: number): number {
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

/** The value below which this share of the sorted values lies, interpolated as NumPy does. */
export function quantile(sorted: Float64Array, share: number): number {
  const at = (sorted.length - 1) * share;
  const low = Math.floor(at);
  const [a, b] = [sorted[low]!, sorted[Math.min(low + 1, sorted.length - 1)]!];
  return a + (b - a) * (at - low);
}

/** How often each value comes, without missing ones. */
export function countsOf<T>(values: Iterable<T>): Map<T, number> {
  const counts = new Map<T, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

/** The most frequent value; of several, the smallest. */
export function mostFrequent<T extends number | string>(counts: ReadonlyMap<T, number>): T {
  let best: [T, number] | undefined;
  for (const [value, count] of counts) {
    if (!best || count > best[1] || (count === best[1] && value < best[0])) best = [value, count];
  }
  return best![0];
}

/**
 * The shift and the scale of numbers, of which none is missing.
 *
 * @param where what an error about a number begins with
 */
function scaling(
  where: (odd: number) => string,
  values: Float64Array,
  how: Scale,
): Pick<NumberInput, "log" | "shift" | "scale"> {
  if (how === "none") return { log: false, shift: 0, scale: 1 };
  if (how === "robust") {
    const sorted = values.toSorted();
    const range = quantile(sorted, 0.75) - quantile(sorted, 0.25);
    // Half of the values may be one number.
    if (range > 0) return { log: false, shift: quantile(sorted, 0.5), scale: range };
  }
  const log = how === "log";
  const odd = log ? values.find((value) => value <= 0) : undefined;
  if (odd !== undefined) {
    throw new DataError(
      `${where(odd)}: scale "log" got ${odd}, expected numbers above 0; choose another scale`,
    );
  }
  const scaled = log ? values.map(Math.log) : values;
  const mean = meanOf(scaled);
  const deviation = deviationOf(scaled, mean);
  return { log, shift: mean, scale: deviation > 0 ? deviation : 1 };
}

function fillOf(where: string, values: Float64Array, missing: Missing): number | null {
  if (missing === "refuse") return null;
  if (missing === "median") return quantile(values.toSorted(), 0.5);
  if (missing === "mean") return meanOf(values);
  if (missing === "mostFrequent") return mostFrequent(countsOf(values));
  const constant = typeof missing === "object" ? missing.constant : missing;
  if (typeof constant === "number") return constant;
  throw new DataError(
    `${where}: missing is ${JSON.stringify(missing)}, which words can have; expected "median", "mean", "mostFrequent", "refuse" or { constant: 0 } for numbers`,
  );
}

/** Names the place of a number in a column. */
const placeIn = (rows: Rows, name: string) => (number: number) =>
  `table: ${placeOf(rows, (rows[name] as Float64Array).indexOf(number))}, column ${name}`;

/** An input, or why the column is none. */
type Found = Input | string;

function fitNumbers(
  { name, type, decimal }: ColumnSchema,
  training: Rows,
  rule: ColumnRule,
  options: TableOptions,
): Found {
  const where = `table: column ${name}`;
  const values = training[name] as Float64Array;
  const present = values.filter((value) => !Number.isNaN(value));
  if (present.length === 0) return "it has no values";
  const isIncomplete = present.length < values.length;
  const indicator = isIncomplete && (rule.indicator ?? options.indicator ?? false);
  if (present.every((value) => value === present[0]) && !indicator) return `constant: always ${present[0]}`;
  const own = type === "boolean" ? "mostFrequent" : "median";
  // What is said of all columns holds where it can.
  const forWords = (given: Missing) =>
    given === "own" || (typeof given === "object" && typeof given.constant === "string");
  const general = options.missing === undefined || forWords(options.missing) ? own : options.missing;
  const scale = rule.scale ?? (type === "boolean" ? "none" : (options.scale ?? "standard"));
  const fill = fillOf(where, present, rule.missing ?? general);
  return {
    name,
    kind: "number",
    type: type as NumberInput["type"],
    decimal,
    fill,
    indicator,
    ...scaling(placeIn(training, name), present, scale),
  };
}

function missingWordOf(
  where: string,
  counts: ReadonlyMap<string, number>,
  missing: Missing,
): WordsInput["missing"] {
  if (missing === "own" || missing === "refuse") return missing;
  if (missing === "mostFrequent") return { word: mostFrequent(counts) };
  if (typeof missing === "object") return { word: String(missing.constant) };
  throw new DataError(
    `${where}: missing is ${JSON.stringify(missing)}, which numbers can have; expected "own", "mostFrequent", "refuse" or { constant: "…" } for words`,
  );
}

function orderOf(
  where: string,
  counts: ReadonlyMap<string, number>,
  order: readonly string[] | undefined,
): string[] {
  if (!order) return [...counts.keys()].sort();
  const unlisted = [...counts.keys()].find((word) => !order.includes(word));
  if (unlisted === undefined) return [...order];
  throw new DataError(
    `${where}: order lacks the word ${JSON.stringify(unlisted)}; add it, from the first to the last`,
  );
}

function fitWords({ name }: ColumnSchema, training: Rows, rule: ColumnRule, options: TableOptions): Found {
  const where = `table: column ${name}`;
  const values = training[name] as readonly (string | null)[];
  const present = values.filter((value) => value !== null);
  const isIncomplete = present.length < values.length;
  const counts = countsOf(present);
  if (counts.size === 0) return "it has no values";
  if (counts.size === 1 && !isIncomplete) return `constant: always ${JSON.stringify(present[0])}`;
  const forNumbers = (given: Missing) =>
    given === "median" ||
    given === "mean" ||
    (typeof given === "object" && typeof given.constant === "number");
  const general = options.missing === undefined || forNumbers(options.missing) ? "own" : options.missing;
  const missing = missingWordOf(where, counts, rule.missing ?? general);
  const kind = (rule.as ?? (counts.size <= maxOneHot ? "oneHot" : "embedding")) as WordsInput["kind"];
  if (kind !== "ordinal") {
    const words = [...counts.keys()].sort();
    if (typeof missing === "object" && isIncomplete && !counts.has(missing.word)) words.push(missing.word);
    // Without a missing value in training, those of new rows are like unknown words.
    if (kind === "oneHot" && missing === "own" && isIncomplete)
      return { name, kind, words, missing, place: true, ...unscaled };
    return { name, kind, words, missing, place: false, ...unscaled };
  }
  const words = orderOf(where, counts, rule.order);
  const places = new Map(words.map((word, place) => [word, place]));
  const ordinals = Float64Array.from(present, (word) => places.get(word)!);
  const { shift, scale } = scaling(() => where, ordinals, rule.scale ?? options.scale ?? "standard");
  return { name, kind, words, missing, place: false, shift, scale };
}

const unscaled = { shift: 0, scale: 1 };

function fitTarget(schema: Schema, training: Rows, options: TableOptions): Target | null {
  const target = targetOf(options);
  if (!target) return null;
  const { name, type, decimal } = schema.columns.find((column) => column.name === target.column)!;
  if (schema.classes) return { name, kind: "classes", decimal, classes: schema.classes };
  const values = training[name] as Float64Array;
  const row = values.findIndex(Number.isNaN);
  if (row >= 0) throw missingTarget(training, row, name);
  const scaled = scaling(placeIn(training, name), values, target.scale ?? "standard");
  return { name, kind: "number", type: type as NumberInput["type"], decimal, ...scaled };
}

export function missingTarget(rows: Rows, row: number, name: string): DataError {
  return new DataError(
    `table: ${placeOf(rows, row)}: the target ${name} is missing; fill it in, or leave such rows out: target: { column: ${JSON.stringify(name)}, missing: "drop" }`,
  );
}

/** The names of the numbers that an input adds to `x`. */
function featuresOf(input: Input): string[] {
  const { name } = input;
  if (input.kind === "number") return input.indicator ? [name, `${name} missing`] : [name];
  if (input.kind === "ordinal") return [name];
  if (input.kind === "embedding") return [];
  return [
    ...input.words.map((word) => `${name}=${word}`),
    ...(input.place ? [`${name} missing`] : []),
    `${name} other`,
  ];
}

/** The state for a schema, from typed training rows. */
export function fitRows(schema: Schema, training: Rows, options: TableOptions): TableState {
  const inputs: Input[] = [];
  const dropped: { name: string; reason: string }[] = [];
  for (const name of Object.keys(options.columns ?? {})) {
    if (ruleOf(options, name).as === "drop") dropped.push({ name, reason: "by its rule" });
  }
  for (const column of schema.columns) {
    const { name, type, identifier } = column;
    if (name === targetOf(options)?.column) continue;
    const rule = ruleOf(options, name);
    const learn = type === "words" ? fitWords : fitNumbers;
    const found = identifier ?? learn(column, training, rule, options);
    if (typeof found === "string") dropped.push({ name, reason: found });
    else inputs.push(found);
  }
  if (inputs.length === 0) {
    const reasons = dropped.map(({ name, reason }) => `${name} (${reason})`).join(", ");
    throw new DataError(`table: no column is left to predict from; dropped: ${reasons || "none"}`);
  }
  for (const { name, kind } of inputs) {
    if (kind === "embedding" && (name === "x" || name === "y")) {
      throw new DataError(
        `table: column ${name} is to be an embedding, but the columns of a batch are called x and y already; rename it in the file, or encode it in another way`,
      );
    }
  }
  return {
    encoder: "table",
    inputs,
    features: inputs.flatMap(featuresOf),
    target: fitTarget(schema, training, options),
    dropped,
    missingWords: schema.missingWords,
    ...(options.csv && { csv: options.csv }),
  };
}
