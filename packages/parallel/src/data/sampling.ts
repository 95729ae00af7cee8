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

/** How a job wants its training samples drawn; each exactly once an epoch, in a new order each time, if absent. */
export interface Sampling<Name extends string = string> {
  /** false: in the order of the data set, in every epoch; true if absent. */
  shuffle?: boolean;
  /** true: every step has a full batch, and what is left at the end of an epoch is not seen in it; false if absent. */
  dropLast?: boolean;
  /** Draws with replacement, each sample with a probability in proportion to its weight. */
  weights?: PerSample<Name>;
  /** Draws with replacement, each class (an integer per sample) equally often, each sample of a class, too. */
  balance?: PerSample<Name>;
  /** Samples drawn in an epoch with `weights` or `balance`; as many as there are to train on if absent. */
  samples?: number;
}

/** What decides the samples of every step, in a form that crosses threads. */
export interface SamplingPlan {
  /** Samples drawn in one epoch. */
  samples: number;
  /** Samples per step. */
  batchSize: number;
  shards: number;
  seed: number;
  order: SampleOrder;
}

/** `rows` is the number of samples that there are to train on. */
export type SampleOrder =
  | { kind: "shuffled"; rows: number }
  | { kind: "as stored" }
  /** With the byte where the running sums of the weights start. */
  | { kind: "weighted"; rows: number; sums: number };

const parts = optionNames<Sampling>({
  shuffle: true,
  dropLast: true,
  weights: true,
  balance: true,
  samples: true,
});

/** Checks what needs no data. */
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

/** Samples per step and per epoch, of `rows` samples to train on: a batch is at most all of them. */
export function planEpoch(
  { samples, dropLast = false }: Sampling,
  rows: number,
  batchSize: number,
): Pick<SamplingPlan, "samples" | "batchSize"> {
  const drawn = samples ?? rows;
  const size = Math.min(batchSize, drawn);
  return { samples: dropLast ? drawn - (drawn % size) : drawn, batchSize: size };
}

/** How the samples of a training set are ordered; for weights, puts their running sums into shared memory. */
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

/** Number of samples of step `step` (counted from 0 over all epochs). */
export function samplesInStep(plan: Pick<SamplingPlan, "samples" | "batchSize">, step: number): number {
  const start = (step % stepsPerEpoch(plan)) * plan.batchSize;
  return Math.min(plan.batchSize, plan.samples - start);
}

/** Places `from` … `to`-1 of the batch that belong to `shard`, when the batch has `count` samples. */
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

/** Reads off the samples of any shard of any step. */
export class Sampler {
  readonly #plan: SamplingPlan;
  readonly #perEpoch: number;
  #epoch = -1;
  #draw: (place: number) => number = (place) => place;

  constructor(plan: SamplingPlan) {
    this.#plan = plan;
    this.#perEpoch = stepsPerEpoch(plan);
  }

  /** Samples of a shard at most. */
  get largestShard(): number {
    return Math.ceil(this.#plan.batchSize / this.#plan.shards);
  }

  /** The epoch that a step belongs to, both counted from 0. */
  epochOf(step: number): number {
    return Math.floor(step / this.#perEpoch);
  }

  /** For draws with replacement: the number, in its epoch, of the first draw of one shard. */
  firstDraw(step: number, shard: number): number | undefined {
    if (this.#plan.order.kind !== "weighted") return undefined;
    const count = samplesInStep(this.#plan, step);
    const [from] = shardRange(count, this.#plan.shards, shard);
    return (step % this.#perEpoch) * this.#plan.batchSize + from;
  }

  /** Writes the sample numbers of one shard to `into`, from its start; returns how many there are. */
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
