// Averaging the shards' gradients in fixed order, and updating the weights, one slice per worker. Every element is
// added up in the order of the shards, never in that of arrival, and on its own: the bits depend neither on the
// number of workers nor on where the slices are cut.
import type { Optimizer } from "@shardgrad/core";
import { Tensor } from "@shardgrad/core";
import { heap, kernelsFor } from "@shardgrad/core/engine";
import { cacheLineBytes } from "./control.ts";
import { JobError } from "./errors.ts";
import type { Layout } from "./layout.ts";

const floatsPerLine = cacheLineBytes / 4;

/** A stretch of an average that stays in the second-level cache, beside weights and optimizer state: 128 KiB. */
const elementsInCache = 32768;

/** Elements `from` … `to`-1 of the flat arrays that worker `rank` of `workers` is responsible for: whole cache lines. */
export function sliceOf(flatSize: number, rank: number, workers: number): [from: number, to: number] {
  const lines = flatSize / floatsPerLine;
  const cut = (part: number) => Math.floor((lines * part) / workers) * floatsPerLine;
  return [cut(rank), cut(rank + 1)];
}

/** Averages and updates one slice of the weights. */
export class SliceReducer {
  readonly #layout: Layout;
  readonly #from: number;
  readonly #to: number;
  readonly #weights: Tensor;

  constructor(layout: Layout, [from, to]: readonly [from: number, to: number]) {
    this.#layout = layout;
    this.#from = from;
    this.#to = to;
    this.#weights = Tensor.allocate([layout.shards], "float32", "shard weights").keep();
  }

  /**
   * Computes what each shard counts in the average; comes before it in every step.
   *
   * @throws JobError if the batch has no weight at all
   */
  weighShards(): void {
    const total = sumOverShards(this.#layout, "shardWeights");
    if (!(total > 0)) {
      throw new JobError(
        `train: the weights of a step's samples sum to ${total}, expected more than 0; leave out samples without weight, or use larger batches`,
      );
    }
    const weights = this.#weights.data();
    perShard(this.#layout, "shardWeights").forEach((weight, shard) => {
      weights[shard] = weight / total;
    });
  }

  /**
   * `average = sum over shards of (weight of shard / weight of batch) * gradient of shard`: the gradient of the mean
   * loss over the batch, also when its shards are of different size. The weight of a shard is its number of samples,
   * or the sum of their weights.
   */
  average(): void {
    this.#averageElements(this.#from, this.#to);
  }

  /** Steps the optimizer over the part of each parameter that lies in the slice. */
  update(optimizer: Optimizer): void {
    this.#overStretches(optimizer, (index, from, to) => optimizer.update(index, from, to));
  }

  /** `average` and `update`, so much at a time that an average is still in the cache when it is used. */
  averageAndUpdate(optimizer: Optimizer): void {
    this.#overStretches(optimizer, (index, from, to, start) => {
      for (let first = from; first < to; first += elementsInCache) {
        const end = Math.min(to, first + elementsInCache);
        this.#averageElements(start + first, start + end);
        optimizer.update(index, first, end);
      }
    });
  }

  dispose(): void {
    this.#weights.dispose();
  }

  #averageElements(from: number, to: number): void {
    const { gradients, average, flatSize, shards } = this.#layout;
    kernelsFor("float32").average(
      to - from,
      shards,
      gradients + from * 4,
      flatSize,
      this.#weights.address,
      average + from * 4,
    );
  }

  /** Begins an update, and visits the elements `from` … `to`-1 of each parameter, which starts at `start`, in the slice. */
  #overStretches(
    optimizer: Optimizer,
    visit: (index: number, from: number, to: number, start: number) => void,
  ): void {
    optimizer.advance();
    const base = this.#layout.weights;
    optimizer.parameters.forEach((parameter, index) => {
      const start = (parameter.address - base) / 4;
      const from = Math.max(this.#from, start) - start;
      const to = Math.min(this.#to, start + parameter.size) - start;
      if (from < to) visit(index, from, to, start);
    });
  }
}

/** What each shard has put into one of the arrays that have a float64 per shard. */
function perShard(layout: Layout, name: "losses" | "shardWeights"): Float64Array {
  const start = layout[name] / 8;
  return heap().float64.subarray(start, start + layout.shards);
}

/** The sum over the shards of a step, in their order: of losses times weights, or of weights. */
export function sumOverShards(layout: Layout, name: "losses" | "shardWeights"): number {
  let total = 0;
  for (const value of perShard(layout, name)) total += value;
  return total;
}
