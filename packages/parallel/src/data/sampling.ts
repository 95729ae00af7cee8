// Which samples each shard of each step sees. Everything follows from (seed, epoch, step): no state, no messages,
// and any step can be computed by itself.

import { Permutation } from "@shardgrad/core";
import type { Storage } from "@shardgrad/core/engine";
import { heap, optionNames } from "@shardgrad/core/engine";
import { checkParts } from "../check-parts.ts";
import { JobError } from "../errors.ts";
import type { StoredColumns } from "./columns.ts";
import type { PerSample } from "./dataset.ts";
import { perSampleOf } from "./per-sample.ts";
import { balancedWeights, runningSums, weightedDraw } from "./weighted-draws.ts";

/** How a job draws its training samples. By default each comes exactly once an epoch, reshuffled every epoch. */
export interface Sampling<Name extends string = string> {
  /** false: keeps the order of the data set in every epoch. Default true. */
  shuffle?: boolean;
  /** true: every step has a full batch, and an epoch leaves out the remaining samples. Default false. */
  dropLast?: boolean;
  /**
   * true: every shard has samples of its own, neighbours in the data set, and shuffles among these. So a machine only reads
   * those of its shards. Default false: all shards draw from all samples.
   */
  byShard?: boolean;
  /** Draws with replacement; a sample's probability is proportional to its weight. */
  weights?: PerSample<Name>;
  /** Draws with replacement; every class (an integer per sample) is equally likely, and so is every sample within a class. */
  balance?: PerSample<Name>;
  /** Draws per epoch with `weights` or `balance`; by default as many as there are training samples. */
  samples?: number;
}

/** Everything that decides which samples a step sees. Can be sent to other threads. */
export interface SamplingPlan {
  /** Samples drawn in one epoch. */
  samples: number;
  /** Samples per step. */
  batchSize: number;
  shards: number;
  seed: number;
  order: SampleOrder;
}

/** `rows` is the number of training samples. */
export type SampleOrder =
  | { kind: "shuffled"; rows: number }
  | { kind: "as stored" }
  /** Each shard has samples of its own, and shuffles these or keeps their order. */
  | { kind: "by shard"; isShuffled: boolean }
  /** With the byte offset of the running sums of the weights. */
  | { kind: "weighted"; rows: number; sums: number };

const parts = optionNames<Sampling>({
  shuffle: true,
  dropLast: true,
  byShard: true,
  weights: true,
  balance: true,
  samples: true,
});

/** The checks that need no data. */
export function checkSampling(what: string, sampling: unknown): void {
  const problem = (reason: string) => new JobError(`${what} ${reason}`);
  checkParts(what, sampling, parts);
  const { shuffle, dropLast, byShard, weights, balance, samples } = sampling as Sampling;
  for (const [name, value] of Object.entries({ shuffle, dropLast, byShard })) {
    if (value !== undefined && typeof value !== "boolean")
      throw problem(`${name} is ${value}, expected a boolean`);
  }
  const withReplacement = weights !== undefined || balance !== undefined;
  if (weights !== undefined && balance !== undefined)
    throw problem("has weights and balance; give one of them");
  if (withReplacement && shuffle === false) {
    throw problem("has shuffle: false, but draws by weights are random; leave one of the two out");
  }
  if (withReplacement && byShard)
    throw problem("has byShard, but draws by weights are from all samples; leave one of the two out");
  if (samples === undefined) return;
  if (!withReplacement) throw problem("has samples, which is for draws by weights or balance");
  if (!(Number.isInteger(samples) && samples >= 1 && samples < 2 ** 31)) {
    throw problem(`samples is ${samples}, expected an integer from 1 to 2^31 - 1`);
  }
}

/** Samples per step and per epoch for `rows` training samples. A batch never exceeds the set. */
export function planEpoch(
  { samples, dropLast = false }: Sampling,
  rows: number,
  batchSize: number,
): Pick<SamplingPlan, "samples" | "batchSize"> {
  const drawn = samples ?? rows;
  const size = Math.min(batchSize, drawn);
  return { samples: dropLast ? drawn - (drawn % size) : drawn, batchSize: size };
}

/** How a training set is ordered. For weights, puts their running sums into shared memory. */
export function planOrder(
  { shuffle = true, byShard = false, weights, balance }: Sampling,
  train: StoredColumns,
  allocate: (bytes: number) => Storage,
): SampleOrder {
  const rows = train.samples;
  const spec = weights ?? balance;
  if (byShard) return { kind: "by shard", isShuffled: shuffle };
  if (spec === undefined) return shuffle ? { kind: "shuffled", rows } : { kind: "as stored" };
  const sums = runningSums(
    "sampling",
    weights === undefined
      ? balancedWeights(perSampleOf("sampling.balance", spec, train, "classes"))
      : perSampleOf("sampling.weights", spec, train, "weights"),
  );
  const { offset } = allocate(sums.byteLength);
  heap().float64.set(sums, offset / 8);
  return { kind: "weighted", rows, sums: offset };
}

/** Steps in one epoch; the last may have fewer samples. */
export function stepsPerEpoch(plan: Pick<SamplingPlan, "samples" | "batchSize">): number {
  return Math.ceil(plan.samples / plan.batchSize);
}

/** Samples in step `step`, counted from 0 over all epochs. */
export function samplesInStep(plan: Pick<SamplingPlan, "samples" | "batchSize">, step: number): number {
  const start = (step % stepsPerEpoch(plan)) * plan.batchSize;
  return Math.min(plan.batchSize, plan.samples - start);
}

/** Places `from` … `to`-1 of a batch of `count` samples belong to `shard`. */
export function shardRange(count: number, shards: number, shard: number): [from: number, to: number] {
  return [Math.floor((count * shard) / shards), Math.floor((count * (shard + 1)) / shards)];
}

/** Samples of one shard in an epoch, and in each of its steps but the last. */
function samplesOfShard(plan: SamplingPlan, shard: number): { inEpoch: number; inStep: number } {
  const { shards } = plan;
  const steps = stepsPerEpoch(plan);
  const countIn = (step: number) => {
    const [from, to] = shardRange(samplesInStep(plan, step), shards, shard);
    return to - from;
  };
  const inStep = countIn(0);
  return { inEpoch: (steps - 1) * inStep + countIn(steps - 1), inStep };
}

/** With samples by shard: the sample at each place of a step of one shard. */
function drawsOfShard(
  plan: SamplingPlan,
  isShuffled: boolean,
  epoch: number,
  shard: number,
): (step: number, place: number) => number {
  let start = 0;
  for (let before = 0; before < shard; before++) start += samplesOfShard(plan, before).inEpoch;
  const { inEpoch, inStep } = samplesOfShard(plan, shard);
  if (!isShuffled || inEpoch === 0) return (step, place) => start + step * inStep + place;
  // A permutation for each shard.
  const permutation = new Permutation(inEpoch, plan.seed, epoch * plan.shards + shard);
  return (step, place) => start + permutation.at(step * inStep + place);
}

/** The sample at each place of one epoch. */
function drawsOf({ order, seed }: SamplingPlan, epoch: number): (place: number) => number {
  switch (order.kind) {
    case "shuffled": {
      const permutation = new Permutation(order.rows, seed, epoch);
      return (place) => permutation.at(place);
    }
    case "as stored":
    case "by shard":
      return (place) => place;
    case "weighted": {
      const sums = heap().float64.subarray(order.sums / 8, order.sums / 8 + order.rows);
      return (place) => weightedDraw(sums, seed, epoch, place);
    }
  }
}

/** Returns the samples of any shard of any step. */
export class Sampler {
  readonly #plan: SamplingPlan;
  readonly #perEpoch: number;
  #epoch = -1;
  #draw: (place: number) => number = (place) => place;
  /** With samples by shard, by shard, for the epoch. */
  readonly #drawsOfShards = new Map<number, (step: number, place: number) => number>();

  constructor(plan: SamplingPlan) {
    this.#plan = plan;
    this.#perEpoch = stepsPerEpoch(plan);
  }

  /** The most samples that a shard can have. */
  get largestShard(): number {
    return Math.ceil(this.#plan.batchSize / this.#plan.shards);
  }

  /** The epoch of a step; both count from 0. */
  epochOf(step: number): number {
    return Math.floor(step / this.#perEpoch);
  }

  /** With replacement: the number, within its epoch, of a shard's first draw. */
  firstDraw(step: number, shard: number): number | undefined {
    if (this.#plan.order.kind !== "weighted") return undefined;
    const count = samplesInStep(this.#plan, step);
    const [from] = shardRange(count, this.#plan.shards, shard);
    return (step % this.#perEpoch) * this.#plan.batchSize + from;
  }

  /** Writes the sample numbers of one shard to the start of `into`, and returns how many there are. */
  shardSamples(step: number, shard: number, into: Int32Array): number {
    const { batchSize, shards, order } = this.#plan;
    const epoch = this.epochOf(step);
    if (epoch !== this.#epoch) {
      this.#draw = drawsOf(this.#plan, epoch);
      this.#drawsOfShards.clear();
      this.#epoch = epoch;
    }
    const [from, to] = shardRange(samplesInStep(this.#plan, step), shards, shard);
    if (order.kind === "by shard") {
      const draw = this.#drawsOfShards.get(shard) ?? drawsOfShard(this.#plan, order.isShuffled, epoch, shard);
      this.#drawsOfShards.set(shard, draw);
      for (let place = 0; place < to - from; place++) into[place] = draw(step % this.#perEpoch, place);
      return to - from;
    }
    const start = (step % this.#perEpoch) * batchSize;
    for (let place = from; place < to; place++) into[place - from] = this.#draw(start + place);
    return to - from;
  }
}
