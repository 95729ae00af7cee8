// The main thread's part of a run: lays out the shared memory, starts the workers, tells of their progress, and cleans
// up. On no critical path: workers do all steps on their own. Must not know worker.ts.
import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { AnyModule, EMA, KernelSet, Optimizer, Tensor } from "@shardgrad/core";
import { manualSeed, writeSafetensors } from "@shardgrad/core";
import { blockSize, heap, Storage } from "@shardgrad/core/engine";
import { attempt } from "../attempt/attempt.ts";
import type { Attempted } from "../attempt/course.ts";
import { planCourse, readPaces, resetWords } from "../attempt/course.ts";
import type { Launch } from "../attempt/launch.ts";
import { withRestarts } from "../attempt/recovery.ts";
import { Stragglers } from "../attempt/stragglers.ts";
import { identifyJob } from "../attempt/threads.ts";
import type { StoreEnvironment } from "../checkpoint/store.ts";
import { describeOptimizer } from "../checks/first-step.ts";
import type { KeptNumbers } from "../checks/kept-numbers.ts";
import { planKept } from "../checks/kept-numbers.ts";
import type { Found } from "../checks/probe.ts";
import type { StoredColumns } from "../data/columns.ts";
import { sampleShapes } from "../data/columns.ts";
import { planOrder, stepsPerEpoch } from "../data/sampling.ts";
import type { WorkerError } from "../errors.ts";
import { UnendingThreadError } from "../errors.ts";
import type { RestartEvent, StartEvent, TrainEvent, TrainResult } from "../events.ts";
import type { Fault } from "../fault.ts";
import type { RunLength } from "../job/build-model.ts";
import { buildModel } from "../job/build-model.ts";
import type { RunJob } from "../job/define-job.ts";
import { EarlyStopping } from "../job/early-stopping.ts";
import type { FoundJob } from "../job/load-job.ts";
import { findJob } from "../job/load-job.ts";
import { checkApart, checkCapture } from "../job/running-statistics.ts";
import type { Sources } from "../job/sources.ts";
import { RunSources } from "../job/sources.ts";
import type { MetricsPlan } from "../metrics/plan.ts";
import { describeRun, resolveParams } from "../params.ts";
import { usableCores } from "../plan/cpu-limit.ts";
import { longestRound } from "../plan/local-schedule.ts";
import type { MemoryBudget } from "../plan/memory-budget.ts";
import type { RunPlan, TrainOptions } from "../plan/options.ts";
import { checkOptions, planRun, runSeed } from "../plan/options.ts";
import { measurePasses } from "../plan/pass-memory.ts";
import { identifyRun, settingsOf } from "../plan/run-identity.ts";
import type { RunKernels } from "../plan/run-kernels.ts";
import { chooseKernels, describeKernels } from "../plan/run-kernels.ts";
import { planMemory, workerBytes } from "../plan/run-memory.ts";
import { tryMetrics } from "../plan/try-metrics.ts";
import type { WorkerSetup } from "../protocol.ts";
import { Control } from "../shared/control.ts";
import type { Digest } from "../shared/digest.ts";
import { digestModel } from "../shared/digest.ts";
import type { Float64Table } from "../shared/float64-table.ts";
import { sumOfColumn } from "../shared/float64-table.ts";
import { bindEMA, bindModel, lookAt, planLayout, tensorBytes } from "../shared/layout.ts";
import type { TimedPhase } from "../shared/phase-clock.ts";
import { readPhases } from "../shared/phase-clock.ts";
import { goBack, newestSlot, planSnapshots, takeFirst } from "../shared/snapshots.ts";
import { trainedParameters, trainedTensors, untrainedTensors } from "../shared/untrained.ts";
import { withCallbacks } from "./callbacks.ts";
import { RunCheckpoints } from "./checkpointing.ts";
import { probeOnMain } from "./main-probe.ts";
import { checkOutput, writeOutput } from "./output.ts";
import { prepareData } from "./prepare-data.ts";
import type { Begun } from "./progress.ts";
import { Progress } from "./progress.ts";

/** Memory that belongs to one run, given back in one go. */
class RunMemory {
  #blocks: Storage[] = [];
  /** All that was reserved. */
  bytes = 0;

  /** A block of the heap; what was there before is still in it. */
  reserve(bytes: number, holder: string): Storage {
    const block = Storage.allocate(bytes, holder);
    block.retain();
    this.#blocks.push(block);
    this.bytes += blockSize(bytes);
    return block;
  }

  /** A block of zeros. */
  allocate(bytes: number, holder: string): Storage {
    const block = this.reserve(bytes, holder);
    heap().uint8.fill(0, block.offset, block.offset + bytes);
    return block;
  }

  /** Nobody gets it back: a thread may still write into it. */
  abandon(): void {
    this.#blocks = [];
  }

  release(): void {
    for (const block of this.#blocks) block.release();
  }
}

interface Run extends Attempted {
  sources: RunSources;
  plan: RunPlan;
  job: RunJob;
  /** As in `WorkerSetup`. */
  jobOrigin: string | undefined;
  length: RunLength;
  model: AnyModule;
  optimizer: Optimizer;
  ema: EMA | undefined;
  /** The optimizer, see `first-step.ts`. */
  described: string;
  /** The model as it was built, and what the job's functions gave before the first step of this run. */
  built: Digest[];
  found: Found[] | undefined;
  budget: MemoryBudget;
  train: StoredColumns;
  test: StoredColumns | undefined;
  /** What is evaluated. */
  metrics: MetricsPlan;
  /** What must be finite before it is saved. */
  kept: readonly KeptNumbers[];
  /** Where the run began, which is no longer step 0 if it was resumed. */
  begun: Begun;
}

/** Stores the data, builds the model in shared memory, and lays out all that the threads share. */
async function prepare(
  jobUrl: string,
  { job: defined, origin: jobOrigin }: FoundJob,
  options: TrainOptions,
  memory: RunMemory,
): Promise<Run> {
  const store = (bytes: number) => memory.reserve(bytes, "dataset");
  const params = resolveParams(defined.params ?? {}, options.params);
  const given = { params, seed: runSeed(defined, options) };
  const { job, train, test } = await prepareData(defined, given, store);
  const order = planOrder(job.sampling ?? {}, train, store);
  const plan = planRun(job, options, train.samples);
  const { workers, shards, samples, batchSize, seed, local } = plan;

  manualSeed(seed);
  const length = { steps: plan.steps, stepsPerEpoch: stepsPerEpoch(plan) };
  const { model, optimizer } = buildModel(job, sampleShapes(train), length);
  const built = digestModel(model);
  checkCapture(model, plan.capture);
  if (local) checkApart(model, local.hogwild ? "hogwild" : "syncEvery");
  const sizesFor = (metrics: MetricsPlan) => ({
    workers,
    shards,
    metricBytes: metrics.bytes,
    // A run may end within one.
    epochs: Math.ceil(plan.steps / stepsPerEpoch(plan)),
    cells: metrics.cells,
    recordedSteps: options.onStepEnd ? plan.steps : 0,
    untrainedChanges: job.afterStep !== undefined,
    ema: job.ema !== undefined,
    local: local && { steps: longestRound(local, stepsPerEpoch(plan)), hogwild: local.hogwild },
  });
  const parts = { job, model, optimizer, plan, sizesFor, dataBytes: memory.bytes };
  // A signal that came while the data was loaded is told now: what follows may drop it.
  await setImmediate();
  const { metrics, budget } = planMemory(parts, () => ({
    metrics: tryMetrics(job, model, plan, test),
    passes: measurePasses(job, model, plan, { train, test }),
  }));
  const layout = planLayout(model, optimizer, sizesFor(metrics), (bytes, contents) =>
    contents === "any" ? memory.reserve(bytes, "records") : memory.allocate(bytes, "training state"),
  );
  const described = describeOptimizer(optimizer);
  bindModel(model, optimizer, layout, "copy");
  const ema = bindEMA(model, layout, job.ema, "copy");
  const control = new Control(heap().int32, layout.control);
  const sampling = { samples, batchSize, shards, seed, order };
  const snapshots = planSnapshots(layout, plan.snapshots, (bytes) => memory.reserve(bytes, "snapshots"));
  const state = { step: 0, stepCount: optimizer.stepCount, lossSum: 0, weight: 0, skipped: 0 };
  const begun = { step: 0, epoch: 0, lacking: [], observeFrom: 0, bestValue: undefined };
  return {
    sources: new RunSources(jobUrl),
    job,
    jobOrigin,
    length,
    plan,
    model,
    optimizer,
    ema,
    described,
    built,
    found: undefined,
    budget,
    layout,
    snapshots,
    control,
    sampling,
    train,
    test,
    metrics,
    state,
    kept: [],
    begun,
    told: 0,
  };
}

/** Opens the run's checkpoints, if it is to have any, and takes it to where the newest one was. */
async function resume(
  run: Run,
  kernels: RunKernels,
  options: TrainOptions,
  publish: (event: TrainEvent) => void,
  environment?: StoreEnvironment,
): Promise<RunCheckpoints | undefined> {
  const { job, plan, model, optimizer, ema, layout, sampling, train, test, metrics } = run;
  if (!options.checkpoint) return undefined;
  const checkpoints = await RunCheckpoints.open(options.checkpoint, plan.best, publish, environment);
  try {
    const perEpoch = stepsPerEpoch(sampling);
    const { batchSize } = sampling;
    const saved = {
      model,
      optimizer,
      ema,
      identity: identifyRun(job, sampling, train),
      context: job.context,
      settings: settingsOf(job, optimizer, plan, test),
      computedBy: describeKernels(kernels),
      sources: run.sources,
      observed: plan.rules.earlyStopping?.metric,
      batchSize,
      perEpoch,
      steps: plan.steps,
      records: { table: layout.epochs, metrics },
    };
    const { state, ...rest } = await checkpoints.begin(saved, options.resume ?? false);
    run.state = state;
    run.begun = { step: state.step, epoch: Math.floor(state.step / perEpoch), ...rest };
    return checkpoints;
  } catch (error) {
    await checkpoints.close();
    throw error;
  }
}

/** What each worker is told. Reserves the workers' own memory: address space only, until they touch it. */
function planWorkers(
  run: Run,
  { jobUrl }: Launch,
  kernels: KernelSet,
  memory: RunMemory,
): (rank: number, fault: Fault | undefined) => WorkerSetup {
  const { plan, layout, snapshots, sampling, train, test, metrics, described: optimizer, built } = run;
  const { workers, reduce, local, capture, timePhasesFrom, steps, rules, useEma } = plan;
  const bytes = workerBytes(run.budget, workers, heap().arena.largestFree());
  const arenas = Array.from({ length: workers }, () => ({
    base: memory.reserve(bytes, "worker").offset,
    bytes,
  }));
  const spin = workers <= usableCores();
  const shared = {
    workers,
    jobUrl,
    jobOrigin: run.jobOrigin,
    context: run.job.context,
    length: run.length,
    memory: heap().memory,
    kernels,
    reduce,
    local,
    capture,
    timePhasesFrom,
    spin,
    steps,
    observeFrom: run.begun.observeFrom,
    best: plan.best && { ...plan.best, value: run.begun.bestValue, from: run.begun.epoch },
    rules,
    useEma,
    optimizer,
    kept: run.kept,
    built,
  };
  const rest = { ...shared, layout, snapshots, sampling, train, test, metrics };
  return (rank, fault) => ({
    rank,
    arena: arenas[rank]!,
    ...rest,
    found: run.found,
    sources: run.sources.known,
    state: run.state,
    fault,
  });
}

/** Takes a run in which a worker failed back to its last snapshot; no worker runs. */
function takeBack(run: Run, told: number, failure: WorkerError, restart: number): RestartEvent {
  run.told = told;
  run.state = goBack(run.snapshots!, newestSlot(run.control)!);
  run.found = undefined;
  const { rank, step, phase, message } = failure;
  const { restarts } = run.plan;
  const fromStep = run.state.step;
  return { type: "restart", rank, failedStep: step, phase, message, fromStep, restart, restarts };
}

/** Time that workers spent waiting for each other, as a mean over them. */
function meanWaitMs({ layout, plan }: Run): number {
  return sumOfColumn(layout.waits, 0) / plan.workers;
}

/** SHA-256 over the bytes of the trained parameters, then of frozen ones and buffers, in order. */
function hashWeights(model: AnyModule): string {
  const hash = createHash("sha256");
  for (const [, x] of [...trainedTensors(model), ...untrainedTensors(model)])
    hash.update(new Uint8Array(x.toArray().buffer));
  return hash.digest("hex");
}

/** The workers' decision once more, from the records of the epochs. */
function whyEndedEarly({ plan, metrics, control, begun }: Run, progress: Progress): string {
  const stopping = new EarlyStopping(plan.rules.earlyStopping!, metrics.metrics);
  for (let epoch = begun.observeFrom; epoch < control.load("epochs"); epoch++)
    stopping.observe(progress.recordOf(epoch));
  return stopping.reason;
}

function phaseTimes({ layout }: Run): Record<TimedPhase, number>[] {
  return readPhases(layout.phases);
}

/** Makes the model independent of the run's memory. */
function detachModel(model: AnyModule): void {
  for (const [, parameter] of trainedTensors(model)) {
    parameter.grad?.dispose();
    parameter.grad = null;
    parameter.moveTo(Storage.allocate(parameter.size * 4, "model"));
  }
  for (const [, x] of untrainedTensors(model)) x.moveTo(Storage.allocate(tensorBytes(x), "model"));
}

/** For tests only: what is to go wrong in each attempt. */
export type Faults = readonly (Fault | undefined)[];

/**
 * Does a whole run. Everything it started has ended, and its memory is free again, when the promise settles.
 *
 * @param environment what checkpoints are written to; tests put a disk there that fails
 */
export async function coordinate<M extends AnyModule>(
  launch: Launch,
  options: TrainOptions,
  emit: (event: TrainEvent) => void,
  stopRequested: () => boolean,
  faults: Faults = [],
  environment?: StoreEnvironment,
): Promise<TrainResult<M>> {
  const memory = new RunMemory();
  let checkpoints: RunCheckpoints | undefined;
  let recorded: { table: Float64Table; perEpoch: number } | undefined;
  const publish = withCallbacks(options, emit, () => recorded);
  try {
    checkOptions(options);
    const out = await checkOutput(options.out);
    const kernels = await chooseKernels(options.kernels ?? "auto", launch.jobUrl);
    const found = await findJob(launch.jobUrl, () => identifyJob(launch));
    const run = await prepare(launch.jobUrl, found, options, memory);
    const { model, control, plan, layout } = run;
    if (layout.stepRecords !== undefined) {
      recorded = { table: layout.stepRecords, perEpoch: stepsPerEpoch(run.sampling) };
    }
    publish(startEvent(run, kernels));
    tellOfSchedules(run.optimizer, plan.steps);
    checkpoints = await resume(run, kernels, options, publish, environment);
    run.kept = planKept(model, layout, run.state.step);
    resetWords(run);
    if (run.snapshots) takeFirst(run.snapshots, control, run.state);
    if (!stopRequested() && run.state.step < plan.steps) run.found = await probeOnMain(run, kernels);
    const setupOf = planWorkers(run, launch, kernels.set, memory);
    const progress = new Progress(run, publish);
    const metricsAt = (epochs: number) => progress.metricsAt(epochs);
    const hasLoaded = (sources: Sources) => run.sources.note(sources);
    const stragglers = new Stragglers();
    const passOnStop = () => {
      if (stopRequested()) control.store("stopRequested", 1);
    };
    const look = () => {
      passOnStop();
      progress.poll();
      for (const found of stragglers.look(control.load("step"), performance.now(), readPaces(run)))
        publish({ type: "straggler", ...found });
      checkpoints?.poll(run.snapshots!, control, metricsAt);
    };
    // Such as by a listener of the start event: then there is nothing to train, and nothing to save.
    if (!stopRequested()) {
      await withRestarts({
        restarts: plan.restarts,
        attempt: (restarts) =>
          attempt(planCourse(run, { kernels, launch, setupOf, hasLoaded, fault: faults[restarts], look })),
        obstacle: () => run.sources.obstacle,
        goBack: (failure, restart) => {
          publish(takeBack(run, progress.told, failure, restart));
          // The next attempt goes no further than it must.
          passOnStop();
        },
      });
      await checkpoints?.finish(run.snapshots!, control, metricsAt);
    }

    const { seconds, samplesPerSecond } = progress;
    const steps = control.load("step");
    const waitShare = meanWaitMs(run) / 1000 / seconds;
    if (plan.useEma) lookAt(trainedParameters(model), layout, layout.ema!);
    const weightsSha256 = hashWeights(model);
    if (out !== undefined)
      await writeOutput(out, writeSafetensors(model.stateDict(), describeRun(run.job.context)));
    detachModel(model);
    const best = await checkpoints?.findBest();
    const end = {
      type: "end" as const,
      steps,
      seconds,
      samplesPerSecond,
      waitShare,
      captured: plan.capture && control.load("eager") === 0,
      metrics: progress.metricsOf(steps),
      weightsSha256,
      stopped: steps < plan.steps,
      ...(control.load("endedEarly") && { stoppedEarly: whyEndedEarly(run, progress) }),
      skipped: control.load("skipped"),
      ...(plan.timePhasesFrom === undefined ? {} : { phaseMs: phaseTimes(run) }),
      ...(best && { best }),
      ...(out === undefined ? {} : { out }),
    };
    publish(end);
    return { ...end, model: model as M };
  } catch (error) {
    if (error instanceof UnendingThreadError) memory.abandon();
    throw error;
  } finally {
    await checkpoints?.close();
    memory.release();
  }
}

/** A schedule that was made for fewer steps than there are is most likely one that nobody told of them. */
function tellOfSchedules({ paramGroups }: Optimizer, steps: number): void {
  const ends = paramGroups.map(({ lr }) => (typeof lr === "function" ? lr.steps : undefined));
  for (const end of new Set(ends)) {
    if (end === undefined || end >= steps) continue;
    process.stderr.write(
      `train: the learning rate's schedule is made for ${end} steps, and the run has ${steps}: give it the run's, which optimizer(parameters, { steps }) is told\n`,
    );
  }
}

function startEvent(
  { job, plan, model, layout, train, test, budget }: Run,
  { set, blas, noBlas }: RunKernels,
): StartEvent {
  const parameters = model.parameters();
  const frozen = parameters.filter((x) => x.frozen);
  const numbersIn = (tensors: readonly Tensor[]) => tensors.reduce((sum, { size }) => sum + size, 0);
  return {
    type: "start",
    workers: plan.workers,
    cores: usableCores(),
    shards: layout.shards,
    kernels: set,
    ...(blas && { blas: blas.description }),
    ...(noBlas !== undefined && { noBlas }),
    params: job.context.params,
    parameters: numbersIn(parameters),
    ...(frozen.length > 0 && { frozen: numbersIn(frozen) }),
    trainSamples: train.samples,
    testSamples: test?.samples ?? 0,
    evaluates: job.validation === undefined ? "test" : "validation",
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
