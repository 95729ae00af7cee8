// The tables of `bench kernels`: one line per case, the kernel sets side by side.
import { digits, spreadText } from "shardgrad/measure";
import type { Align } from "../markdown.ts";
import { markdownTable } from "../markdown.ts";
import type { KernelRow } from "./measure-kernels.ts";

/** How a case is reported: its speed, and for memory-bound kernels how that compares with a copy. */
function speedText(row: KernelRow | undefined): string {
  if (!row) return "–";
  if (row.gflops !== null) {
    const { median, min, max } = row.msPerCall;
    const work = row.gflops * median;
    return spreadText({ median: row.gflops, min: work / max, max: work / min });
  }
  return `${digits(row.gigabytesPerSecond!)} (${Math.round(100 * row.copyShare!)} %)`;
}

function sideBySide(title: string, rows: readonly KernelRow[]): string[] {
  if (rows.length === 0) return [];
  const sets = [...new Set(rows.map(({ who }) => who))];
  const cases = Map.groupBy(rows, ({ kernel, shape }) => `${kernel}|${shape}`);
  const head: [string, Align][] = [
    ["kernel", "left"],
    ["size", "left"],
    ...sets.map((who): [string, Align] => [who, "right"]),
  ];
  const lines = [...cases.values()].map((same) => [
    same[0]!.kernel,
    same[0]!.shape,
    ...sets.map((set) => speedText(same.find(({ who }) => who === set))),
  ]);
  return [`## ${title}`, markdownTable(head, lines)];
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
  const compute = rows.filter(({ gflops }) => gflops !== null);
  const memory = rows.filter(({ gigabytesPerSecond }) => gigabytesPerSecond !== null);
  const calls = rows.filter((row) => row.gflops === null && row.gigabytesPerSecond === null);
  return [
    ...sideBySide("Products and convolutions, in GFLOP/s", compute),
    ...sideBySide("Memory, in GB/s read and written (and as a share of a copy of the same size)", memory),
    ...callsTable(calls),
    ...missing.map((line) => `- ${line}`),
  ].join("\n\n");
}
