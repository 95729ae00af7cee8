// From turns by round to rows: medians, ranges, ratios. Compares only within rounds.
import type { ByRound, Spread } from "./statistics.ts";
import { median, pairRounds, spreadOf } from "./statistics.ts";
import type { StepTime } from "./step-time.ts";
import { medianStepTime } from "./step-time.ts";
import type { Turn } from "./turn.ts";

/**
 * `strong`: the job's batch in so many shards, shared by the workers. `undivided`: one worker with the batch in one
 * shard. `weak`: a batch of that size for every worker, compared with `undivided`. `part`: what one of several machines
 * does of the batch, compared with nothing.
 */
export type ScaleMode = "strong" | "undivided" | "weak" | "part";

/** One number of workers. Without numbers, fields are null, and `reason` says why. */
export interface ScaleRow {
  mode: ScaleMode;
  workers: number;
  /** Samples in one step, over all workers, and into how many parts they are split. */
  batchSize: number;
  shards: number;
  /** The number of its turns. */
  rounds: number;
  msPerStep: Spread | null;
  samplesPerSecond: Spread | null;
  /** Samples per second, relative to one worker in the same round. */
  speedup: Spread | null;
  /** The median speed-up, by the number of workers. */
  efficiency: number | null;
  /** The speed-up of as many threads that share nothing but the machine (matrix products), in the same rounds. */
  limit: Spread | null;
  /** Where the time of a step goes: means over the workers, medians over the rounds. */
  time: StepTime | null;
  /** Milliseconds of `time.compute` that are backward passes. */
  backwardMs: number | null;
  /** Of the weights after the turn, if they were the same in every round. */
  weightsSha256: string | null;
  reason: string | null;
}

/** What a row is computed from. */
export interface Measured {
  mode: ScaleMode;
  workers: number;
  batchSize: number;
  shards: number;
  turns: ReadonlyMap<number, Turn>;
  reason: string | undefined;
}

type RowParts = Pick<Measured, "mode" | "workers">;

/** The row that another is compared with. */
function isBaselineOf(row: RowParts, other: RowParts): boolean {
  return (
    row.mode !== "part" &&
    other.workers === 1 &&
    other.mode === (row.mode === "weak" ? "undivided" : "strong")
  );
}

const rates = ({ turns }: Measured): ByRound =>
  new Map([...turns].map(([round, { samplesPerSecond }]) => [round, samplesPerSecond]));

function spreadOrNull(values: readonly number[]): Spread | null {
  return values.length > 0 ? spreadOf(values) : null;
}

/** @param gflops of as many independent threads, by round */
export function rowsOf(measured: readonly Measured[], gflops: (workers: number) => ByRound): ScaleRow[] {
  return measured.map((row): ScaleRow => {
    const { mode, workers, batchSize, shards, reason = null } = row;
    const turns = [...row.turns.values()];
    const baseline = measured.find((other) => isBaselineOf(row, other));
    const speedup = (baseline && pairRounds(rates(row), rates(baseline), (a, b) => a / b)) ?? null;
    const hashes = new Set(turns.map(({ weightsSha256 }) => weightsSha256));
    return {
      mode,
      workers,
      batchSize,
      shards,
      rounds: turns.length,
      msPerStep: spreadOrNull(turns.map(({ msPerStep }) => msPerStep)),
      samplesPerSecond: spreadOrNull(turns.map(({ samplesPerSecond }) => samplesPerSecond)),
      speedup,
      efficiency: speedup && speedup.median / workers,
      limit: pairRounds(gflops(workers), gflops(1), (a, b) => a / b) ?? null,
      time: turns.length > 0 ? medianStepTime(turns.map(({ time }) => time)) : null,
      backwardMs: turns.length > 0 ? median(turns.map(({ backwardMs }) => backwardMs)) : null,
      weightsSha256: hashes.size === 1 ? [...hashes][0]! : null,
      reason,
    };
  });
}

/** Whether all numbers of workers ended with the same weights in all rounds; null if fewer than two have numbers. */
export function sameBits(rows: readonly ScaleRow[]): boolean | null {
  const strong = rows.filter(({ mode, rounds }) => mode === "strong" && rounds > 0);
  if (strong.length < 2) return null;
  return strong.every(
    ({ weightsSha256 }) => weightsSha256 !== null && weightsSha256 === strong[0]!.weightsSha256,
  );
}
