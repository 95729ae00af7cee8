// Prepares a worker for its first step: the job's model and optimizer, bound to the shared memory, and everything that
// the step loop (step-loop.ts) needs. Knows nothing of messages or threads; worker.ts wraps it.
import type { AnyModule, EMA, Optimizer } from "@shardgrad/core";
import { manualSeed } from "@shardgrad/core";
import { heap, withoutFilling } from "@shardgrad/core/engine";
import { checkOptimizer } from "../checks/first-step.ts";
import { Unchanged } from "../checks/unchanged.ts";
import { sampleShapes } from "../data/columns.ts";
import { Sampler, stepsPerEpoch } from "../data/sampling.ts";
import { buildModel } from "../job/build-model.ts";
import type { RunJob } from "../job/define-job.ts";
import { EarlyStopping } from "../job/early-stopping.ts";
import { normalizesOverBatch } from "../job/running-statistics.ts";
import { chunkSize } from "../metrics/plan.ts";
import type { WorkerSetup } from "../protocol.ts";
import { isShared, shardsOfWorker } from "../shared/arrays/machines.ts";
import { blockElements, sliceOf } from "../shared/arrays/slices.ts";
import { bindEMA, bindModel, checkModel } from "../shared/bind-model.ts";
import { compareModels, digestModel } from "../shared/digest.ts";
import { timesPhases } from "../shared/layout.ts";
import { SnapshotWriter } from "../shared/snapshots/snapshots.ts";
import type { EpochRecord } from "../shared/tables/epoch-records.ts";
import { readRecord } from "../shared/tables/epoch-records.ts";
import { Glances } from "../shared/tables/glances.ts";
import { PhaseClock } from "../shared/tables/phase-clock.ts";
import { PhaseMarks } from "../shared/tables/phase-marks.ts";
import { StepTimer } from "../shared/tables/step-times.ts";
import { TrainingClock } from "../shared/tables/training-clock.ts";
import type { SharedWords } from "../shared/words/barrier.ts";
import { Barrier } from "../shared/words/barrier.ts";
import { Control } from "../shared/words/control.ts";
import { AfterStep } from "../step/after-step.ts";
import { SliceReducer } from "../step/allreduce.ts";
import { BatchSource } from "../step/batches.ts";
import { BestEpoch } from "../step/best-epoch.ts";
import { EpochSums } from "../step/epoch-sums.ts";
import { EstimatePass, TrialModel } from "../step/estimate-pass.ts";
import { GradientSums } from "../step/gradient-sums.ts";
import { LocalSteps } from "../step/local-steps.ts";
import { Lockstep } from "../step/lockstep.ts";
import { ShardPass } from "../step/shard-pass.ts";
import { UpdateStep } from "../step/update-step.ts";
import { lockstepHost, passHost, signalsOf, wayToOthers } from "./hosts.ts";
import { KernelTrace } from "./kernel-trace.ts";
import { ShardLoader } from "./shard-loader.ts";
import type { PhaseListener } from "./whereabouts.ts";
import { Whereabouts } from "./whereabouts.ts";
import type { Done, Worker } from "./worker-parts.ts";

/** What the host of a worker provides. */
export interface Surroundings {
  /** Sends a line for the user to the main thread at once, while this thread keeps computing. */
  notify: (line: string) => void;
  /** Called for each phase that begins; for tests. */
  entered?: PhaseListener | undefined;
  /** The words that threads wait on, if not those of the shared memory; for tests. */
  words?: ((control: Control) => SharedWords) | undefined;
}

/** This thread's model and optimizer, bound to the shared weights and state. */
function bindJob(setup: WorkerSetup, job: RunJob): { model: AnyModule; optimizer: Optimizer; ema?: EMA } {
  const { rank, layout, sampling, train, begin } = setup;
  manualSeed(sampling.seed);
  // Weights and state are there: what the model would fill them with is compared, but not written.
  const building = withoutFilling(() => buildModel(job, sampleShapes(train), setup.job.length));
  const { model, optimizer } = building.result;
  checkModel(model, layout);
  compareModels(digestModel(model), setup.job.built, rank);
  bindModel(model, optimizer, layout, "adopt");
  checkOptimizer(optimizer, setup.job.optimizer);
  const ema = bindEMA(model, layout, job.ema, "adopt");
  // Both count the same updates.
  if (ema) ema.updates += begin.state.stepCount - optimizer.stepCount;
  optimizer.stepCount = begin.state.stepCount;
  building.fillRest();
  return { model, optimizer, ...(ema && { ema }) };
}

/** The source of the evaluated samples, if there is anything to evaluate. */
function evaluation(setup: WorkerSetup, job: RunJob, beat: () => void): Worker["evaluated"] {
  const { test, metrics, layout, sampling } = setup;
  if (!test || metrics.metrics.length === 0) return undefined;
  const capacity = Math.min(chunkSize, test.samples);
  const source = new BatchSource(job, test, "evaluation", sampling.seed, capacity, beat);
  // A mistake in the code that computes them should show now rather than after an epoch.
  source.load(Int32Array.of(0), 0);
  return { job, plan: metrics, base: layout.metrics, samples: test.samples, source };
}

/** Records of the epochs before this thread began, from a given one on. */
function recordsFrom(first: number, { layout, begin, sampling }: WorkerSetup): EpochRecord[] {
  const count = Math.max(0, Math.floor(begin.state.step / stepsPerEpoch(sampling)) - first);
  return Array.from({ length: count }, (_, epoch) => readRecord(layout.epochs, first + epoch));
}

/** The observers of epochs, with finished ones already recorded. */
function observers(setup: WorkerSetup) {
  const { plan, begin, metrics } = setup;
  const rule = plan.rules.earlyStopping;
  const earlyStopping = rule && new EarlyStopping(rule, metrics.metrics);
  let enough = false;
  for (const record of recordsFrom(begin.observeFrom, setup))
    enough = earlyStopping?.observe(record) ?? false;
  const best = begin.best && new BestEpoch(begin.best, metrics.metrics);
  for (const record of recordsFrom(begin.best?.from ?? 0, setup)) best?.observe(record);
  return { earlyStopping, best, enough };
}

/** The barriers, and the record of where the worker is. */
function barriersOf(setup: WorkerSetup, { entered, words }: Surroundings) {
  const { rank, plan, layout, begin, spin } = setup;
  const { workers, reduce, timePhasesFrom } = plan;
  const control = new Control(heap().int32, layout.control);
  const sampled = timePhasesFrom === undefined;
  const clock = timesPhases(plan, layout) ? new PhaseClock(layout.phases, rank, { sampled }) : undefined;
  const own = words?.(control);
  const barrier = new Barrier(control, { parties: workers, spin }, own);
  const averaged = ["reduceArrived", "reduceGeneration"] as const;
  const hasMore = reduce === "coordinator" || isShared(plan.machines);
  // The party that averages comes late, and takes the core of one that spins.
  const reduceBarrier = hasMore
    ? new Barrier(control, { parties: workers + 1, spin: false, words: averaged }, own)
    : barrier;
  const marks = layout.marks && new PhaseMarks(layout.marks, rank, begin.state.step);
  const parts = { rank, control, waits: layout.waits, clock, marks };
  const where = new Whereabouts(parts, begin.state.step + 1, entered);
  return { control, barrier, reduceBarrier, where };
}

/** The shards that this worker computes. */
function ownShards({ rank, plan, layout }: WorkerSetup): number[] {
  const [first, end] = shardsOfWorker(layout.shards, plan.machines, rank);
  return Array.from({ length: end - first }, (_, i) => first + i);
}

/** How far a worker is before its first step, whose optimizer has so many groups. */
function beforeSteps({ begin }: WorkerSetup, enough: boolean, groups: number): Done {
  const lrs = new Array<number>(groups).fill(Number.NaN);
  // The results of a step that never happened.
  const last = { loss: Number.NaN, gradNorm: Number.NaN, skipped: false, lrs };
  return { steps: begin.state.step, first: true, enough, last, lastIsMeasured: true };
}

/** @throws JobError if the job returns something else on this thread than on the main thread */
export function setUp(setup: WorkerSetup, job: RunJob, surroundings: Surroundings): Worker {
  const { rank, plan, layout, sampling, train, begin, snapshots: snapshotPlan } = setup;
  const { workers, rules } = plan;
  const { seed } = sampling;
  const share = [rank, workers] as const;
  const { model, optimizer, ema } = bindJob(setup, job);
  const { enough, ...observing } = observers(setup);
  const { control, barrier, reduceBarrier, where } = barriersOf(setup, surroundings);
  const report = (line: string) => {
    if (rank === 0 && plan.machines.machine === 0) surroundings.notify(line);
  };
  // Whole blocks, because the norm sums their squares.
  const slice = sliceOf(layout.flatSize, rank, workers, blockElements);
  const reducer = new SliceReducer(layout, slice);
  const update = new UpdateStep(rules, layout, { slice, reducer, optimizer, ema, report });
  update.skipped = begin.state.skipped;
  const sampler = new Sampler(sampling);
  const loader = new ShardLoader(job, sampler, where, { paces: layout.paces, rank, steps: plan.steps });
  const newSource = () => new BatchSource(job, train, "training", seed, sampler.largestShard, where.beat);
  const source = newSource();
  const evaluated = evaluation(setup, job, where.beat);
  const shards = ownShards(setup);
  const local =
    plan.local && new LocalSteps({ ...setup, ...setup.job, ...begin, rules }, job, { shards, slice });
  const trial = job.gradient && new TrialModel(job, { layout, seed, train, length: setup.job.length });
  const besides = trial ? [trial.model] : (local?.models ?? []);
  const unchanged = new Unchanged(layout, [model, ...besides], begin.state.step, {
    control,
    share,
    slice,
    apart: local !== undefined,
    atWork: `loss()${train.computedBy ? " or sample()" : ""}${job.augment ? " or augment()" : ""}`,
    barrier,
  });
  const done = beforeSteps(setup, enough, optimizer.paramGroups.length);
  const gradientSums = new GradientSums(layout, rules.onNonFinite !== undefined);
  const signals = signalsOf(setup, shards.at(-1)!, gradientSums);
  const host = passHost({ setup, model, control, where, local, unchanged, done, report, signals });
  const pass = new ShardPass(job, source, { layout, shards, seed, capture: plan.capture }, host);
  const { gradient } = job;
  const estimate =
    gradient &&
    new EstimatePass({ ...job, gradient }, trial!, source, { layout, seed, capture: plan.capture }, host);
  const others = wayToOthers(setup, { barrier: reduceBarrier, control, rank });
  return {
    setup,
    job,
    model,
    optimizer,
    control,
    where,
    sampler,
    shards,
    loader,
    train: source,
    pass,
    estimate,
    lockstep: normalizesOverBatch(model)
      ? new Lockstep(lockstepHost({ setup, loader, pass, where, barrier, others, done, newSource }), shards)
      : undefined,
    local,
    barrier,
    reduceBarrier,
    gradientSums,
    signals,
    reducer,
    slice,
    update,
    afterStep: job.afterStep && rank === 0 ? new AfterStep(job, model, seed) : undefined,
    evaluated,
    ...observing,
    snapshots:
      snapshotPlan &&
      new SnapshotWriter(snapshotPlan, control, { share, step: begin.state.step, beat: where.beat }),
    unchanged,
    sums: new EpochSums(begin.state),
    training: new TrainingClock(rank === 0 ? layout.throughput : undefined),
    timer: rank === 0 ? new StepTimer(layout) : undefined,
    others,
    kernelTrace: layout.kernelCalls && new KernelTrace(layout.kernelCalls, rank, pass, shards.length),
    glances: layout.glances && new Glances(control, { ...layout, glances: layout.glances }),
    done,
    report,
  };
}
