// A worker's part of a step without backpropagation. Each shard evaluates its samples at the same points around the
// weights, and brings a few numbers (losses, or slopes) to the shared table. Their means are the numbers of the batch,
// from which every worker rebuilds the same gradient: directions are drawn again from the seed and the step.
//
//   copy the weights → numbers of my shards → barrier → mean numbers → gradient of my slice → update as always
//
// Points are tried on a model of the worker's own, so no other thread sees a displaced weight. Like shard-pass.ts it
// knows nothing of other workers.
import type { AnyModule } from "@shardgrad/core";
import {
  cast,
  compile,
  Generator,
  manualSeed,
  noGrad,
  scope,
  stream,
  Tensor,
  withGenerator,
} from "@shardgrad/core";
import { heap, Storage } from "@shardgrad/core/engine";
import type { StoredColumns } from "../data/columns.ts";
import { sampleShapes } from "../data/columns.ts";
import type { RunLength } from "../job/build-model.ts";
import { buildModel } from "../job/build-model.ts";
import type { RunJob } from "../job/define-job.ts";
import type { SharedEstimator } from "../job/gradient-rule.ts";
import { checkLoss } from "../job/test-loss.ts";
import { trainedParameters } from "../shared/arrays/untrained.ts";
import { bindModel } from "../shared/bind-model.ts";
import type { Layout } from "../shared/layout.ts";
import { rowOf, sumOfColumn } from "../shared/tables/float64-table.ts";
import { sumOverShards } from "./allreduce.ts";
import type { BatchSource } from "./batches.ts";
import { RunPlace } from "./run-place.ts";
import type { PassHost } from "./shard-pass.ts";
import { continueEagerly } from "./shard-pass.ts";

/** A model of a worker's own, whose weights may be displaced while others use the run's. */
export class TrialModel {
  readonly model: AnyModule;
  readonly parameters: readonly Tensor[];
  readonly #layout: Layout;
  /** Laid out like the run's. */
  readonly #weights: Storage;

  constructor(
    job: RunJob,
    {
      layout,
      seed,
      train,
      length,
    }: { layout: Layout; seed: number; train: StoredColumns; length: RunLength },
  ) {
    this.#layout = layout;
    this.#weights = Storage.allocate(4 * layout.flatSize, "weights to try");
    this.#weights.retain();
    manualSeed(seed);
    const { model, optimizer } = buildModel(job, sampleShapes(train), length);
    bindModel(model, optimizer, { ...layout, weights: this.#weights.offset }, "adopt");
    this.model = model;
    this.parameters = trainedParameters(model);
    this.copyWeights();
  }

  /** Takes the run's weights, which nobody may be changing. */
  copyWeights(): void {
    const { weights, flatSize } = this.#layout;
    heap().uint8.copyWithin(this.#weights.offset, weights, weights + 4 * flatSize);
  }
}

export class EstimatePass {
  readonly #trial: TrialModel;
  readonly #job: RunJob;
  readonly #estimator: SharedEstimator;
  readonly #source: BatchSource;
  readonly #layout: Layout;
  readonly #host: Omit<PassHost, "trained">;
  readonly #loss = Tensor.allocate([], "float32", "loss").keep();
  readonly #noise: Generator;
  readonly #place = new RunPlace();
  #evaluate: (count: number) => void;
  #numbers: readonly number[] = [];

  constructor(
    job: RunJob & { gradient: SharedEstimator },
    trial: TrialModel,
    source: BatchSource,
    { layout, seed, capture }: { layout: Layout; seed: number; capture: boolean },
    host: Omit<PassHost, "trained">,
  ) {
    this.#job = job;
    this.#estimator = job.gradient;
    this.#source = source;
    this.#layout = layout;
    this.#host = host;
    this.#trial = trial;
    this.#noise = new Generator(seed, stream.noise);
    // A shard has its full size, and another one in the last batch of an epoch.
    const shardSizes = 2 * layout.shards;
    this.#evaluate = capture ? compile(this.#forward, { limit: shardSizes }) : this.#forward;
  }

  /** Begins a step with the weights that all workers have now; both numbers count from 0. */
  begin(step: number, epoch: number): void {
    this.#place.set(step, epoch);
    this.#trial.copyWeights();
  }

  /** Finds the numbers of the `count` loaded samples; returns their loss. */
  run(step: number, shard: number, count: number): number {
    this.#host.enter("forward");
    const { shared } = this.#estimator;
    const alike = <T>(body: () => T): T =>
      // The same random numbers at every point: differences are then those of the weights.
      this.#source.during(count, () => withGenerator(this.#noise.restart(step, shard), body));
    this.#numbers = scope(() =>
      shared.measure({
        parameters: this.#trial.parameters,
        step,
        evaluate: () => alike(() => this.#lossHere(count)),
        record: () => alike(() => this.#lossOf(count)),
      }),
    );
    // Which parameters the loss depends on shows in no number.
    this.#host.found(shard, this.#trial.parameters);
    return shared.lossOf(this.#numbers);
  }

  /** Brings the numbers of the last run to the shared table, times the weight of the shard; 0 without any. */
  bring(shard: number, weight: number): void {
    const row = rowOf(this.#layout.numbers!, shard);
    for (let i = 0; i < row.length; i++) row[i] = weight === 0 ? 0 : this.#numbers[i]! * weight;
  }

  /** Writes the elements `from` … `to`-1 of the batch's gradient, once all numbers are there and some shard has weight. */
  rebuild(step: number, [from, to]: readonly [from: number, to: number]): void {
    const { numbers, average, parameters } = this.#layout;
    const weight = sumOverShards(this.#layout, "shardWeights");
    const means = Array.from({ length: numbers!.columns }, (_, i) => sumOfColumn(numbers!, i) / weight);
    scope(() => {
      const gradients = this.#estimator.shared.gradients(this.#trial.parameters, step, means);
      parameters.forEach(({ start, size }, index) => {
        const [first, end] = [Math.max(from, start), Math.min(to, start + size)];
        if (first >= end) return;
        const elements = gradients[index]!.data().subarray(first - start, end - start);
        heap().float32.set(elements, average / 4 + first);
      });
    });
  }

  #lossOf(count: number): Tensor {
    const { step, epoch } = this.#place;
    const batch = this.#source.batch(count);
    const loss = checkLoss(this.#job.loss(this.#trial.model, batch, { ...this.#job.context, step, epoch }));
    this.#host.checkTraining();
    return loss;
  }

  readonly #forward = (count: number): void => {
    this.#loss.copyFrom(cast(this.#lossOf(count), "float32"));
  };

  #lossHere(count: number): number {
    const run = () => noGrad(() => scope(() => this.#evaluate(count)));
    try {
      run();
    } catch (error) {
      continueEagerly(error, (reason) => {
        this.#evaluate = this.#forward;
        this.#host.foundEager(reason);
      });
      run();
    }
    return this.#loss.item();
  }
}
