// One worker's part of a training run: its shards of every step, its slice of every update, its chunks of every
// evaluation. Knows the shared layout and the barriers, but nothing of threads or messages; worker.ts wraps it.
//
//   gather, forward, backward (my shards) → barrier → average, update (my slice) → barrier → next step
import type { AnyModule, Optimizer } from "@shardgrad/core";
import {
  CaptureError,
  cast,
  compile,
  Generator,
  grad,
  manualSeed,
  noGrad,
  scope,
  stream,
  Tensor,
  withGenerator,
} from "@shardgrad/core";
import { heap, hostStep } from "@shardgrad/core/engine";
import { SliceReducer, sliceOf, sumOverShards } from "./allreduce.ts";
import { Barrier } from "./barrier.ts";
import { BatchSource } from "./batches.ts";
import { Control } from "./control.ts";
import { recordSize, writeRecord } from "./epoch-records.ts";
import type { Phase } from "./errors.ts";
import { JobError } from "./errors.ts";
import { chunkSize, evaluateChunks, mergeChunks } from "./evaluate.ts";
import { strike } from "./fault.ts";
import type { Job } from "./job.ts";
import { buildModel } from "./job.ts";
import { bindModel, tensorAt } from "./layout.ts";
import { PhaseClock } from "./phase-clock.ts";
import type { WorkerSetup } from "./protocol.ts";
import { shardWeight } from "./sample-weights.ts";
import { Sampler, samplesInStep, stepsPerEpoch } from "./sampling.ts";
import { SnapshotWriter } from "./snapshots.ts";

/** Throws unless a job's loss is a scalar tensor. */
function checkLoss(loss: unknown): Tensor {
  if (loss instanceof Tensor && loss.size === 1) return loss;
  const got = loss instanceof Tensor ? `a tensor of shape [${loss.shape.join(",")}]` : typeof loss;
  throw new JobError(`loss: got ${got}, expected a scalar tensor; take the mean over the samples`);
}

export class Replica {
  /** Steps done so far. */
  step: number;
  readonly control: Control;
  readonly #setup: WorkerSetup;
  readonly #job: Job;
  readonly #model: AnyModule;
  readonly #parameters: Tensor[];
  readonly #optimizer: Optimizer;
  readonly #sampler: Sampler;
  readonly #reducer: SliceReducer;
  /** Where the gradients of each of my shards go. */
  readonly #gradients = new Map<number, Tensor[]>();
  /** Numbers of the samples of a shard; those samples, which go into a pass; and the mean of their losses. */
  readonly #places: Int32Array;
  readonly #train: BatchSource;
  readonly #loss: Tensor;
  readonly #test: { samples: number; source: BatchSource } | undefined;
  #pass: (shard: number, count: number) => void;
  readonly #noise: Generator;
  readonly #barrier: Barrier;
  readonly #reduceBarrier: Barrier;
  readonly #clock: PhaseClock | undefined;
  readonly #snapshots: SnapshotWriter | undefined;
  #phase: Phase = "idle";
  #current = 1;
  /** Of the epoch so far; kept by rank 0 only. Time and samples count from where this thread began. */
  #epoch = { lossSum: 0, weight: 0, samples: 0, startedMs: 0 };

  constructor(setup: WorkerSetup, job: Job) {
    const { rank, workers, layout, sampling, train, test, metrics } = setup;
    const { batchSize, seed } = sampling;
    this.#setup = setup;
    this.#job = job;
    this.step = setup.state.step;
    this.#epoch.lossSum = setup.state.lossSum;
    this.#epoch.weight = setup.state.weight;
    manualSeed(seed);
    ({ model: this.#model, optimizer: this.#optimizer } = buildModel(job));
    this.#parameters = this.#model.parameters();
    bindModel(this.#model, this.#optimizer, layout, "adopt");
    this.#optimizer.stepCount = setup.state.stepCount;
    this.#sampler = new Sampler(sampling);
    this.#reducer = new SliceReducer(layout, sliceOf(layout.flatSize, rank, workers));
    const capacity = Math.ceil(batchSize / layout.shards);
    this.#places = new Int32Array(capacity);
    this.#train = new BatchSource(job, train, "training", seed, capacity);
    if (test && metrics.length > 0) {
      const source = new BatchSource(job, test, "evaluation", seed, Math.min(chunkSize, test.samples));
      // A mistake in what computes it is better found now than after an epoch.
      source.load(Int32Array.of(0), 0);
      this.#test = { samples: test.samples, source };
    }
    this.#loss = Tensor.allocate([], "float32", "loss").keep();
    this.#noise = new Generator(seed, stream.noise);
    for (let shard = rank; shard < layout.shards; shard += workers) {
      const base = layout.gradients + shard * layout.flatSize * 4;
      this.#gradients.set(
        shard,
        layout.parameters.map((place) => tensorAt(base, place)),
      );
    }
    // Each shard has a full size, and another one in the last batch of an epoch.
    this.#pass = setup.capture
      ? compile(this.#computeGradients, { limit: 2 * this.#gradients.size })
      : this.#computeGradients;
    this.control = new Control(heap().int32, layout.control);
    this.#snapshots = setup.snapshots && new SnapshotWriter(setup.snapshots, this.control, [rank, workers]);
    if (setup.timePhasesFrom !== undefined)
      this.#clock = new PhaseClock(heap().float64, layout.phases / 8, { rank, workers });
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
    this.#epoch.startedMs = performance.now();
    while (this.step < steps) {
      this.#current = this.step + 1;
      if (this.step === this.#setup.timePhasesFrom) this.#clock?.start();
      for (const shard of this.#gradients.keys()) this.#computeShard(shard);
      const stopped = this.#reduce();
      this.step++;
      if (rank === 0) this.control.store("step", this.step);
      const epochOver = this.step % perEpoch === 0;
      // A run that ends within an epoch may be continued by another, which must find the epoch unfinished.
      if (!epochOver) this.#takeSnapshot();
      if (epochOver || this.step === steps || stopped) this.#finishEpoch();
      if (epochOver) this.#takeSnapshot();
      if (stopped) break;
    }
    this.#enter("idle");
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

  #wait(barrier: Barrier): void {
    this.#enter("barrier");
    const startedMs = performance.now();
    barrier.wait();
    heap().float64[this.#setup.layout.waits / 8 + this.#setup.rank]! += performance.now() - startedMs;
    this.#clock?.leave();
  }

  /** Forward and backward pass over one shard's samples; the gradients land in the shard's slot. */
  #computeShard(shard: number): void {
    const { layout } = this.#setup;
    this.#enter("gather");
    const count = this.#sampler.shardSamples(this.step, shard, this.#places);
    const epoch = this.#sampler.epochOf(this.step);
    this.#train.load(this.#places.subarray(0, count), epoch, this.#sampler.firstDraw(this.step, shard));
    const weight = shardWeight(this.#job.sampleWeight, this.#train, count);
    // A shard without samples, or whose samples have no weight, has weight 0: its slot is not read.
    const lossSum = weight === 0 ? 0 : this.#runPass(shard, count) * weight;
    heap().float64[layout.losses / 8 + shard] = lossSum;
    heap().float64[layout.shardWeights / 8 + shard] = weight;
  }

  /** The mean loss of the samples that are loaded. Random numbers depend on the step and the shard, not on who computes it. */
  #runPass(shard: number, count: number): number {
    const pass = () =>
      withGenerator(this.#noise.restart(this.step, shard), () => scope(() => this.#pass(shard, count)));
    try {
      pass();
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      // Nothing has been added up yet, so the pass can simply be done again, as all others from now on: only slower.
      this.#pass = this.#computeGradients;
      this.control.store("eager", 1);
      if (this.#setup.rank === 0) {
        process.stderr.write(
          `train: steps are run anew instead of replayed, which is slower: ${error.message}\n`,
        );
      }
      pass();
    }
    const loss = this.#loss.item();
    if (Number.isFinite(loss)) return loss;
    this.#enter("forward");
    throw new JobError(
      `loss: got ${loss}, expected a finite number; lower the learning rate, or look at the data`,
    );
  }

  /** The part of a pass that is the same in every step. */
  readonly #computeGradients = (shard: number, count: number): void => {
    const batch = this.#train.batch(count);
    hostStep("enter forward", () => this.#enter("forward"));
    const loss = checkLoss(this.#job.loss(this.#model, batch));
    this.#loss.copyFrom(noGrad(() => cast(loss, "float32")));
    hostStep("enter backward", () => this.#enter("backward"));
    const found = grad(loss, this.#parameters, { into: this.#gradients.get(shard)! });
    if (found.every((gradient) => gradient === null)) {
      throw new JobError("loss: it does not depend on any parameter; compute it from the model's output");
    }
  };

  /** Averages all shards' gradients and updates the weights, together with the others. True if this was the last step. */
  #reduce(): boolean {
    const { rank, layout, reduce, sampling } = this.#setup;
    this.#wait(this.#reduceBarrier);
    this.#enter("reduce");
    if (reduce === "workers") this.#reducer.weighShards();
    if (rank === 0) {
      this.#epoch.lossSum += sumOverShards(layout, "losses");
      this.#epoch.weight += sumOverShards(layout, "shardWeights");
      this.#epoch.samples += samplesInStep(sampling, this.step);
      if (this.control.load("stopRequested")) this.control.store("stop", 1);
      const last = this.step + 1 === this.#setup.steps || this.control.load("stop") === 1;
      this.#snapshots?.decide(this.step + 1, last);
    }
    // The coordinator averages between these two; the workers' own averages touch their own slices only.
    if (reduce === "coordinator") this.#wait(this.#reduceBarrier);
    this.#enter("update");
    if (reduce === "coordinator") this.#reducer.update(this.#optimizer);
    else this.#reducer.averageAndUpdate(this.#optimizer);
    this.#wait(this.#barrier);
    return this.control.load("stop") === 1;
  }

  /** Copies the state as it is after this step, if rank 0 has decided so. */
  #takeSnapshot(): void {
    if (!this.#snapshots?.wanted) return;
    this.#enter("checkpoint");
    this.#snapshots.copy();
    this.#wait(this.#barrier);
    if (this.#setup.rank !== 0) return;
    const { lossSum, weight } = this.#epoch;
    this.#snapshots.publish({ step: this.step, stepCount: this.#optimizer.stepCount, lossSum, weight });
  }

  /** Evaluates, and publishes what the epoch brought. */
  #finishEpoch(): void {
    const { rank, workers, layout, test, metrics } = this.#setup;
    const trainedMs = performance.now();
    if (this.#test) {
      this.#enter("evaluate");
      evaluateChunks(this.#job, this.#model, this.#test, layout.chunks, {
        rank,
        workers,
        seed: this.#setup.sampling.seed,
      });
      this.#wait(this.#barrier);
    }
    if (rank !== 0) return;
    const { lossSum, weight, samples, startedMs } = this.#epoch;
    const number = this.control.load("epochs");
    writeRecord(heap().float64, layout.epochs / 8 + number * recordSize(metrics.length), {
      step: this.step,
      loss: lossSum / weight,
      samples,
      trainMs: trainedMs - startedMs,
      evaluateMs: performance.now() - trainedMs,
      metrics: test ? mergeChunks(layout.chunks, test.samples, metrics.length) : [],
    });
    this.control.store("epochs", number + 1);
    this.#epoch = { lossSum: 0, weight: 0, samples: 0, startedMs: performance.now() };
  }
}
