// The main thread's side of the comparison before step 1: the results of the job's functions, which workers compare
// (probe.ts). Also checks that the functions do not change the model.
import type { AnyModule, Optimizer } from "@shardgrad/core";
import { kernelSet, useKernels } from "@shardgrad/core";
import { checkMeanLoss } from "../checks/mean-loss.ts";
import type { Found } from "../checks/probe.ts";
import { firstRows, probe, rowsOfShard, shardToProbe } from "../checks/probe.ts";
import { checkSameAgain } from "../checks/same-again.ts";
import { changedError } from "../checks/unchanged.ts";
import type { StoredColumns } from "../data/columns.ts";
import type { SamplingPlan } from "../data/sampling.ts";
import { Sampler } from "../data/sampling.ts";
import type { Phase } from "../errors.ts";
import { callBounded } from "../job/bounded-call.ts";
import type { RunJob } from "../job/define-job.ts";
import { quietly } from "../job/quietly.ts";
import type { MetricsPlan } from "../metrics/plan.ts";
import type { RunKernels } from "../plan/run-kernels.ts";
import { loadKernels } from "../plan/run-kernels.ts";
import type { Machines } from "../shared/arrays/machines.ts";
import { runningStatistics, watchTraining } from "../shared/arrays/untrained.ts";
import { hashTensor } from "../shared/digest.ts";
import { BatchSource } from "../step/batches.ts";

/** The run to probe, which lies in shared memory. */
export interface ProbedRun {
  job: RunJob;
  model: AnyModule;
  optimizer: Optimizer;
  sampling: SamplingPlan;
  train: StoredColumns;
  test: StoredColumns | undefined;
  metrics: MetricsPlan;
  plan: { stallSeconds: number; steps: number; machines: Machines };
  state: { step: number };
}

/** Throws a JobError, naming the functions called since, if a tensor has changed since the last call. */
function watchModel(model: AnyModule, step: number): (who: string | undefined) => void {
  const statistics = runningStatistics(model);
  const checkTraining = watchTraining([model]);
  const watched = model
    .namedTensors()
    .filter(([, x]) => !statistics.has(x))
    .map(([name, x]) => ({ name, x, hash: hashTensor(x) }));
  return (who) => {
    checkTraining(step);
    for (const { name, x, hash } of who === undefined ? [] : watched) {
      if (x.alive && hashTensor(x) !== hash)
        throw changedError(model, name, who!, "when it was called before step 1");
    }
  };
}

/** The job's functions that may run in a phase. */
const workers: Partial<Record<Phase, string>> = {
  gather: "sample() or augment()",
  forward: "loss()",
  evaluate: "a metric",
};

/** The results of the job's functions for the next step's first shard, with the kernels that workers use. */
export async function probeOnMain(run: ProbedRun, kernels: RunKernels): Promise<Found[]> {
  const { job, model, optimizer, sampling, train, test, metrics, plan, state } = run;
  const { seed } = sampling;
  const before = kernelSet();
  if (before !== kernels.set) await loadKernels(kernels);
  const sampler = new Sampler(sampling);
  const sources: BatchSource[] = [];
  const newSource = (stored: StoredColumns, purpose: "training" | "evaluation", capacity: number) => {
    const source = new BatchSource(job, stored, purpose, seed, capacity);
    sources.push(source);
    return source;
  };
  const look = (): Found[] => {
    const shard = rowsOfShard(sampler, state.step, shardToProbe(sampling, plan.machines));
    const rows = { ...shard, source: newSource(train, "training", shard.capacity) };
    const held = test && metrics.metrics.length > 0 ? firstRows(test.samples, shard.capacity) : undefined;
    const check = watchModel(model, state.step + 1);
    let phase: Phase = "idle";
    const enter = (next: Phase) => {
      check(workers[phase]);
      phase = next;
    };
    const evaluated = held && { ...held, source: newSource(test!, "evaluation", held.capacity) };
    const probed = {
      job,
      model,
      seed,
      step: state.step,
      epoch: sampler.epochOf(state.step),
      train: rows,
      test: evaluated,
      enter,
      again: true,
    };
    const found = probe(probed);
    // A trained model's loss may be all rounding.
    if (sampling.shards > 1 && state.step === 0) {
      enter("forward");
      checkMeanLoss(probed);
    }
    enter("idle");
    checkSameAgain({ job, model, optimizer, seed, step: state.step, steps: plan.steps });
    return found;
  };
  const what =
    "the job's loss, a metric or afterStep, called on the main thread to compare it with the workers',";
  try {
    if (before !== kernels.set) useKernels(kernels.set);
    return quietly(() => callBounded(look, plan.stallSeconds * 1000, what));
  } finally {
    if (before !== kernels.set) useKernels(before);
    for (const source of sources) source.dispose();
  }
}
