// Averages the shards' gradients in a fixed order, and updates the weights, one slice per worker. Every element is
// summed independently, in a pairwise tree over the shards (core's pairwise.ts), never in the order of arrival. So the
// bits depend neither on the number of workers nor on where the slices are cut.
import type { EMA, Optimizer } from "@shardgrad/core";
import { Tensor } from "@shardgrad/core";
import { elementwiseKernels, trainingKernels } from "@shardgrad/core/engine";
import type { Layout } from "../shared/layout.ts";
import { sumOfColumn } from "../shared/tables/float64-table.ts";
import { weightOf } from "./gradient-sums.ts";

/** Who computes the averages: the workers, slice by slice, or the coordinator alone. Both give the same bits. */
export type ReduceMode = "workers" | "coordinator";

/** A part of an average that stays in the second-level cache with its weights and optimizer state: 128 KiB. */
const elementsInCache = 32768;

/** Averages and updates one slice of the weights. */
export class SliceReducer {
  readonly #layout: Layout;
  readonly #from: number;
  readonly #to: number;
  /** Where the sum of each block is, its weight (at the place of its first shard), and the common factor. */
  readonly #slots: Tensor;
  readonly #weights: Tensor;
  #scale = 1;
  readonly #factor: Tensor;

  constructor(layout: Layout, [from, to]: readonly [from: number, to: number]) {
    this.#layout = layout;
    this.#from = from;
    this.#to = to;
    this.#weights = Tensor.allocate([layout.shards], "float32", "shard weights").keep();
    this.#slots = Tensor.allocate([layout.shards], "int32", "gradient slots")
      .keep()
      .copyFrom(layout.slots.slotOf.map((slot) => slot ?? 0));
    this.#factor = Tensor.allocate([], "float32", "clipping").keep();
  }

  /** Computes the weight of each block of shards. Call it before `average` in every step with any weight. */
  weighShards(): void {
    const layout = this.#layout;
    const weights = this.#weights.data().fill(0);
    for (const block of layout.slots.blocks) weights[block.from] = weightOf(layout, block);
    this.#scale = layout.shards === 1 ? 1 : layout.shardSize / sumOverShards(layout, "shardWeights");
  }

  /**
   * `average = (sum over shards of weight of shard * gradient of shard) / weight of batch`: the gradient of the mean
   * loss over the batch, even if its shards differ in size. The weight of a shard is its number of samples, or the sum
   * of their weights.
   */
  average(): void {
    this.#averageElements(this.#from, this.#to);
  }

  /** Multiplies the slice's averages, in place. */
  scale(factor: number): void {
    const [n, at] = [this.#to - this.#from, this.#layout.average + this.#from * 4];
    this.#factor.data()[0] = factor;
    elementwiseKernels("float32").mul(1, n, at, 0, 1, this.#factor.address, 0, 0, at);
  }

  /** Steps the optimizer, and then the average of the weights, over the slice's part of each parameter. */
  update(optimizer: Optimizer, ema?: EMA): void {
    this.#overStretches(optimizer, ema, (index, from, to) => optimizer.update(index, from, to));
  }

  /** `average` and `update` in portions, so that an average is still cached when it is used. */
  averageAndUpdate(optimizer: Optimizer, ema?: EMA): void {
    this.#overStretches(optimizer, ema, (index, from, to, start) => {
      this.#averageElements(start + from, start + to);
      optimizer.update(index, from, to);
    });
  }

  dispose(): void {
    this.#slots.dispose();
    this.#weights.dispose();
    this.#factor.dispose();
  }

  #averageElements(from: number, to: number): void {
    const { gradients, average, flatSize, shards } = this.#layout;
    trainingKernels("float32").average(
      to - from,
      shards,
      gradients + from * 4,
      this.#slots.address,
      flatSize,
      this.#weights.address,
      this.#scale,
      average + from * 4,
    );
  }

  /**
   * Begins an update, and visits the elements `from` … `to`-1 of each parameter in the slice, which starts at `start`,
   * in portions that stay cached.
   */
  #overStretches(
    optimizer: Optimizer,
    ema: EMA | undefined,
    visit: (index: number, from: number, to: number, start: number) => void,
  ): void {
    optimizer.advance();
    ema?.advance();
    const base = this.#layout.weights;
    optimizer.parameters.forEach((parameter, index) => {
      const start = (parameter.address - base) / 4;
      const from = Math.max(this.#from, start) - start;
      const to = Math.min(this.#to, start + parameter.size) - start;
      const number = ema?.parameters.indexOf(parameter);
      for (let first = from; first < to; first += elementsInCache) {
        const end = Math.min(to, first + elementsInCache);
        visit(index, first, end, start);
        if (ema) ema.updateRange(number!, first, end);
      }
    });
  }
}

/** The sum over the shards of a step, pairwise: of losses times weights, or of weights. */
export function sumOverShards(layout: Layout, name: "losses" | "shardWeights"): number {
  return sumOfColumn(layout[name], 0);
}
