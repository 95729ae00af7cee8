// The numbers of `bench machines`, and its tables.
import type { ByRound, Spread } from "shardgrad/measure";
import {
  bandwidthText,
  digits,
  ethernet,
  latencyText,
  networkSeconds,
  pairRounds,
  percent,
  spreadOf,
  spreadText,
} from "shardgrad/measure";
import type { Align } from "../markdown.ts";
import { markdownTable } from "../markdown.ts";
import { parameterCount } from "../network-sizes.ts";
import type { ZooModel } from "../zoo.ts";
import type { Links } from "./namespaces.ts";
import type { Run } from "./train-command.ts";

/** What took part. */
interface Measured {
  name: string;
  msPerStep: ByRound;
  reason: string | undefined;
}

interface OfShardgrad extends Measured {
  checked: Run | undefined;
}

export interface ModelOnMachines {
  model: ZooModel;
  /** All of the batch on one machine. */
  one: OfShardgrad;
  /** What a machine computes, on all at the same time, each for itself. */
  computing: OfShardgrad;
  own: OfShardgrad;
  other: OfShardgrad | undefined;
  gloo: Measured & { prepared: { version: string } | undefined };
}

export interface MachinesRow extends Omit<Links, "bitsPerSecond"> {
  model: string;
  batch: number;
  bitsPerSecond: number | null;
  gradientBytes: number;
  /** The least time for the gradients to cross the links. */
  transferMs: number;
  /** Milliseconds of a step, by name; null without numbers. */
  msPerStep: Record<
    string,
    { spread: Spread | null; rounds: number; reason: string | null; byRound: number[] }
  >;
  /** Round by round. */
  ratios: {
    /** Below 1: shardgrad is faster. */
    shardgradToGloo: Spread | null;
    shardgradToOther: Spread | null;
    /** How many times as fast as one machine. */
    speedup: Spread | null;
    /** The longer of computing and transfer, as a share of the step. */
    ofTheIdeal: Spread | null;
    /** The same of the other shardgrad. */
    otherOfTheIdeal: Spread | null;
  };
  computingMs: number | null;
  /** What the cost model says of a step of so much computing. */
  predictedMs: number | null;
  versions: string[];
}

/**
 * By the cost model of docs/machines.md, without its overheads: each machine sends `2 n (M − 1) / M` bytes of a gradient
 * of n, in two rounds.
 */
export function transferMsOf(
  gradientBytes: number,
  { machines, bitsPerSecond, delaySeconds }: Links,
): number {
  const bits = (8 * 2 * gradientBytes * (machines - 1)) / machines;
  return 1000 * ((bitsPerSecond === undefined ? 0 : bits / bitsPerSecond) + 2 * delaySeconds);
}

/** Of a small message besides the delay of the link: `shardgrad scale --simulate` takes it, too. */
const latencySeconds = 50e-6;

/** A pass backward takes about twice as long as a pass forward. */
const backwardShare = 2 / 3;

/** A step by the cost model of docs/machines.md, where each machine has one block. */
function predictedMsOf(
  computingMs: number,
  gradientBytes: number,
  { machines, bitsPerSecond = Number.POSITIVE_INFINITY, delaySeconds }: Links,
): number {
  const step = {
    gradientBytes,
    backwardSeconds: (backwardShare * computingMs) / 1000,
    blocks: new Array<number>(machines).fill(1),
  };
  return (
    computingMs + 1000 * networkSeconds(step, ethernet(bitsPerSecond, latencySeconds + delaySeconds), true)
  );
}

const divided = (a: ByRound, b: ByRound) => pairRounds(a, b, (x, y) => x / y) ?? null;

export function machinesRow(
  { model, one, computing, own, other, gloo }: ModelOnMachines,
  links: Links,
): MachinesRow {
  const gradientBytes = 4 * parameterCount(model.network);
  const transferMs = transferMsOf(gradientBytes, links);
  const ideal = ({ msPerStep }: Measured) =>
    pairRounds(computing.msPerStep, msPerStep, (ms, step) => Math.max(ms, transferMs) / step) ?? null;
  const times = [one, computing, own, ...(other ? [other] : []), gloo].map(
    ({ name, msPerStep, reason = null }) => {
      const byRound = [...msPerStep.values()];
      const spread = byRound.length === 0 ? null : spreadOf(byRound);
      return [name, { spread, rounds: byRound.length, reason, byRound }] as const;
    },
  );
  const start = own.checked?.start;
  const computingMs = computing.msPerStep.size === 0 ? null : spreadOf(computing.msPerStep.values()).median;
  return {
    model: model.name,
    batch: model.batch,
    ...{ ...links, bitsPerSecond: links.bitsPerSecond ?? null },
    gradientBytes,
    transferMs,
    msPerStep: Object.fromEntries(times),
    ratios: {
      shardgradToGloo: divided(own.msPerStep, gloo.msPerStep),
      shardgradToOther: other ? divided(own.msPerStep, other.msPerStep) : null,
      speedup: divided(one.msPerStep, own.msPerStep),
      ofTheIdeal: ideal(own),
      otherOfTheIdeal: other ? ideal(other) : null,
    },
    computingMs,
    predictedMs: computingMs === null ? null : predictedMsOf(computingMs, gradientBytes, links),
    versions: [
      ...(start ? [`shardgrad: ${start.kernels}, ${start.network}`] : []),
      ...(gloo.prepared ? [`gloo: ${gloo.prepared.version}`] : []),
    ],
  };
}

/** `2 machines, 1 Gbit/s, a delay of 5 ms`; unlimited links have no rate. */
export function linksText({ machines, bitsPerSecond, delaySeconds }: Links): string {
  const rate = bitsPerSecond === undefined ? "links without a limit" : bandwidthText(bitsPerSecond);
  return `${machines} machines, ${rate}${delaySeconds === 0 ? "" : `, a delay of ${latencyText(delaySeconds)} each way`}`;
}

type Column = readonly [title: string, align: Align, cell: (row: MachinesRow) => string];

const medianOf = (name: string) => (row: MachinesRow) => {
  const spread = row.msPerStep[name]?.spread;
  return spread ? digits(spread.median) : "–";
};
const spreadCell = (spread: Spread | null) => (spread ? spreadText(spread) : "–");
const shareCell = (spread: Spread | null) =>
  spread ? `${percent(spread.median)} (${percent(spread.min)} – ${percent(spread.max)})` : "–";

const columns: readonly Column[] = [
  ["network", "left", ({ model }) => model],
  ["gradient", "right", ({ gradientBytes }) => `${digits(gradientBytes / 1e6)} MB`],
  ["transfer", "right", ({ transferMs }) => digits(transferMs)],
  ["computing", "right", ({ computingMs }) => (computingMs === null ? "–" : digits(computingMs))],
  ["predicted", "right", ({ predictedMs }) => (predictedMs === null ? "–" : digits(predictedMs))],
  ["one machine", "right", medianOf("one machine")],
  ["shardgrad", "right", medianOf("shardgrad")],
  ["gloo", "right", medianOf("PyTorch DDP over gloo")],
  ["shardgrad / gloo", "right", ({ ratios }) => spreadCell(ratios.shardgradToGloo)],
  ["times one machine", "right", ({ ratios }) => spreadCell(ratios.speedup)],
  ["share of the ideal", "right", ({ ratios }) => shareCell(ratios.ofTheIdeal)],
];

const otherColumns: readonly Column[] = [
  ["other", "right", medianOf("other shardgrad")],
  ["shardgrad / other", "right", ({ ratios }) => spreadCell(ratios.shardgradToOther)],
  ["other's share", "right", ({ ratios }) => shareCell(ratios.otherOfTheIdeal)],
];

/** A line for each network, times in milliseconds. */
export function summaryTable(rows: readonly MachinesRow[]): string {
  const hasOther = rows.some(({ msPerStep }) => "other shardgrad" in msPerStep);
  const shown = hasOther ? [...columns, ...otherColumns] : columns;
  return markdownTable(
    shown.map(([title, align]) => [title, align]),
    rows.map((row) => shown.map(([, , cell]) => cell(row))),
  );
}

/** One network: a heading, the times of everybody, and why numbers are missing. */
export function modelReport({ model, batch, msPerStep, versions }: MachinesRow): string {
  const entries = Object.entries(msPerStep);
  const table = markdownTable(
    [
      ["who", "left"],
      ["ms a step", "right"],
      ["min – max", "right"],
      ["rounds", "right"],
    ],
    entries.map(([name, { spread, rounds }]) => [
      name,
      spread ? digits(spread.median) : "–",
      spread ? `${digits(spread.min)} – ${digits(spread.max)}` : "–",
      String(rounds),
    ]),
  );
  const reasons = entries.flatMap(([name, { reason }]) => (reason === null ? [] : [`- ${name}: ${reason}`]));
  const remarks = [...versions.map((version) => `- ${version}`), ...reasons].join("\n");
  return [`## ${model}`, `Batches of ${batch}.`, table, remarks].filter(Boolean).join("\n\n");
}
