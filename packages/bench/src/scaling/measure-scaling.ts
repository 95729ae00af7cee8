// One model at every number of workers. Strong scaling: a fixed batch, shared by more. Weak scaling: a fixed batch per
// worker. Runs in interleaved rounds with the machine's own limit.

import type { Launch } from "../contender-process.ts";
import { Entry, restMs } from "../entry.ts";
import type { MeasureOptions } from "../measure-model.ts";
import type { Turn } from "../protocol.ts";
import { runRounds } from "../rounds.ts";
import type { ByRound, Spread } from "../statistics.ts";
import { pairRounds, spreadOf } from "../statistics.ts";
import { startYardstick } from "../yardstick.ts";
import type { ZooModel } from "../zoo.ts";
import type { StepTime } from "./lost-time.ts";
import { medianStepTime } from "./lost-time.ts";

/** Both start from one worker that shares nothing. */
export type Mode = "baseline" | "strong" | "weak";

export interface ScalingRow {
  model: string;
  mode: Mode;
  workers: number;
  /** Samples in one step, over all workers. */
  batch: number;
  msPerStep: Spread | null;
  rounds: number;
  /** Throughput relative to the baseline, round by round. */
  speedup: Spread | null;
  /** The speedup of as many independent threads (SGEMM), in the same rounds. */
  limit: Spread | null;
  /** Speedup as a share of that limit: median of the rounds. */
  limitShare: number | null;
  /** Where the time of a step goes: means over the workers, medians over the rounds. */
  time: StepTime | null;
  /** Why there are no numbers, or fewer rounds than asked for. */
  reason: string | null;
}

interface Place {
  mode: Mode;
  workers: number;
  batch: number;
  entry: Entry;
}

/** The baseline, and what it is compared with. */
function placesOf({ batch }: ZooModel, counts: readonly number[]): Place[] {
  const place = (mode: Mode, workers: number, size: number): Place => ({
    mode,
    workers,
    batch: size,
    entry: new Entry(`${mode} ${workers}`, { phases: true }),
  });
  const several = counts.filter((count) => count > 1);
  return [
    place("baseline", 1, batch),
    ...several.map((workers) => place("strong", workers, batch)),
    ...several.map((workers) => place("weak", workers, batch * workers)),
  ];
}

function rowOf(
  model: ZooModel,
  { mode, workers, batch, entry }: Place,
  baseline: Entry,
  gflops: ReadonlyMap<number, ByRound>,
): ScalingRow {
  const { msPerStep, turns, reason = null } = entry;
  const perBatch = batch / model.batch;
  const speedups = new Map(
    [...msPerStep].flatMap(([round, ms]) => {
      const alone = baseline.msPerStep.get(round);
      return alone === undefined ? [] : [[round, (alone / ms) * perBatch] as const];
    }),
  );
  const gains = new Map(
    [...gflops.get(workers)!].map(([round, all]) => [round, all / gflops.get(1)!.get(round)!]),
  );
  return {
    model: model.name,
    mode,
    workers,
    batch,
    msPerStep: msPerStep.size > 0 ? spreadOf(msPerStep.values()) : null,
    rounds: msPerStep.size,
    speedup: speedups.size > 0 ? spreadOf(speedups.values()) : null,
    limit: gains.size > 0 ? spreadOf(gains.values()) : null,
    limitShare: pairRounds(speedups, gains, (speedup, gain) => speedup / gain)?.median ?? null,
    time: turns.size > 0 ? medianStepTime([...turns.values()] satisfies Turn[]) : null,
    reason,
  };
}

/** The rows of one model; the first is the baseline. */
export async function measureScaling(
  model: ZooModel,
  counts: readonly number[],
  launch: Launch | { reason: string },
  { rounds, budgetMs, announce }: MeasureOptions,
): Promise<{ rows: ScalingRow[]; kernels: string }> {
  const places = placesOf(model, counts);
  const yardstick = await startYardstick([...new Set([1, ...counts])]);
  try {
    for (const { entry, workers, batch } of places) {
      announce(`${model.name}: starting ${entry.name}`);
      // Other batch sizes have other losses; `bench` has checked the network already.
      await entry.start(launch, { command: "prepare", model, batch, folder: "", workers, checkSteps: 1 });
    }
    const ready = places.map(({ entry }) => entry).filter((entry) => entry.isReady);
    const failed = await runRounds([yardstick.entrant, ...ready], {
      rounds,
      budgetMs,
      restMs,
      announce: (round, name) => announce(`${model.name}: round ${round + 1} of ${rounds}, ${name}`),
    });
    const broken = failed.get(yardstick.entrant);
    if (broken) throw broken;
    const baseline = places[0]!.entry;
    const rows = places.map((place) => rowOf(model, place, baseline, yardstick.gflops));
    return { rows, kernels: yardstick.kernels };
  } finally {
    await Promise.all([yardstick.end(), ...places.map(({ entry }) => entry.end())]);
  }
}
