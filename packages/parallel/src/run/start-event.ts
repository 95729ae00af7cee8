// Builds the event before the first step.
import type { Optimizer, Tensor } from "@shardgrad/core";
import { stepsPerEpoch } from "../data/sampling.ts";
import type { StartEvent } from "../events.ts";
import { testLoss } from "../metrics/definition.ts";
import type { MetricsPlan } from "../metrics/plan.ts";
import { usableCores } from "../plan/cpu-limit.ts";
import type { RunKernels } from "../plan/run-kernels.ts";
import { tellKernels } from "../plan/run-kernels.ts";
import type { Run } from "./prepare-run.ts";

export function startEvent(
  { job, plan, model, optimizer, layout, train, test, metrics, budget }: Run,
  kernels: RunKernels,
  line: { machine: number; machines: number; name: string } | undefined,
): StartEvent {
  const parameters = model.parameters();
  const frozen = parameters.filter((x) => x.frozen);
  const numbersIn = (tensors: readonly Tensor[]) => tensors.reduce((sum, { size }) => sum + size, 0);
  return {
    type: "start",
    workers: plan.workers,
    ...(line && { machines: line.machines, machine: line.machine, network: line.name }),
    cores: usableCores(),
    shards: layout.shards,
    ...tellKernels(kernels),
    params: job.context.params,
    parameters: numbersIn(parameters),
    ...(frozen.length > 0 && { frozen: numbersIn(frozen) }),
    trainSamples: train.samples,
    testSamples: test?.samples ?? 0,
    evaluates: job.validation === undefined ? "test" : "validation",
    metrics: describeMetrics(metrics),
    groups: optimizer.paramGroups.length,
    batchSize: plan.batchSize,
    accumulate: plan.accumulate,
    epochs: plan.epochs,
    steps: plan.steps,
    stepsPerEpoch: stepsPerEpoch(plan),
    seed: plan.seed,
    reduce: plan.reduce,
    ...(plan.local && { syncEvery: plan.local.syncEvery }),
    ...(plan.local?.hogwild && { hogwild: true }),
    memory: budget,
  };
}

function describeMetrics({ metrics }: MetricsPlan): StartEvent["metrics"] {
  const own = metrics.filter(({ name }) => name !== testLoss);
  return Object.fromEntries(
    own.map(({ name, shape, direction }) => [name, { shape, ...(direction && { direction }) }]),
  );
}

/** A schedule for fewer steps than the run has was most likely not told the number of steps. */
export function tellOfSchedules({ paramGroups }: Optimizer, steps: number): void {
  const ends = paramGroups.map(({ lr }) => (typeof lr === "function" ? lr.steps : undefined));
  for (const end of new Set(ends)) {
    if (end === undefined || end >= steps) continue;
    process.stderr.write(
      `train: the learning rate's schedule is made for ${end} steps, and the run has ${steps}: give it the run's, which optimizer(parameters, { steps }) is told\n`,
    );
  }
}
