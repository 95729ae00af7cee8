// Prints a metric that is not a single number, such as a confusion matrix: as a table, if it fits the terminal.
import type { MetricValue } from "@shardgrad/parallel";

/** The width of the narrowest terminal that this supports. */
const mostColumns = 80;

function isMatrix(value: MetricValue): value is number[][] {
  const isRow = (row: MetricValue) => Array.isArray(row) && row.every((x) => typeof x === "number");
  return Array.isArray(value) && value.every(isRow);
}

/** Counts are exact; sums of weights and other numbers are shortened. */
const format = (x: number) => (Number.isInteger(x) ? String(x) : x.toPrecision(4));

/** Labels rows and columns with their numbers. Prints zeros as dots, so that confused classes stand out. */
function table(matrix: readonly (readonly number[])[]): string[] {
  const columns = Math.max(...matrix.map((row) => row.length));
  const rows = [
    ["", ...Array.from({ length: columns }, (_, column) => String(column))],
    ...matrix.map((row, i) => [String(i), ...row.map((x) => (x === 0 ? "·" : format(x)))]),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => `  ${row.map((cell, column) => cell.padStart(widths[column]!)).join("  ")}`);
}

function sizeOf(value: MetricValue): string {
  const sizes: number[] = [];
  for (let part = value; Array.isArray(part); part = part[0]!) sizes.push(part.length);
  return sizes.join(" × ");
}

/** Every metric that is not a single number, under its name. */
export function matrixLines(metrics: Record<string, MetricValue>, evaluates: string): string[] {
  return Object.entries(metrics).flatMap(([name, value]) => {
    if (typeof value === "number") return [];
    // Of another shape, it is no table of classes.
    const rows = isMatrix(value) && value[0]!.length === value.length ? table(value) : undefined;
    if (!rows || rows.some((row) => row.length > mostColumns))
      return [`${evaluates} ${name}: ${sizeOf(value)} numbers, with --json`];
    return [
      `${evaluates} ${name}: one row for each true class, one column for each that was predicted`,
      ...rows,
    ];
  });
}
