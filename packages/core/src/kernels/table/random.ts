// Kernels that draw random numbers. See ../table.ts for what all signatures have in common.
//
// `cells` are 8 int32 in memory that say which Philox stream to read (see `Generator` in ../../random.ts): the low and
// the high word of the seed, shard, step, stream, the low and the high word of a first block, and one unused. Number i is
// drawn at `position + i` from that block on. What changes from step to step is in the cells, so that a call that was
// recorded once draws new numbers when it is done again.

export interface RandomKernels {
  /** Uniform in [low, high). */
  uniform(n: number, low: number, high: number, cells: number, position: number, y: number): void;
  /** Normal, by Box and Muller. */
  normal(n: number, mean: number, std: number, cells: number, position: number, y: number): void;
  /**
   * `mask[i]` (uint8) = 1 if a number uniform in 0 … 2^24 - 1 is at least `threshold`, else 0. `position` is a multiple
   * of 4.
   */
  dropoutMask(n: number, threshold: number, cells: number, position: number, mask: number): void;
  /** `y[i] = mask[i] != 0 ? x[i] * scale : 0`, uint8 mask. */
  dropout(n: number, scale: number, x: number, mask: number, y: number): void;
}
