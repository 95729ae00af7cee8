// The Markdown tables of a zoo run.
import { digits, mebibytes, percent, spreadText } from "shardgrad/measure";
import { isOurs } from "./contenders.ts";
import type { Align } from "./markdown.ts";
import { markdownTable } from "./markdown.ts";
import { parameterCount, stepFlops } from "./network-sizes.ts";
import { zooModel } from "./zoo.ts";
import type { BenchRow } from "./zoo-rows.ts";

/** A contender that uses more of a core than this while idle disturbs the others; the report says so. */
const noticeableIdleShare = 0.05;

const columns: readonly (readonly [title: string, align: Align, cell: (row: BenchRow) => string])[] = [
  ["who", "left", ({ who }) => who],
  ["workers", "right", ({ workers }) => String(workers)],
  ["ms a step", "right", ({ msPerStep }) => (msPerStep ? digits(msPerStep.median) : "–")],
  ["min – max", "right", ({ msPerStep: ms }) => (ms ? `${digits(ms.min)} – ${digits(ms.max)}` : "–")],
  ["GFLOP/s", "right", ({ gflops }) => (gflops === null ? "–" : digits(gflops))],
  ["of the limit", "right", ({ peakShare }) => (peakShare === null ? "–" : percent(peakShare))],
  ["memory", "right", ({ peakMemoryBytes: bytes }) => (bytes === null ? "–" : mebibytes(bytes))],
  ["rounds", "right", ({ rounds }) => String(rounds)],
];

function timesTable(rows: readonly BenchRow[]): string {
  return markdownTable(
    columns.map(([title, align]) => [title, align]),
    rows.map((row) => columns.map(([, , cell]) => cell(row))),
  );
}

/** Those that have numbers, the quickest first. */
function quickestFirst(rows: readonly BenchRow[]): BenchRow[] {
  const timed = rows.filter(({ msPerStep }) => msPerStep);
  return timed.toSorted((a, b) => a.msPerStep!.median - b.msPerStep!.median);
}

/** How many times as long the rivals take; empty if there are none. The last column is for the best of them. */
function ratiosTable(rows: readonly BenchRow[]): string {
  const own = rows.filter(({ who, msPerStep }) => isOurs(who) && msPerStep);
  const rivals = [...new Set(own.flatMap(({ ratio }) => Object.keys(ratio)))];
  const best = quickestFirst(rows).find(({ who }) => rivals.includes(who))?.who;
  if (!best) return "";
  const shown = [...rivals.map((who) => [who, who] as const), [`the best, ${best}`, best] as const];
  return markdownTable(
    [
      ["times as fast as", "left"],
      ["workers", "right"],
      ...shown.map(([title]) => [title, "right"] as const),
    ],
    own.map(({ who, workers, ratio }) => [
      who,
      String(workers),
      ...shown.map(([, rival]) => (ratio[rival] ? spreadText(ratio[rival]) : "–")),
    ]),
  );
}

/** A line a model: shardgrad's quickest way against the quickest of all rivals. Empty if there are no such lines. */
export function summaryReport(rows: readonly BenchRow[]): string {
  const lines = [...Map.groupBy(rows, ({ model }) => model)].flatMap(([model, ofModel]) => {
    const own = quickestFirst(ofModel).find(({ who }) => isOurs(who));
    const best = quickestFirst(ofModel).find(({ who }) => own?.ratio[who]);
    if (!own || !best) return [];
    const times = [own, best].flatMap(({ who, workers, msPerStep }) => [
      `${who} ${workers}`,
      digits(msPerStep!.median),
    ]);
    return [[model, ...times, spreadText(own.ratio[best.who]!)]];
  });
  if (lines.length === 0) return "";
  const head = [
    ["network", "left"],
    ["shardgrad at its best", "left"],
    ["ms a step", "right"],
    ["the best rival", "left"],
    ["ms a step", "right"],
    ["times as fast", "right"],
  ] as const;
  return `## Against the best of all rivals\n\n${markdownTable(head, lines)}`;
}

/** Remarks on contenders that could not run, or did not keep still. */
function remarks(rows: readonly BenchRow[]): string {
  const lines = rows.flatMap(({ who, workers, reason, idleShare }) => [
    ...(reason ? [`- ${who} ${workers}: ${reason}`] : []),
    ...(idleShare > noticeableIdleShare
      ? [`- ${who} ${workers} used up to ${percent(idleShare)} of a core while others had their turn`]
      : []),
  ]);
  return [...new Set(lines)].join("\n");
}

/** One model: a heading, the times, the ratios, and remarks. */
export function modelReport(name: string, rows: readonly BenchRow[]): string {
  const { network, batch, optimizer } = zooModel(name);
  const { sgemm } = rows[0]!;
  const size = `${parameterCount(network).toLocaleString("en-US")} parameters, batches of ${batch}, ${optimizer.kind}`;
  const work = `${digits(stepFlops(network, batch) / 1e9)} GFLOP a step`;
  const limit = `SGEMM 1024³ (${sgemm.kernels}): ${spreadText(sgemm.oneCore)} GFLOP/s on one core, all cores ${spreadText(sgemm.gain)} times that`;
  const parts = [
    `## ${name}`,
    `${size}; ${work}. ${limit}.`,
    timesTable(rows),
    ratiosTable(rows),
    remarks(rows),
  ];
  return parts.filter(Boolean).join("\n\n");
}

/** Names and versions of all contenders. */
export function versionsReport(rows: readonly BenchRow[]): string {
  const versions = new Map(rows.filter(({ version }) => version).map(({ who, version }) => [who, version]));
  return [...versions].map(([who, version]) => `- ${who}: ${version}`).join("\n");
}
