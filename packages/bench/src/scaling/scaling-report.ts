// The tables of `bench scaling`: what more workers gain, and where the rest goes.
import { digits, markdownTable, percent, spreadText } from "../markdown.ts";
import { zooModel } from "../zoo.ts";
import type { StepTime } from "./lost-time.ts";
import type { ScalingRow } from "./measure-scaling.ts";

function gainsTable(rows: readonly ScalingRow[]): string {
  const head = [
    ["", "left"],
    ["workers", "right"],
    ["batch", "right"],
    ["ms a step", "right"],
    ["speedup", "right"],
    ["limit of the machine", "right"],
    ["of that", "right"],
    ["rounds", "right"],
  ] as const;
  const lines = rows.map(({ mode, workers, batch, msPerStep, speedup, limit, limitShare, rounds }) => [
    mode,
    String(workers),
    String(batch),
    msPerStep ? spreadText(msPerStep) : "–",
    speedup ? spreadText(speedup) : "–",
    limit ? spreadText(limit) : "–",
    limitShare === null ? "–" : percent(limitShare),
    String(rounds),
  ]);
  return markdownTable(head, lines);
}

const parts: readonly (readonly [keyof StepTime, string])[] = [
  ["compute", "compute"],
  ["wait", "wait for the slowest"],
  ["reduce", "average"],
  ["update", "update"],
  ["wake", "barrier, waking up"],
  ["other", "other"],
];

function timesTable(rows: readonly ScalingRow[]): string {
  const measured = rows.filter(({ time }) => time);
  const baseline = measured.find(({ mode }) => mode === "baseline");
  const head = [
    ["ms a step", "left"],
    ["workers", "right"],
    ...parts.map(([, title]) => [title, "right"] as const),
    ["lost", "right"],
  ] as const;
  const lines = measured.map(({ mode, workers, batch, msPerStep, time }) => {
    // The time that this many workers would take without any loss.
    const ideal = ((baseline?.msPerStep?.median ?? Number.NaN) * batch) / baseline!.batch / workers;
    const lost = msPerStep!.median - ideal;
    const part = parts.map(([name]) => digits(time![name]));
    return [mode, String(workers), ...part, `${digits(lost)} (${percent(lost / msPerStep!.median)})`];
  });
  return markdownTable(head, lines);
}

/** One model: the gain, and where the time goes. */
export function scalingReport(name: string, rows: readonly ScalingRow[], kernels: string): string {
  const { batch } = zooModel(name);
  const reasons = rows
    .filter(({ reason }) => reason)
    .map((row) => `- ${row.mode} ${row.workers}: ${row.reason}`);
  return [
    `## ${name}`,
    `A batch of ${batch}, shared (strong), or one for every worker (weak). Limit: SGEMM 1024³ (${kernels}) on as many threads that do not know of each other.`,
    gainsTable(rows),
    timesTable(rows),
    reasons.join("\n"),
  ]
    .filter(Boolean)
    .join("\n\n");
}
