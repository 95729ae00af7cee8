// Kernels that draw random numbers. ../table.ts explains all signatures.
//
// `cells` are 8 int32 in memory that select a Philox stream (see `Generator` in ../../random.ts): the low and the high
// word of the seed, shard, step, stream, the low and the high word of a first block, and one unused. Number i is drawn
// at `position + i` from that block on. Everything that changes from step to step is in the cells, so that a recorded
// call draws new numbers in every replay.

export interface RandomKernels {
  /** Uniform in [low, high). */
  uniform(n: number, low: number, high: number, cells: number, position: number, y: number): void;
  /** Normal, by the Box-Muller transform. */
  normal(n: number, mean: number, std: number, cells: number, position: number, y: number): void;
  /** `mask[i]` (uint8) = 1 if a uniform number in 0 … 2^24 - 1 is at least `threshold`, else 0. `position` is a multiple of 4. */
  dropoutMask(n: number, threshold: number, cells: number, position: number, mask: number): void;
  /** `y[i] = mask[i] != 0 ? x[i] * scale : 0`, uint8 mask; `y` may be `x`. */
  dropout(n: number, scale: number, x: number, mask: number, y: number): void;
}
