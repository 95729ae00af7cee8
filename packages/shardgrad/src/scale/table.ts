// The report of a measurement as lines of text that fit a terminal: what more workers gain, and where the rest goes.
import { kernelsText } from "../kernels-text.ts";
import { wrap } from "../wrap.ts";
import type { Column } from "./fitting-table.ts";
import { alignRight, fittingTable, gap, labelled, widthOf } from "./fitting-table.ts";
import { digits, percent, ratio } from "./numbers.ts";
import type { ScaleMode, ScaleRow } from "./rows.ts";
import type { ScaleResult } from "./scale.ts";
import type { Spread } from "./statistics.ts";
import type { StepTime } from "./step-time.ts";
import { totalOf } from "./step-time.ts";

const count = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

export const modes: Record<ScaleMode, string> = {
  strong: "the batch shared",
  undivided: "the batch in one shard",
  weak: "a batch for each worker",
  part: "a machine's part of the batch",
};

const range =
  (show: (value: number) => string) =>
  ({ min, max }: Spread) =>
    `${show(min)} – ${show(max)}`;
const or = <T>(value: T | null, show: (value: T) => string) => (value === null ? "–" : show(value));

const columnsOfGains: readonly Column<ScaleRow>[] = [
  { title: "workers", cell: ({ workers }) => String(workers), drop: 0 },
  { title: "batch", cell: ({ batchSize }) => String(batchSize), drop: 4 },
  { title: "ms a step", cell: ({ msPerStep }) => or(msPerStep, ({ median }) => digits(median)), drop: 0 },
  { title: "min – max", cell: ({ msPerStep }) => or(msPerStep, range(digits)), drop: 5 },
  {
    title: "samples/s",
    cell: ({ samplesPerSecond: rate }) => or(rate, ({ median }) => count.format(median)),
    drop: 1,
  },
  { title: "speed-up", cell: ({ speedup }) => or(speedup, ({ median }) => ratio(median)), drop: 0 },
  { title: "min – max", cell: ({ speedup }) => or(speedup, range(ratio)), drop: 2 },
  { title: "efficiency", cell: ({ efficiency }) => or(efficiency, percent), drop: 3 },
  { title: "limit", cell: ({ limit }) => or(limit, ({ median }) => ratio(median)), drop: 0 },
];

export const partNames: readonly (readonly [part: keyof StepTime, name: string])[] = [
  ["compute", "computing"],
  ["uneven", "computing unevenly"],
  ["wait", "waiting"],
  ["reduce", "averaging"],
  ["update", "updating"],
  ["barrier", "barrier"],
  ["other", "other"],
];

/** What a step takes beyond an equal share of one worker's. */
export function lostMs(one: ScaleRow, row: ScaleRow): number {
  return totalOf(row.time!) - totalOf(one.time!) / row.workers;
}

/** Writes parts of a step below each other: with the decimals that three digits of the longest step have. */
export function likeStepOf(one: ScaleRow): (ms: number) => string {
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(totalOf(one.time!))));
  return (ms) => ms.toFixed(Math.min(decimals, 6));
}

/** One line for each part, one column for each number of workers, as many as fit. */
function timesTable(rows: readonly ScaleRow[], columns: number): string[] {
  const measured = rows.filter(({ mode, time }) => mode === "strong" && time);
  const [one] = measured;
  if (!one) return [];
  const names = ["ms a step of", ...partNames.map(([, name]) => name), "lost"];
  const width = Math.max(...names.map((name) => name.length));
  const ms = likeStepOf(one);
  const cellsOf = (row: ScaleRow) => [
    String(row.workers),
    ...partNames.map(([part]) => ms(row.time![part])),
    row === one ? "" : percent(lostMs(one, row) / totalOf(row.time!)),
  ];
  let shown = measured.map(cellsOf);
  const lines: string[] = [];
  while (shown.length > 0) {
    let fits = shown.length;
    while (fits > 1 && gap.length + width + widthOf(shown.slice(0, fits)) > columns) fits--;
    const table = alignRight(shown.slice(0, fits));
    lines.push(...table.map((line, i) => `${gap}${names[i]!.padEnd(width)}${line}`));
    shown = shown.slice(fits);
  }
  return lines;
}

/** What was measured, in one line. */
export function headline({ rows, parameters, kernels, machine, rounds, steps }: ScaleResult): string {
  const { batchSize, shards } = rows[0]!;
  const { native } = machine;
  const blas = "blas" in machine.blas && kernels === "blas" ? machine.blas.blas : undefined;
  const split = shards === 1 ? "" : ` in ${shards} shards`;
  const cores = machine.cores === 1 ? "1 core" : `${machine.cores} cores`;
  return `${count.format(parameters)} parameters, a batch of ${batchSize}${split}, ${kernelsText({ kernels, native, blas })}; ${cores}; ${rounds === 1 ? "1 round" : `${rounds} rounds`} of ${count.format(steps.steps)} steps, after ${count.format(steps.warm)} to warm up`;
}

/** Whether the numbers of workers computed the same. */
export function bitsLine({ rows, sameBits, steps }: ScaleResult): string | undefined {
  if (sameBits === null) return undefined;
  const hash = rows[0]!.weightsSha256;
  const after = `after ${count.format(steps.warm + steps.steps)} steps`;
  return sameBits
    ? `same bits ✓  weights sha256 ${hash!.slice(0, 16)}… ${after}, for all numbers of workers`
    : `same bits ✗  the weights ${after} differ between numbers of workers, or between rounds: the job is not deterministic`;
}

/** The whole report. */
export function scaleLines(result: ScaleResult, columns: number): string[] {
  const { rows, advice } = result;
  const reasons = rows.flatMap(({ mode, workers, reason }) =>
    reason === null ? [] : [`${workers} workers, ${modes[mode]}: ${reason}`],
  );
  const [titles, ...lines] = fittingTable(columnsOfGains, rows, columns);
  const gains = labelled(lines, rows, ({ mode }) => modes[mode]);
  const bits = bitsLine(result);
  return [
    ...wrap(headline(result), columns),
    "",
    titles,
    ...gains,
    "",
    ...(bits === undefined ? [] : [...wrap(bits, columns), ""]),
    ...timesTable(rows, columns),
    ...wrap(
      "  lost: beyond an equal share of one worker's step; limit: what threads that share nothing gain at matrix products",
      columns,
    ),
    "",
    ...reasons.flatMap((line) => wrap(line, columns)),
    ...advice.flatMap((line) => wrap(`→ ${line}`, columns)),
  ];
}
