// Kernels that draw random numbers. See ../table.ts for what all signatures have in common.

export interface RandomKernels {
  /** Uniform in [low, high) from the Philox stream of (key0, key1, stream), positions `position` … +n. */
  uniform(
    n: number,
    low: number,
    high: number,
    key0: number,
    key1: number,
    stream: number,
    position: number,
    y: number,
  ): void;
  /** Normal, by Box and Muller from the same streams. */
  normal(
    n: number,
    mean: number,
    std: number,
    key0: number,
    key1: number,
    stream: number,
    position: number,
    y: number,
  ): void;
}
