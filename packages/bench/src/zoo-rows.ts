// Computes rows from times by round: medians, spreads, ratios, shares. Compares only within rounds.
import type { Machine, Spread } from "shardgrad/measure";
import { pairRounds, spreadOf } from "shardgrad/measure";
import type { Contender, Who } from "./contenders.ts";
import { isOurs } from "./contenders.ts";
import type { Entry } from "./entry.ts";
import type { ModelMeasured } from "./measure-model.ts";
import { stepFlops } from "./network-sizes.ts";

/** One contender on one model. */
export interface BenchRow {
  model: string;
  who: Who;
  /** Worker threads, threads, or ranks. */
  workers: number;
  /** Milliseconds of one training step; null if there is none, and then `reason` says why. */
  msPerStep: Spread | null;
  /** The number of its turns. */
  rounds: number;
  /** At the median time, by the formula in network-sizes.ts. */
  gflops: number | null;
  /** Share, 0 to 1, of the SGEMM throughput of all cores working independently: median of the rounds. */
  peakShare: number | null;
  /** The peak resident memory of all its processes. */
  peakMemoryBytes: number | null;
  /** For shardgrad: how many times as long each rival takes, by round. */
  ratio: Record<string, Spread>;
  /** What it calls itself. */
  version: string;
  /** Why there are no numbers, or fewer rounds than asked for. */
  reason: string | null;
  /** The largest share of one core that it used during others' turns. */
  idleShare: number;
  /** GFLOP/s of SGEMM on one core, and the speedup of all cores, in the same rounds. */
  sgemm: { kernels: string; oneCore: Spread; gain: Spread };
  machine: Machine;
}

/** How many times as long as `own` each rival takes. */
function ratios(own: Entry, everybody: readonly (readonly [Contender, Entry])[]): Record<string, Spread> {
  const entries = everybody.flatMap(([{ who }, rival]) => {
    if (isOurs(who)) return [];
    const ratio = pairRounds(own.msPerStep, rival.msPerStep, (mine, theirs) => theirs / mine);
    return ratio ? [[who, ratio] as const] : [];
  });
  return Object.fromEntries(entries);
}

/** The rows of one model, in the order of its contenders. */
export function rowsOf({ model, contenders, sgemm }: ModelMeasured, machine: Machine): BenchRow[] {
  const flops = stepFlops(model.network, model.batch);
  const yardstick = {
    kernels: sgemm.kernels,
    oneCore: spreadOf(sgemm.one.values()),
    gain: pairRounds(sgemm.all, sgemm.one, (all, one) => all / one)!,
  };
  return contenders.map(([{ who, workers }, entry]) => {
    const { msPerStep, peakMemoryBytes, idleShare } = entry;
    const time = msPerStep.size > 0 ? spreadOf(msPerStep.values()) : null;
    const share = pairRounds(msPerStep, sgemm.all, (ms, limit) => flops / ms / 1e6 / limit);
    return {
      model: model.name,
      who,
      workers,
      msPerStep: time,
      rounds: msPerStep.size,
      gflops: time && flops / time.median / 1e6,
      peakShare: share?.median ?? null,
      peakMemoryBytes: peakMemoryBytes || null,
      ratio: isOurs(who) ? ratios(entry, contenders) : {},
      version: entry.prepared?.version ?? "",
      reason: entry.reason ?? null,
      idleShare,
      sgemm: yardstick,
      machine,
    };
  });
}
