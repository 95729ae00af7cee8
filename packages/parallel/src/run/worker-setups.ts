// What each worker is told, and the memory that it may allocate from.
import type { KernelSet } from "@shardgrad/core";
import { heap } from "@shardgrad/core/engine";
import { usableCores } from "../plan/cpu-limit.ts";
import { workerBytes } from "../plan/run-memory.ts";
import type { WorkerSetup } from "../protocol.ts";
import type { Run } from "./prepare-run.ts";
import type { ReservedMemory } from "./reserved-memory.ts";

/** Reserves the workers' own memory: only address space until they touch it. The setups describe the run's current state. */
export function planWorkers(
  run: Run,
  jobUrl: string,
  kernels: KernelSet,
  memory: ReservedMemory,
): (rank: number) => WorkerSetup {
  const { plan, layout, snapshots, sampling, train, test, metrics, begun } = run;
  const { workers } = plan;
  const bytes = workerBytes(run.budget, workers, heap().arena.largestFree());
  const arenas = Array.from({ length: workers }, () => ({
    base: memory.reserve(bytes, "worker").offset,
    bytes,
  }));
  const best = plan.best && { ...plan.best, value: begun.bestValue, from: begun.epoch };
  return (rank) => ({
    rank,
    plan,
    job: {
      url: jobUrl,
      origin: run.jobOrigin,
      sources: run.sources.known,
      context: run.job.context,
      length: run.length,
      built: run.built,
      optimizer: run.described,
      found: run.found,
    },
    begin: { state: run.state, observeFrom: begun.observeFrom, best },
    memory: heap().memory,
    arena: arenas[rank]!,
    kernels,
    spin: workers <= usableCores(),
    layout,
    sampling,
    train,
    test,
    metrics,
    kept: run.kept,
    snapshots,
  });
}
