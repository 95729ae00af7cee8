// What ranks do in a run, for the barrier model: the waits of worker/step.ts and attempt/course.ts.
import type { BarrierModelOptions, ModelledRank } from "./barrier-model.ts";

type Settings = Pick<BarrierModelOptions, "generation" | "exact"> & { spin?: number };

/** Ranks that wait for each other in so many rounds. A step of a run has two. */
export function byWorkers(ranks: number, rounds: number, settings: Settings = {}): BarrierModelOptions {
  const { spin = 0, ...rest } = settings;
  const rank: ModelledRank = { waits: Array(rounds).fill(0) };
  return { barriers: [{ parties: ranks, spin }], ranks: Array(ranks).fill(rank), ...rest };
}

/** Steps with `reduce: "coordinator"`: two waits together with the main thread, one among the workers. */
export function byCoordinator(workers: number, steps: number, settings: Settings = {}): BarrierModelOptions {
  const { spin = 0, ...rest } = settings;
  const repeated = (waits: number[]) => Array.from({ length: steps }, () => waits).flat();
  const worker: ModelledRank = { waits: repeated([1, 1, 0]) };
  return {
    barriers: [
      { parties: workers, spin },
      { parties: workers + 1, words: ["reduceArrived", "reduceGeneration"] },
    ],
    ranks: [...Array(workers).fill(worker), { waits: repeated([1, 1]), main: true }],
    ...rest,
  };
}
