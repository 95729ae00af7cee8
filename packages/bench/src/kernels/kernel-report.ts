// The tables of `bench kernels`: one line for each kernel of each set, beside what the same threads reach at most.
import { digits, percent, spreadText } from "shardgrad/measure";
import type { Align } from "../markdown.ts";
import { markdownTable } from "../markdown.ts";
import type { KernelRow } from "./measure-kernels.ts";

const unit = ({ gflops }: KernelRow) => (gflops === null ? "GB/s" : "GFLOP/s");
const orDash = (value: number | null, text: (value: number) => string) =>
  value === null ? "–" : text(value);

const columns: readonly (readonly [title: string, align: Align, cell: (row: KernelRow) => string])[] = [
  ["kernel", "left", ({ kernel }) => kernel],
  ["size", "left", ({ shape }) => shape],
  ["kernels", "left", ({ who }) => who],
  ["ms", "right", ({ msPerCall }) => spreadText(msPerCall)],
  ["speed", "right", (row) => `${digits((row.gflops ?? row.gigabytesPerSecond)!)} ${unit(row)}`],
  ["the peak", "right", (row) => orDash(row.peak, digits)],
  ["of the peak", "right", (row) => orDash(row.peakShare, percent)],
];

function speedsTable(rows: readonly KernelRow[]): string[] {
  if (rows.length === 0) return [];
  const { threads } = rows[0]!;
  const where = threads > 1 ? `${threads} threads at once, each on its own numbers` : "one thread";
  return [
    `## Kernels, on ${where}`,
    markdownTable(
      columns.map(([title, align]) => [title, align]),
      rows.map((row) => columns.map(([, , cell]) => cell(row))),
    ),
  ];
}

function callsTable(rows: readonly KernelRow[]): string[] {
  if (rows.length === 0) return [];
  const lines = rows.map(({ kernel, shape, msPerCall: { median, min, max } }) => {
    const micro = { median: 1000 * median, min: 1000 * min, max: 1000 * max };
    return [kernel, shape, spreadText(micro)];
  });
  const head = [
    ["call", "left"],
    ["how", "left"],
    ["µs", "right"],
  ] as const;
  return ["## Calls, in µs", markdownTable(head, lines)];
}

/** All tables, and what could not be measured. */
export function kernelReport(rows: readonly KernelRow[], missing: readonly string[]): string {
  const isCall = (row: KernelRow) => row.gflops === null && row.gigabytesPerSecond === null;
  return [
    ...speedsTable(rows.filter((row) => !isCall(row))),
    ...callsTable(rows.filter(isCall)),
    ...missing.map((line) => `- ${line}`),
  ].join("\n\n");
}
