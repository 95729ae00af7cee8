// The table of docs/machines.md: how long the sum of gradients takes, here and in other ways, by their formulas.
import { ethernet, sumSeconds } from "../src/simulate/cost-model.ts";
import { chainSeconds, ringSeconds, treeSeconds } from "./other-sums.ts";

const networks = [1e9, 10e9, 100e9];
const counts = [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
const megabytes = [1, 100];
const latencySeconds = 50e-6;

/** Milliseconds as the table has them. */
const ms = (seconds: number) => {
  const value = seconds * 1000;
  return value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString("en-US");
};

/** The chain with the chunks that suit it best. */
function bestChain(bytes: number, machines: number, bitsPerSecond: number): number {
  const sizes = Array.from({ length: 8 }, (_, power) => 2 ** (15 + power));
  const network = ethernet(bitsPerSecond, latencySeconds);
  return Math.min(...sizes.map((chunkBytes) => chainSeconds(bytes, machines, { ...network, chunkBytes })));
}

function timesOf(bytes: number, machines: number, bitsPerSecond: number): string[] {
  const network = ethernet(bitsPerSecond, latencySeconds);
  return [
    sumSeconds(bytes, new Array<number>(machines).fill(1), network),
    treeSeconds(bytes, machines, network),
    ringSeconds(bytes, machines, network),
    bestChain(bytes, machines, bitsPerSecond),
  ].map(ms);
}

/** As Markdown, with columns as wide as the formatter makes them. */
export function sumsTable(): string {
  const ways = ["here", "tree", "ring", "chain"];
  const head = [
    "Gbit/s",
    "machines",
    ...megabytes.flatMap((size) => ways.map((way) => `${size} MB, ${way}`)),
  ];
  const rows = networks.flatMap((rate) =>
    counts.map((machines) => [
      String(rate / 1e9),
      machines.toLocaleString("en-US"),
      ...megabytes.flatMap((size) => timesOf(size * 1e6, machines, rate)),
    ]),
  );
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padStart(widths[i]!)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => `${"-".repeat(width - 1)}:`).join(" | ")} |`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}
