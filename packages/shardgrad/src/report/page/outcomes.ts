// Metrics that are more than one number: a confusion matrix, pairs of what is right and what was predicted, or a list.
import type { MetricValue } from "@shardgrad/parallel";
import type { RunData } from "../run-data.ts";
import { element, section, styled, table } from "./elements.ts";
import { short, whole } from "./format.ts";
import { scatter } from "./scatter.ts";

const isNumbers = (value: MetricValue): value is number[] =>
  Array.isArray(value) && value.every((x) => typeof x === "number" || x === null);
const isMatrix = (value: MetricValue): value is number[][] =>
  Array.isArray(value) && value.length > 0 && value.every(isNumbers);

/** The most classes that are still read as a table. */
const mostClasses = 40;

function confusion(matrix: readonly (readonly number[])[]): HTMLElement {
  const sums = matrix.map((row) => row.reduce((sum, x) => sum + x, 0));
  const head = element("tr", {}, element("th", {}), ...matrix.map((_, i) => element("th", {}, String(i))));
  const rows = matrix.map((row, i) =>
    element(
      "tr",
      {},
      element("th", {}, String(i)),
      ...row.map((x, j) => {
        const share = sums[i]! > 0 ? x / sums[i]! : 0;
        const text = x === 0 ? "·" : Number.isInteger(x) ? whole(x) : short(x);
        const td = element("td", i === j ? { class: "own" } : {}, text);
        return x === 0
          ? td
          : styled(td, { background: `rgba(var(--heat), ${(0.06 + 0.5 * share).toFixed(3)})` });
      }),
    ),
  );
  return element(
    "div",
    {},
    element(
      "p",
      { class: "soft" },
      "A row for each true class, a column for each that was predicted. Shades are shares of a row.",
    ),
    element(
      "div",
      { class: "scroll" },
      element("table", { class: "matrix" }, element("tbody", {}, head, ...rows)),
    ),
  );
}

function list(values: readonly number[]): HTMLElement {
  const rows = values.map((value, i) => [
    { text: String(i) },
    { text: short(value), kind: "number" as const },
  ]);
  return table([{ text: "" }, { text: "value", kind: "number" }], rows);
}

function shown(value: MetricValue): HTMLElement {
  if (isMatrix(value)) {
    const columns = value[0]!.length;
    if (columns === value.length && columns <= mostClasses) return confusion(value);
    if (columns === 2 && value.length > 2) return scatter(value as [number, number][]);
  }
  if (isNumbers(value) && value.length <= mostClasses) return list(value);
  return element("p", { class: "soft" }, "More numbers than a page can show; the log and --json have them.");
}

export function outcomesSection({ nested, start }: RunData): HTMLElement | undefined {
  const entries = Object.entries(nested);
  if (entries.length === 0) return undefined;
  const cards = entries.map(([name, value]) =>
    element("div", { class: "card" }, element("h3", {}, `${start.evaluates} ${name}`), shown(value)),
  );
  return section("Predictions", element("div", { class: "charts" }, ...cards));
}
