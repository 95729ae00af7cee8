// Prepares a run: stores the data, builds the model, and lays out everything that the threads share.
import { setImmediate } from "node:timers/promises";
import type { AnyModule, EMA, Optimizer } from "@shardgrad/core";
import { manualSeed } from "@shardgrad/core";
import { heap, withoutFilling } from "@shardgrad/core/engine";
import type { Attempted } from "../attempt/course.ts";
import { describeOptimizer } from "../checks/first-step.ts";
import type { KeptNumbers } from "../checks/kept-numbers.ts";
import type { Found } from "../checks/probe.ts";
import type { StoredColumns } from "../data/columns.ts";
import { sampleShapes } from "../data/columns.ts";
import { planOrder, stepsPerEpoch } from "../data/sampling.ts";
import { JobError } from "../errors.ts";
import type { RunLength } from "../job/build-model.ts";
import { buildModel } from "../job/build-model.ts";
import type { RunJob } from "../job/define-job.ts";
import { checkEstimated } from "../job/gradient-rule.ts";
import type { FoundJob } from "../job/load-job.ts";
import { checkApart, checkCapture, normalizesOverBatch } from "../job/running-statistics.ts";
import { RunSources } from "../job/sources.ts";
import { describeWeights } from "../job/weights-metadata.ts";
import { testLoss } from "../metrics/definition.ts";
import type { MetricsPlan } from "../metrics/plan.ts";
import type { Wanted } from "../onlooker.ts";
import { resolveParams } from "../params.ts";
import type { HeapRoom } from "../plan/heap-room.ts";
import { longestRound } from "../plan/local-schedule.ts";
import type { MemoryBudget } from "../plan/memory-budget.ts";
import { measurePasses } from "../plan/pass-memory.ts";
import { planMemory } from "../plan/run-memory.ts";
import type { Among, RunPlan } from "../plan/run-plan.ts";
import { planRun, runSeed } from "../plan/run-plan.ts";
import type { TrainOptions } from "../plan/train-options.ts";
import { tryMetrics } from "../plan/try-metrics.ts";
import { isShared } from "../shared/arrays/machines.ts";
import { trainedParameters } from "../shared/arrays/untrained.ts";
import { bindEMA, bindModel } from "../shared/bind-model.ts";
import type { Digest } from "../shared/digest.ts";
import { digestModel } from "../shared/digest.ts";
import { planLayout } from "../shared/layout.ts";
import { planSnapshots } from "../shared/snapshots/snapshots.ts";
import { Control } from "../shared/words/control.ts";
import { prepareData } from "./prepare-data.ts";
import type { Begun } from "./progress.ts";
import type { ReservedMemory } from "./reserved-memory.ts";

export interface Run extends Attempted {
  sources: RunSources;
  plan: RunPlan;
  job: RunJob;
  /** As in `SentJob`. */
  jobOrigin: string | undefined;
  length: RunLength;
  model: AnyModule;
  optimizer: Optimizer;
  ema: EMA | undefined;
  /** The optimizer, see `first-step.ts`. */
  described: string;
  /** The model as built, and the results of the job's functions before the first step of this run. */
  built: Digest[];
  found: Found[] | undefined;
  budget: MemoryBudget;
  train: StoredColumns;
  test: StoredColumns | undefined;
  /** What the files of its weights say of it. */
  metadata: Readonly<Record<string, string>>;
  /** The evaluated set. */
  metrics: MetricsPlan;
  /** What must be finite before it is saved. */
  kept: readonly KeptNumbers[];
  /** Where the run began; not step 0 if it was resumed. */
  begun: Begun;
}

/** The options, and what an onlooker wants. */
interface Asked {
  options: TrainOptions;
  wanted: Wanted;
  /** On several machines: this one's number, and what all have said. */
  among?: Among | undefined;
}

/** Where a run may have its numbers. */
interface Place {
  memory: ReservedMemory;
  room: HeapRoom;
}

/** Stores the data, builds the model in shared memory, and lays out everything that the threads share. */
export async function prepareRun(
  jobUrl: string,
  { job: defined, origin: jobOrigin }: FoundJob,
  { options, wanted, among }: Asked,
  { memory, room }: Place,
): Promise<Run> {
  const store = (bytes: number) => memory.reserve(bytes, "dataset");
  const params = resolveParams(defined.params ?? {}, options.params);
  const given = { params, seed: runSeed(defined, options) };
  const { job, train, test, rows } = await prepareData(defined, given, store, room);
  const order = planOrder(job.sampling ?? {}, train, store);
  const plan = planRun(job, options, train.samples, among);
  const { samples, batchSize, shards, seed, local } = plan;

  manualSeed(seed);
  const length = { steps: plan.scheduledSteps, stepsPerEpoch: stepsPerEpoch(plan) };
  const building = withoutFilling(() => buildModel(job, sampleShapes(train), length));
  const { model, optimizer } = building.result;
  const built = digestModel(model);
  checkCapture(model, plan.capture);
  if (job.gradient) checkEstimated(job.gradient, model, plan);
  if (local) checkApart(model, local.hogwild ? "hogwild" : "syncEvery");
  const sizesFor = (metrics: MetricsPlan) => layoutSizes({ job, model, options, wanted, plan }, metrics);
  // Handle a signal that arrived while the data loaded now, as the next calls may swallow it.
  await setImmediate();
  const parts = {
    job,
    model,
    optimizer,
    plan,
    sizesFor,
    dataBytes: memory.bytes,
    room,
    unfilledBytes: building.bytes,
  };
  const { metrics, budget } = await planMemory(parts, () => ({
    metrics: tryMetrics(job, model, plan, test),
    passes: measurePasses(job, model, plan, { train, test }),
  }));
  requireTestLoss(job, plan, metrics);
  const layout = planLayout(model, optimizer, sizesFor(metrics), (bytes, contents) =>
    contents === "any" ? memory.reserve(bytes, "records") : memory.allocate(bytes, "training state"),
  );
  const described = describeOptimizer(optimizer);
  bindModel(model, optimizer, layout, "copy");
  building.fillRest();
  return {
    sources: new RunSources(jobUrl),
    job,
    jobOrigin,
    length,
    plan,
    model,
    optimizer,
    ema: bindEMA(model, layout, job.ema, "copy"),
    described,
    built,
    found: undefined,
    budget,
    layout,
    snapshots: planSnapshots(layout, plan.snapshots, (bytes) => memory.reserve(bytes, "snapshots")),
    control: new Control(heap().int32, layout.control),
    sampling: { samples, batchSize, shards, seed, order },
    train,
    test,
    metadata: describeWeights(job.context, train, { rows, seed }),
    metrics,
    state: { step: 0, stepCount: optimizer.stepCount, lossSum: 0, weight: 0, skipped: 0 },
    kept: [],
    begun: { step: 0, epoch: 0, lacking: [], observeFrom: 0, bestValue: undefined },
    told: 0,
  };
}

/** Throws if the run is steered by the loss over a set that is not there. */
function requireTestLoss(
  { testLoss: asked }: RunJob,
  { rules, best }: RunPlan,
  { metrics }: MetricsPlan,
): void {
  if (metrics.some(({ name }) => name === testLoss)) return;
  const user = Object.entries({
    "earlyStopping looks at": rules.earlyStopping?.metric,
    "checkpoint.best.metric is": best?.metric,
  }).find(([, metric]) => metric === testLoss)?.[0];
  if (user === undefined) return;
  throw new JobError(
    asked === false
      ? `train: ${user} testLoss, but the job says testLoss: false; leave that out`
      : `train: ${user} testLoss, but there is no set to evaluate; give the dataset \`test\` columns, or hold samples out with \`validation\``,
  );
}

/** The sizes of the layout. */
function layoutSizes(
  { job, model, options, wanted, plan }: { job: RunJob; model: AnyModule; plan: RunPlan } & Asked,
  metrics: MetricsPlan,
) {
  const { workers, machines, shards, local } = plan;
  const perEpoch = stepsPerEpoch(plan);
  const addsUp = !local && !normalizesOverBatch(model);
  return {
    workers,
    machines,
    shards,
    addsUp,
    // What looks for the culprit of a number that is not finite needs all of the last shard.
    overlaps: addsUp && isShared(machines) && !job.gradient && plan.rules.onNonFinite === undefined,
    shardSize: Math.ceil(plan.batchSize / shards),
    metricBytes: metrics.bytes,
    // A run may end within an epoch.
    epochs: Math.ceil(plan.steps / perEpoch),
    cells: metrics.cells,
    recordedSteps: options.onStepEnd || wanted.timesSteps ? plan.steps : 0,
    ...wanted,
    untrainedChanges: job.afterStep !== undefined,
    ema: job.ema !== undefined,
    numbers: job.gradient?.shared.count(trainedParameters(model).reduce((sum, { size }) => sum + size, 0)),
    local: local && { steps: longestRound(local, perEpoch), hogwild: local.hogwild },
  };
}
