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
  /** With the byte offset of the running sums of the weights. */
  | { kind: "weighted"; rows: number; sums: number };

const parts = optionNames<Sampling>({
  shuffle: true,
  dropLast: true,
  weights: true,
  balance: true,
  samples: true,
});

/** The checks that need no data. */
export function checkSampling(what: string, sampling: unknown): void {
  const problem = (reason: string) => new JobError(`${what} ${reason}`);
  checkParts(what, sampling, parts);
  const { shuffle, dropLast, weights, balance, samples } = sampling as Sampling;
  for (const [name, value] of Object.entries({ shuffle, dropLast })) {
    if (value !== undefined && typeof value !== "boolean")
      throw problem(`${name} is ${value}, expected a boolean`);
  }
  const withReplacement = weights !== undefined || balance !== undefined;
  if (weights !== undefined && balance !== undefined)
    throw problem("has weights and balance; give one of them");
  if (withReplacement && shuffle === false) {
    throw problem("has shuffle: false, but draws by weights are random; leave one of the two out");
  }
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
  { shuffle = true, weights, balance }: Sampling,
  train: StoredColumns,
  allocate: (bytes: number) => Storage,
): SampleOrder {
  const rows = train.samples;
  const spec = weights ?? balance;
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

/** The sample at each place of one epoch. */
function drawsOf({ order, seed }: SamplingPlan, epoch: number): (place: number) => number {
  switch (order.kind) {
    case "shuffled": {
      const permutation = new Permutation(order.rows, seed, epoch);
      return (place) => permutation.at(place);
    }
    case "as stored":
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
    const { batchSize, shards } = this.#plan;
    const epoch = this.epochOf(step);
    if (epoch !== this.#epoch) {
      this.#draw = drawsOf(this.#plan, epoch);
      this.#epoch = epoch;
    }
    const start = (step % this.#perEpoch) * batchSize;
    const [from, to] = shardRange(samplesInStep(this.#plan, step), shards, shard);
    for (let place = from; place < to; place++) into[place - from] = this.#draw(start + place);
    return to - from;
  }
}
