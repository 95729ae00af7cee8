// The report of given numbers: as lines of a terminal, as a plot, as a page.
import { describe, expect, it } from "vitest";
import { measuredResult, measuredRows } from "../../testing/measured-rows.ts";
import { svgFile } from "../plots/picture.ts";
import { scalePage } from "./page.ts";
import { scalePlot } from "./plot.ts";
import { scaleLines } from "./table.ts";

const rows = measuredRows({
  1: { compute: 8, update: 1, other: 0.1 },
  2: { compute: 4, update: 0.5, barrier: 0.3, other: 0.1 },
  4: { compute: 2, uneven: 0.4, update: 0.25, barrier: 0.5, other: 0.1 },
});
const result = measuredResult(rows, {
  job: "file:///jobs/digits%20%26%20more.ts",
  advice: ["4 workers: 2.8 times the samples per second of one", "install a BLAS"],
});

it("prints what more workers gain, where the rest goes, and the advice", () => {
  expect(scaleLines(result, 100)).toEqual([
    "235,146 parameters, a batch of 128 in 8 shards, wasm-relaxed kernels; 4 cores; 3 rounds of 200",
    "  steps, after 100 to warm up",
    "",
    "  workers  batch  ms a step    min – max  samples/s  speed-up    min – max  efficiency  limit",
    "  the batch shared",
    "        1    128       9.10  9.10 – 9.10     14,066      1.00  1.00 – 1.00       100 %   1.00",
    "        2    128       4.90  4.90 – 4.90     26,122      1.86  1.86 – 1.86        93 %   2.00",
    "        4    128       3.25  3.25 – 3.25     39,385      2.80  2.80 – 2.80        70 %   4.00",
    "",
    "same bits ✓  weights sha256 0123456789abcdef… after 300 steps, for all numbers of workers",
    "",
    "  ms a step of           1      2     4",
    "  computing           8.00   4.00  2.00",
    "  computing unevenly  0.00   0.00  0.40",
    "  waiting             0.00   0.00  0.00",
    "  averaging           0.00   0.00  0.00",
    "  updating            1.00   0.50  0.25",
    "  barrier             0.00   0.30  0.50",
    "  other               0.10   0.10  0.10",
    "  lost                      7.1 %  30 %",
    "  lost: beyond an equal share of one worker's step; limit: what threads that share nothing gain at",
    "  matrix products",
    "",
    "→ 4 workers: 2.8 times the samples per second of one",
    "→ install a BLAS",
  ]);
});

it.each([40, 60, 80, 120])(
  "fits a terminal of %i columns, and always has time, speed-up and limit",
  (columns) => {
    const many = measuredRows(
      Object.fromEntries(
        [1, 2, 3, 4, 5, 6, 7, 8, 16, 32].map((workers) => [workers, { compute: 100 / workers }]),
      ),
    );
    const lines = scaleLines({ ...result, rows: many }, columns);
    for (const line of lines.filter((line) => !line.includes("workers")))
      expect(line.length).toBeLessThanOrEqual(columns);
    const head = lines.find((line) => line.includes("  workers"));
    expect(head).toMatch(/workers .*ms a step .*speed-up .*limit/);
    // Every number of workers has its column.
    const shown = lines.filter((line) => line.startsWith("  ms a step of")).join(" ");
    expect(shown.match(/\d+/g)).toEqual(["1", "2", "3", "4", "5", "6", "7", "8", "16", "32"]);
  },
);

it("says what failed, and when bits differ", () => {
  const failed = {
    ...rows[1]!,
    rounds: 0,
    msPerStep: null,
    samplesPerSecond: null,
    speedup: null,
    efficiency: null,
  };
  const broken = { ...failed, limit: null, time: null, weightsSha256: null, reason: "train: no memory" };
  const lines = scaleLines({ ...result, rows: [rows[0]!, broken], sameBits: false }, 100).join("\n");
  expect(lines).toMatch(/\n +2 +128 +– +– /);
  expect(lines).toContain("2 workers, the batch shared: train: no memory");
  expect(lines).toContain("same bits ✗");
});

describe("the plot", () => {
  const texts = (svg: string) =>
    [...svg.matchAll(/<text([^>]*)>([^<]*)<\/text>/g)].map(([, attributes, text]) => ({
      y: Number(/ y="([\d.]+)"/.exec(attributes!)?.[1]),
      text,
    }));

  it("has the ideal line, the limit and what was measured, each with a label that overlaps no other", () => {
    const svg = svgFile(scalePlot(result));
    const labels = texts(svg).filter(({ text }) =>
      ["ideal", "limit of the machine", "measured"].includes(text!),
    );
    expect(labels.map(({ text }) => text)).toEqual(["ideal", "limit of the machine", "measured"]);
    const heights = labels.map(({ y }) => y).sort((a, b) => a - b);
    for (const [i, y] of heights.slice(1).entries()) expect(y - heights[i]!).toBeGreaterThanOrEqual(16);
    for (const label of ["workers", "samples/s, relative to one worker"])
      expect(texts(svg).map(({ text }) => text)).toContain(label);
    expect(svg).toContain("Speed-up by workers: digits &amp; more.ts");
  });

  it("tells lines apart without colours, and follows light and dark", () => {
    const svg = svgFile(scalePlot(result));
    expect(new Set(svg.match(/stroke-dasharray="[^"]*"/g)).size).toBe(3);
    expect(new Set(svg.match(/class="mark"[^>]* d="[^"]+"/g)?.map((mark) => mark.split(" d=")[1])).size).toBe(
      2,
    );
    expect(svg).toContain('class="range"');
    expect(svg).toContain("prefers-color-scheme: dark");
  });
});

it("the page stands alone, and escapes names", () => {
  const page = scalePage(result);
  expect(page).not.toMatch(/<script|src=|href=/);
  expect(page).toContain("<h1>Scaling: digits &amp; more.ts</h1>");
  for (const part of ["<svg", "same bits ✓", "install a BLAS", "OMP_NUM_THREADS=1", "2.80 (2.80 – 2.80)"])
    expect(page).toContain(part);
});
