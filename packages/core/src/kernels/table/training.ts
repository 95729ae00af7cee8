// Averaging of gradients and optimizer updates. See ../table.ts for what all signatures have in common.

export interface TrainingKernels {
  /**
   * `y[i] = sum over s of weights[s] * x[s*stride + i]`, in the order of s, shards of weight 0 left out: the
   * average of `shards` gradients. Each product and sum is rounded by itself, so slicing cannot change a bit.
   */
  average(n: number, shards: number, x: number, stride: number, weights: number, y: number): void;
  /** One SGD update; `cells` as in `optim/sgd.ts`; `velocity` may be 0. */
  sgd(n: number, w: number, g: number, velocity: number, cells: number): void;
  /** One Adam update; `cells` as in `optim/adam.ts`. */
  adam(n: number, w: number, g: number, m: number, v: number, cells: number): void;
}
