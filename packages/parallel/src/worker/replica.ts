// One worker's part of a training run: its shards of every step, its slice of every update, its chunks of every
// evaluation. Knows the shared layout and the barriers, but nothing of threads or messages; worker.ts wraps it.
//
//   gather, forward, backward (my shards) → barrier → average, update (my slice) → barrier → next step
//
// Shards that train apart from each other (local-steps.ts) update in the first part, step by step, and are averaged in the second.

import type { AnyModule, Optimizer, Tensor } from "@shardgrad/core";
import { manualSeed } from "@shardgrad/core";
import { heap } from "@shardgrad/core/engine";
import { checkFirstStep, checkOptimizer, noteReached } from "../checks/first-step.ts";
import { describeKept, isShareFinite } from "../checks/kept-numbers.ts";
import type { Found } from "../checks/probe.ts";
import { compareWithMain, firstRows, firstShard } from "../checks/probe.ts";
import { Unchanged } from "../checks/unchanged.ts";
import { sampleShapes } from "../data/columns.ts";
import { Sampler, samplesInStep, stepsPerEpoch } from "../data/sampling.ts";
import type { Phase } from "../errors.ts";
import { NonFiniteError } from "../errors.ts";
import { strike } from "../fault.ts";
import { buildModel } from "../job/build-model.ts";
import type { RunJob } from "../job/define-job.ts";
import { EarlyStopping } from "../job/early-stopping.ts";
import { normalisesOverBatch } from "../job/running-statistics.ts";
import { chunkSize } from "../metrics/plan.ts";
import { nextMeeting } from "../plan/local-schedule.ts";
import type { WorkerSetup } from "../protocol.ts";
import { Barrier } from "../shared/barrier.ts";
import { Control } from "../shared/control.ts";
import { compareModels, digestModel } from "../shared/digest.ts";
import type { EpochRecord } from "../shared/epoch-records.ts";
import { readRecord, writeRecord } from "../shared/epoch-records.ts";
import { addToCell, readCell, writeCell } from "../shared/float64-table.ts";
import { bindEMA, bindModel, checkModel, lookAt, paceColumns } from "../shared/layout.ts";
import type { Brought } from "../shared/local-memory.ts";
import { PhaseClock } from "../shared/phase-clock.ts";
import { blockElements, sliceOf } from "../shared/slices.ts";
import { SnapshotWriter } from "../shared/snapshots.ts";
import type { StepRecord } from "../shared/step-records.ts";
import { nextLearningRates, writeStepRecord } from "../shared/step-records.ts";
import { TrainingClock } from "../shared/training-clock.ts";
import { trainedParameters } from "../shared/untrained.ts";
import { AfterStep } from "../step/after-step.ts";
import { SliceReducer, sumOverShards } from "../step/allreduce.ts";
import { BatchSource } from "../step/batches.ts";
import { BestEpoch } from "../step/best-epoch.ts";
import { EpochSums } from "../step/epoch-sums.ts";
import type { Evaluated } from "../step/evaluate.ts";
import { evaluateChunks, finishMetrics, metricCells } from "../step/evaluate.ts";
import { LocalSteps } from "../step/local-steps.ts";
import { Lockstep } from "../step/lockstep.ts";
import { findNonFinite } from "../step/non-finite.ts";
import { shardWeight } from "../step/sample-weights.ts";
import type { PassHost } from "../step/shard-pass.ts";
import { ShardPass } from "../step/shard-pass.ts";
import { UpdateStep } from "../step/update-step.ts";

export class Replica {
  /** Steps done so far. */
  step: number;
  readonly control: Control;
  readonly #setup: WorkerSetup;
  readonly #job: RunJob;
  readonly #model: AnyModule;
  readonly #parameters: Tensor[];
  readonly #optimizer: Optimizer;
  readonly #sampler: Sampler;
  readonly #reducer: SliceReducer;
  /** Those that this worker computes. */
  readonly #shards: readonly number[];
  /** Numbers of the samples of a shard; those samples; and the pass over them. */
  readonly #places: Int32Array;
  readonly #train: BatchSource;
  readonly #pass: ShardPass;
  /** What is evaluated, if anything, and where its samples come from. */
  readonly #evaluated: Evaluated | undefined;
  readonly #test: BatchSource | undefined;
  /** For models that normalise over the whole batch: does the passes of all shards in place of `#pass`. */
  readonly #lockstep: Lockstep | undefined;
  /** If shards train apart from each other: their models and optimizers. `#model` is then what they have been averaged to. */
  readonly #local: LocalSteps | undefined;
  readonly #barrier: Barrier;
  readonly #reduceBarrier: Barrier;
  readonly #clock: PhaseClock | undefined;
  readonly #update: UpdateStep;
  /** Of the first worker, if the job has it. */
  readonly #afterStep: AfterStep | undefined;
  readonly #earlyStopping: EarlyStopping | undefined;
  readonly #best: BestEpoch | undefined;
  readonly #snapshots: SnapshotWriter | undefined;
  readonly #unchanged: Unchanged;
  /** What the last step brought. */
  #last: StepRecord;
  /** Whether the norm in it is known, or never will be. */
  #lastIsMeasured = true;
  #phase: Phase = "idle";
  #current: number;
  #first = true;
  /** Whether early stopping has ended the run. */
  #enough = false;
  readonly #epoch: EpochSums;
  readonly #training: TrainingClock;

  readonly #notify: (line: string) => void;

  /** @param notify takes a line for the user to the main thread at once, while this one goes on computing */
  constructor(setup: WorkerSetup, job: RunJob, notify: (line: string) => void) {
    this.#notify = notify;
    const { rank, workers, layout, sampling, train, test, metrics } = setup;
    const { seed } = sampling;
    this.#setup = setup;
    this.#job = job;
    this.step = setup.state.step;
    this.#current = this.step + 1;
    this.#epoch = new EpochSums(setup.state);
    this.#training = new TrainingClock(rank === 0 ? layout.throughput : undefined);
    manualSeed(seed);
    ({ model: this.#model, optimizer: this.#optimizer } = buildModel(job, sampleShapes(train), setup.length));
    this.#parameters = trainedParameters(this.#model);
    checkModel(this.#model, layout);
    compareModels(digestModel(this.#model), setup.built, rank);
    bindModel(this.#model, this.#optimizer, layout, "adopt");
    this.#sampler = new Sampler(sampling);
    checkOptimizer(this.#optimizer, setup.optimizer);
    const ema = bindEMA(this.#model, layout, job.ema, "adopt");
    // Both count the same updates.
    if (ema) ema.updates += setup.state.stepCount - this.#optimizer.stepCount;
    this.#optimizer.stepCount = setup.state.stepCount;
    const lrs = this.#optimizer.paramGroups.map(() => Number.NaN);
    this.#last = { loss: Number.NaN, gradNorm: Number.NaN, skipped: false, lrs };
    // Whole blocks, as their squares are summed for the norm.
    const slice = sliceOf(layout.flatSize, rank, workers, blockElements);
    this.#reducer = new SliceReducer(layout, slice);
    this.#update = new UpdateStep(setup.rules, layout, {
      slice,
      reducer: this.#reducer,
      optimizer: this.#optimizer,
      ema,
      report: (line) => this.#report(line),
    });
    this.#update.skipped = setup.state.skipped;
    if (job.afterStep && rank === 0) this.#afterStep = new AfterStep(job, this.#model, seed);
    const { earlyStopping } = setup.rules;
    if (earlyStopping) this.#earlyStopping = new EarlyStopping(earlyStopping, metrics.metrics);
    for (const record of this.#recordsFrom(setup.observeFrom))
      this.#enough = this.#earlyStopping?.observe(record) ?? false;
    if (setup.best) this.#best = new BestEpoch(setup.best, metrics.metrics);
    for (const record of this.#recordsFrom(setup.best?.from ?? 0)) this.#best?.observe(record);
    this.control = new Control(heap().int32, layout.control);
    const capacity = this.#sampler.largestShard;
    this.#places = new Int32Array(capacity);
    this.#train = new BatchSource(job, train, "training", seed, capacity, this.#beat);
    if (test && metrics.metrics.length > 0) {
      const capacity = Math.min(chunkSize, test.samples);
      const source = new BatchSource(job, test, "evaluation", seed, capacity, this.#beat);
      // A mistake in what computes it is better found now than after an epoch.
      source.load(Int32Array.of(0), 0);
      this.#evaluated = { job, plan: metrics, base: layout.metrics, samples: test.samples };
      this.#test = source;
    }
    const count = Math.ceil((layout.shards - rank) / workers);
    this.#shards = Array.from({ length: count }, (_, i) => rank + i * workers);
    if (setup.local) this.#local = new LocalSteps(setup, job, { shards: this.#shards, slice });
    this.#unchanged = this.#watchJob(slice);
    const parts = { layout, shards: this.#shards, seed, capture: setup.capture };
    this.#pass = new ShardPass(job, this.#train, parts, this.#passHost());
    if (normalisesOverBatch(this.#model)) this.#lockstep = this.#computeInLockstep(capacity);
    const { snapshots } = setup;
    const place = { share: [rank, workers] as const, step: this.step };
    this.#snapshots = snapshots && new SnapshotWriter(snapshots, this.control, place);
    if (setup.timePhasesFrom !== undefined) this.#clock = new PhaseClock(layout.phases, rank);
    this.#barrier = new Barrier(this.control, { parties: workers, spin: setup.spin });
    this.#reduceBarrier =
      setup.reduce === "workers"
        ? this.#barrier
        : new Barrier(this.control, {
            parties: workers + 1,
            spin: false,
            words: ["reduceArrived", "reduceGeneration"],
          });
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** The step that is under way, counted from 1; evaluation and checkpoint after it belong to it. */
  get stepUnderWay(): number {
    return this.#current;
  }

  /** Does all steps, or as many as there are until a stop is asked for. */
  run(): void {
    const { steps, sampling, rank } = this.#setup;
    const perEpoch = stepsPerEpoch(sampling);
    if (this.#setup.found) this.#probe(this.#setup.found);
    // A stop that was asked for before a worker failed, and for which no step has to be done again.
    const over = this.step === steps || this.control.load("stop") === 1;
    if (this.#enough && !over) this.#endEarly();
    // The last snapshot of a run that ends within an epoch comes before its evaluation, which failed or was never done.
    if (over && this.step % perEpoch !== 0) {
      this.#current = this.step;
      this.#finishEpoch();
    }
    while (!over && this.step < steps && !this.#enough) {
      const begun = this.step;
      this.#training.start();
      const stopped = this.#local ? this.#trainApart(this.#local) : this.#trainTogether();
      this.#training.stop(this.step - begun, this.#samplesSince(begun));
      const epochOver = this.step % perEpoch === 0;
      if (epochOver || stopped || this.step === steps || this.#snapshots?.wanted(false))
        this.#requireFinite();
      if (rank === 0) this.control.store("step", this.step);
      // A run that ends within an epoch may be continued by another, which must find the epoch unfinished.
      if (!epochOver) this.#takeSnapshot(false);
      const record = epochOver || this.step === steps || stopped ? this.#finishEpoch() : undefined;
      this.#enough = (record && this.#earlyStopping?.observe(record)) ?? false;
      if (epochOver) this.#takeSnapshot(this.#best?.observe(record!) ?? false);
      if (stopped) break;
      if (this.#enough && this.step < steps) this.#endEarly();
    }
    this.#unchanged.atEnd();
    this.#enter("idle");
  }

  /** Samples that were trained on since `begun` steps were done. */
  #samplesSince(begun: number): number {
    let samples = 0;
    for (let step = begun; step < this.step; step++) samples += samplesInStep(this.#setup.sampling, step);
    return samples;
  }

  #watchJob(slice: readonly [from: number, to: number]): Unchanged {
    const { rank, workers, layout, train, local } = this.#setup;
    const { augment } = this.#job;
    return new Unchanged(layout, [this.#model, ...(this.#local?.models ?? [])], this.step, {
      control: this.control,
      share: [rank, workers],
      slice,
      apart: local !== undefined,
      atWork: `loss()${train.computedBy ? " or sample()" : ""}${augment ? " or augment()" : ""}`,
      wait: () => this.#wait(this.#barrier),
    });
  }

  /** Compares what the job's functions give here with what they gave on the main thread. */
  #probe(expected: readonly Found[]): void {
    const { rank, sampling } = this.#setup;
    const probed = {
      job: this.#job,
      model: this.#model,
      seed: sampling.seed,
      step: this.step,
      epoch: this.#sampler.epochOf(this.step),
      train: { ...firstShard(this.#sampler, this.step), source: this.#train },
      test: this.#evaluated && {
        ...firstRows(this.#evaluated.samples, this.#places.length),
        source: this.#test!,
      },
      enter: this.#enter.bind(this),
      again: false,
    };
    compareWithMain(probed, expected, rank);
    // Nobody may change weights before all have looked.
    this.#wait(this.#barrier);
  }

  /** One step, by the average of what all shards bring. True if it was the last. */
  #trainTogether(): boolean {
    const { losses, shardWeights } = this.#setup.layout;
    this.#beginStep();
    this.#unchanged.beforePasses();
    const startedMs = this.#computingMs();
    if (this.#lockstep) this.#lockstep.compute(this.step);
    else {
      for (const shard of this.#shards) {
        const { loss, weight } = this.#computeShard(shard);
        writeCell(losses, shard, 0, loss);
        writeCell(shardWeights, shard, 0, weight);
      }
    }
    this.#notePace(startedMs);
    const stopped = this.#reduce();
    this.step++;
    return stopped;
  }

  /** The steps to the next meeting of all shards, and that. True if it was the last. */
  #trainApart(local: LocalSteps): boolean {
    const { sampling, local: schedule } = this.#setup;
    const begun = this.step;
    const end = nextMeeting(begun, schedule!, stepsPerEpoch(sampling));
    local.begin(begun, end);
    const rates: number[][] = [];
    const startedMs = this.#computingMs();
    for (; this.step < end; this.step++) {
      this.#beginStep();
      rates.push(local.nextLearningRates());
      for (const shard of this.#shards) {
        const brought = this.#computeShard(shard);
        this.#enter("update");
        local.update(this.step, shard, brought);
      }
    }
    this.#notePace(startedMs);
    this.#wait(this.#barrier);
    this.#enter("reduce");
    this.#unchanged.afterPasses();
    if (this.#first) this.#checkFirst();
    this.#decide(end);
    local.meet(end).forEach((brought, index) => {
      const { loss, weight, gradNorm } = brought;
      if (weight === 0) this.#update.skipWeightless(begun + index + 1);
      this.#account(brought, weight > 0);
      this.#last = { loss: loss / weight, gradNorm, skipped: weight === 0, lrs: rates[index]! };
      this.#tell(begun + index, this.#last);
    });
    this.#wait(this.#barrier);
    return this.control.load("stop") === 1;
  }

  #beginStep(): void {
    this.#current = this.step + 1;
    this.#unchanged.beginStep(this.#current, this.#first);
    this.#pass.begin(this.step, this.#sampler.epochOf(this.step));
    if (this.step === this.#setup.timePhasesFrom) this.#clock?.start();
  }

  /** Of the epochs before this thread began, from one of them on. */
  #recordsFrom(first: number): EpochRecord[] {
    const { layout, state, sampling } = this.#setup;
    const count = Math.max(0, Math.floor(state.step / stepsPerEpoch(sampling)) - first);
    return Array.from({ length: count }, (_, epoch) => readRecord(layout.epochs, first + epoch));
  }

  /** Makes all other workers give up. */
  abort(): void {
    this.#barrier.abort(this.#setup.rank);
    this.#reduceBarrier.abort(this.#setup.rank);
  }

  #enter(phase: Phase): void {
    const { rank, fault } = this.#setup;
    this.#phase = phase;
    this.control.setPhase(rank, phase, this.#current);
    this.#clock?.enter(phase);
    if (fault?.rank === rank) strike(fault, this.#current, phase);
  }

  /** A line for the user, from one worker for all. */
  #report(line: string): void {
    if (this.#setup.rank === 0) this.#notify(line);
  }

  #wait(barrier: Barrier): void {
    this.#enter("barrier");
    const startedMs = performance.now();
    barrier.wait();
    addToCell(this.#setup.layout.waits, this.#setup.rank, 0, performance.now() - startedMs);
    this.#clock?.leave();
  }

  readonly #beat = (): void => this.control.beat(this.#setup.rank);

  /** A clock that stands still in barriers. */
  #computingMs(): number {
    return performance.now() - readCell(this.#setup.layout.waits, this.#setup.rank, 0);
  }

  /** Adds a computation that began then to this worker's pace. */
  #notePace(startedMs: number): void {
    const { layout, rank } = this.#setup;
    addToCell(layout.paces, rank, paceColumns.computeMs, this.#computingMs() - startedMs);
  }

  /**
   * Forward and backward pass over one shard's samples; the gradients land in the shard's slot.
   *
   * @returns the mean loss times the weight, and the weight
   */
  #computeShard(shard: number): { loss: number; weight: number } {
    this.#enter("gather");
    const { count, weight } = this.#load(this.step, shard, this.#train);
    // A shard without samples, or whose samples have no weight, has weight 0: its slot is not read.
    return { loss: weight === 0 ? 0 : this.#pass.run(this.step, shard, count) * weight, weight };
  }

  /** Loads a shard's samples: how many they are, and what they weigh. */
  #load(step: number, shard: number, source: BatchSource): { count: number; weight: number } {
    const count = this.#sampler.shardSamples(step, shard, this.#places);
    const samples = this.#places.subarray(0, count);
    source.load(samples, this.#sampler.epochOf(step), this.#sampler.firstDraw(step, shard));
    addToCell(this.#setup.layout.paces, this.#setup.rank, paceColumns.samples, count);
    return { count, weight: shardWeight(this.#job.sampleWeight, source, count) };
  }

  #computeInLockstep(capacity: number): Lockstep {
    const { layout, train, sampling } = this.#setup;
    const host = {
      layout,
      seed: sampling.seed,
      newSource: () => new BatchSource(this.#job, train, "training", sampling.seed, capacity, this.#beat),
      load: this.#load.bind(this),
      computeGradients: this.#pass.compute,
      wait: () => {
        this.#wait(this.#barrier);
        this.#enter("reduce");
      },
      phase: () => this.#phase,
      enter: this.#enter.bind(this),
    };
    return new Lockstep(host, this.#shards);
  }

  #passHost(): PassHost {
    return {
      trained: this.#trained.bind(this),
      enter: this.#enter.bind(this),
      checkTraining: () => this.#unchanged.checkTraining(),
      found: (shard, gradients) => {
        if (this.#first) noteReached(this.#setup.layout, shard, gradients);
      },
      foundEager: (reason) => {
        this.control.store("eager", 1);
        this.#report(
          `train: steps are run anew instead of replayed, which is slower: ${reason} (constants of a loss belong into the model, as buffer(tensor(…)))`,
        );
      },
    };
  }

  /** What a shard trains. */
  #trained(shard: number): { model: AnyModule; parameters: readonly Tensor[] } {
    return this.#local?.learner(shard) ?? { model: this.#model, parameters: this.#parameters };
  }

  /** Averages all shards' gradients and updates the weights, together with the others. True if this was the last step. */
  #reduce(): boolean {
    const { layout, reduce } = this.#setup;
    const update = this.#update;
    this.#wait(this.#reduceBarrier);
    this.#enter("reduce");
    this.#unchanged.afterPasses();
    if (this.#first) this.#checkFirst();
    const [loss, weight] = [sumOverShards(layout, "losses"), sumOverShards(layout, "shardWeights")];
    if (reduce === "workers" && weight > 0) this.#reducer.weighShards();
    this.#decide(this.step + 1);
    // The coordinator averages between these two; the workers' own averages touch their own slices only.
    if (reduce === "coordinator") this.#wait(this.#reduceBarrier);
    const measured = weight > 0 && (update.needsWholeAverage || layout.stepRecords !== undefined);
    if (measured) {
      this.#enter("reduce");
      if (reduce === "workers") this.#reducer.average();
      update.measure();
    }
    if (measured && update.needsWholeAverage) {
      this.#wait(this.#barrier);
      update.takeNorm();
    }
    this.#enter("update");
    const lrs = nextLearningRates(this.#optimizer);
    const admitted = weight > 0 && update.admit(this.step + 1);
    if (weight === 0) update.skipWeightless(this.step + 1);
    this.#account({ loss, weight }, admitted);
    if (admitted) {
      this.#lockstep?.settle();
      update.apply(reduce === "coordinator" || measured);
    }
    this.#wait(this.#barrier);
    if (measured && !update.needsWholeAverage) update.takeNorm();
    const gradNorm = measured ? update.norm : Number.NaN;
    this.#last = { loss: loss / weight, gradNorm, skipped: !admitted, lrs };
    this.#lastIsMeasured = measured || !admitted;
    this.#tell(this.step, this.#last);
    if (admitted && this.#job.afterStep) this.#changeState();
    return this.control.load("stop") === 1;
  }

  /** One worker calls `afterStep` for all, when all have updated their slices. */
  #changeState(): void {
    if (this.#afterStep) {
      this.#enter("update");
      this.#afterStep.run(this.step);
      this.#unchanged.afterStep();
    }
    this.#wait(this.#barrier);
  }

  /** Rank 0, between two barriers: whether the run is to stop once `step` steps are done, and to take a snapshot. */
  #decide(step: number): void {
    const { rank, steps, sampling } = this.#setup;
    if (rank !== 0) return;
    const { control } = this;
    if (control.load("stopRequested") && step >= control.load("stopFrom")) control.store("stop", 1);
    const ends = step === steps || control.load("stop") === 1;
    const mayEnd = ends || (this.#earlyStopping !== undefined && step % stepsPerEpoch(sampling) === 0);
    this.#snapshots?.decide(step, { ends, mayEnd });
    this.#unchanged.decide(step, {
      last: steps,
      saves: mayEnd || (this.#snapshots?.maySave ?? false),
      savesNext: this.#snapshots?.savesAt(step + 1) ?? false,
    });
  }

  /**
   * Looks at all that is kept, before it is evaluated, saved or returned.
   *
   * @throws NonFiniteError on all workers, if one of them finds something in its part
   */
  #requireFinite(): void {
    const { rank, workers, kept, layout, local } = this.#setup;
    this.#enter("update");
    const startedMs = performance.now();
    if (!isShareFinite(kept, [rank, workers])) this.control.store("notFinite", 1);
    this.#snapshots?.countIn(performance.now() - startedMs);
    this.#wait(this.#barrier);
    if (this.control.load("notFinite") === 0) return;
    // All gradients of the step are still there, but where shards have gone on by themselves.
    const source = local ? undefined : findNonFinite(layout);
    throw new NonFiniteError(
      `train: after step ${this.step}, ${describeKept(kept)}${source === undefined ? "" : `: ${source}`}; nothing of it is saved; lower the learning rate, clip gradients, or look at the data`,
    );
  }

  /** Copies the state as it is after this step, which ends the best epoch so far or not, if rank 0 has decided so. */
  #takeSnapshot(isBest: boolean): void {
    if (!this.#snapshots?.wanted(isBest)) return;
    this.#enter("checkpoint");
    this.#unchanged.beforeSave();
    this.#snapshots.copy();
    this.#wait(this.#barrier);
    if (this.#setup.rank !== 0) return;
    const { lossSum, weight } = this.#epoch;
    const { stepCount } = this.#local ?? this.#optimizer;
    const { skipped } = this.#update;
    this.#snapshots.publish({ step: this.step, stepCount, lossSum, weight, skipped }, isBest);
  }

  /** In the first step that has any weight. */
  #checkFirst(): void {
    if (sumOverShards(this.#setup.layout, "shardWeights") === 0) return;
    this.#first = false;
    const unreached = checkFirstStep(this.#setup.layout, this.#trained(this.#setup.rank).model);
    if (unreached.length === 0) return;
    this.#report(
      `train: no gradient reaches ${unreached.join(", ")}; it counts as zero, in this and every step`,
    );
  }

  /** Adds what a step brought to the sums of the epoch, without losses that are not finite. */
  #account({ loss, weight }: Pick<Brought, "loss" | "weight">, admitted: boolean): void {
    if (admitted) this.#epoch.add({ loss, weight });
    if (this.#setup.rank === 0) this.control.store("skipped", this.#update.skipped);
  }

  /** Tells what a step, counted from 0, brought, if somebody wants to know. */
  #tell(step: number, record: StepRecord): void {
    const { rank, layout } = this.#setup;
    if (rank === 0 && layout.stepRecords) writeStepRecord(layout.stepRecords, step, record);
  }

  /** The norm of the last step's gradient, which nobody has taken: all that shards brought is still there. */
  #measureLast(): void {
    this.#enter("reduce");
    this.#reducer.weighShards();
    this.#reducer.average();
    this.#update.measure();
    this.#wait(this.#barrier);
    this.#update.takeNorm();
    this.#last = { ...this.#last, gradNorm: this.#update.norm };
  }

  /** Tells a coordinator that averages, and waits for the workers' next step, that there is none. */
  #endEarly(): void {
    if (this.#setup.rank === 0) this.control.store("endedEarly", 1);
    if (this.#setup.reduce === "coordinator") this.#wait(this.#reduceBarrier);
  }

  /** Evaluates, and publishes what the epoch brought. */
  #finishEpoch(): EpochRecord {
    const { rank, layout } = this.#setup;
    const { samples, ms: trainMs } = this.#training.closeEpoch();
    if (!this.#lastIsMeasured) this.#measureLast();
    const startedMs = performance.now();
    const cells = this.#evaluated ? this.#evaluate(this.#evaluated) : [];
    const record = {
      step: this.step,
      loss: this.#epoch.close(),
      samples,
      trainMs,
      evaluateMs: performance.now() - startedMs,
      metrics: cells,
    };
    if (rank === 0) {
      const number = this.control.load("epochs");
      writeRecord(layout.epochs, number, record);
      writeStepRecord(layout.lastSteps, number, this.#last);
      this.control.store("epochs", number + 1);
    }
    return record;
  }

  /** Evaluates my chunks of the test set, and then makes numbers of my metrics: the numbers of all of them. */
  #evaluate(evaluated: Evaluated): number[] {
    const { rank, workers, layout, sampling, useEma } = this.#setup;
    this.#unchanged.aroundEvaluation(() => {
      this.#enter("evaluate");
      if (useEma) lookAt(this.#parameters, layout, layout.ema!);
      const share = { rank, workers, seed: sampling.seed, beat: this.#beat };
      evaluateChunks(evaluated, this.#model, this.#test!, share);
      if (useEma) lookAt(this.#parameters, layout, layout.weights);
      this.#wait(this.#barrier);
      this.#enter("evaluate");
      finishMetrics(evaluated, share);
      this.#wait(this.#barrier);
    });
    return metricCells(evaluated);
  }
}
