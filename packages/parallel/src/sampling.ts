// Which samples each shard of each step sees. Everything follows from (seed, epoch, step): no state, no messages,
// and any step can be computed by itself.
import { Permutation } from "@shardgrad/core";

export interface SamplingPlan {
  /** Training samples. */
  samples: number;
  /** Samples per step. */
  batchSize: number;
  shards: number;
  seed: number;
}

/** Steps in one epoch; the last may have fewer samples. */
export function stepsPerEpoch(plan: Pick<SamplingPlan, "samples" | "batchSize">): number {
  return Math.ceil(plan.samples / plan.batchSize);
}

/** Number of samples of step `step` (counted from 0 over all epochs). */
export function samplesInStep(plan: SamplingPlan, step: number): number {
  const start = (step % stepsPerEpoch(plan)) * plan.batchSize;
  return Math.min(plan.batchSize, plan.samples - start);
}

/** Places `from` … `to`-1 of the batch that belong to `shard`, when the batch has `count` samples. */
export function shardRange(count: number, shards: number, shard: number): [from: number, to: number] {
  return [Math.floor((count * shard) / shards), Math.floor((count * (shard + 1)) / shards)];
}

/** Reads off the samples of any shard of any step. */
export class Sampler {
  readonly #plan: SamplingPlan;
  #epoch = -1;
  #order: Permutation | undefined;

  constructor(plan: SamplingPlan) {
    this.#plan = plan;
  }

  /** Writes the sample numbers of one shard to `into`, from its start; returns how many there are. */
  shardSamples(step: number, shard: number, into: Int32Array): number {
    const { samples, batchSize, shards, seed } = this.#plan;
    const perEpoch = stepsPerEpoch(this.#plan);
    const epoch = Math.floor(step / perEpoch);
    if (epoch !== this.#epoch || !this.#order) {
      this.#order = new Permutation(samples, seed, epoch);
      this.#epoch = epoch;
    }
    const start = (step % perEpoch) * batchSize;
    const [from, to] = shardRange(samplesInStep(this.#plan, step), shards, shard);
    for (let place = from; place < to; place++) into[place - from] = this.#order.at(start + place);
    return to - from;
  }
}
