// What each worker is told, and the memory that it may allocate from.
import type { KernelSet } from "@shardgrad/core";
import { heap } from "@shardgrad/core/engine";
import { threadsOf } from "../attempt/course.ts";
import { linkBytes } from "../machines/link.ts";
import { usableCores } from "../plan/cpu-limit.ts";
import { workerBytes } from "../plan/run-memory.ts";
import type { LinkSetup, WorkerSetup } from "../protocol.ts";
import type { Run } from "./prepare-run.ts";
import type { ReservedMemory } from "./reserved-memory.ts";

/** Reserves the workers' own memory: only address space until they touch it. The setups describe the run's current state. */
export function planWorkers(
  run: Run,
  jobUrl: string,
  kernels: KernelSet,
  memory: ReservedMemory,
  transportUrl: string | undefined,
): (rank: number) => WorkerSetup | LinkSetup {
  const { plan, layout, snapshots, sampling, train, test, metrics, begun } = run;
  const { workers } = plan;
  // First: workers take a share of what is free.
  const bytesOfLink =
    transportUrl === undefined ? 0 : linkBytes(layout, plan.machines.workers.length, metrics.bytes);
  const linkArena = bytesOfLink > 0 ? memory.reserve(bytesOfLink, "link") : undefined;
  const bytes = workerBytes(run.budget, workers, heap().arena.largestFree());
  const arenas = Array.from({ length: workers }, () => ({
    base: memory.reserve(bytes, "worker").offset,
    bytes,
  }));
  const best = plan.best && { ...plan.best, value: begun.bestValue, from: begun.epoch };
  const common = (rank: number) => ({ rank, plan, memory: heap().memory, kernels, layout, metrics });
  const setupOfLink = (rank: number): LinkSetup => ({
    ...common(rank),
    begin: { state: run.state },
    arena: { base: linkArena!.offset, bytes: bytesOfLink },
    testSamples: test?.samples ?? 0,
    transportUrl: transportUrl!,
  });
  const setupOfWorker = (rank: number): WorkerSetup => ({
    ...common(rank),
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
    arena: arenas[rank]!,
    spin: threadsOf(plan) <= usableCores(),
    sampling,
    train,
    test,
    kept: run.kept,
    snapshots,
  });
  return (rank) => (rank < workers ? setupOfWorker(rank) : setupOfLink(rank));
}
