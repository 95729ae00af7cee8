// Kernels that reduce one axis, or scan along it. ../table.ts explains all signatures.

/** `y[o,i]` = reduction over r of `x[o,r,i]`; both contiguous. */
export type ReduceKernel = (outer: number, length: number, inner: number, x: number, y: number) => void;

/** Reductions that keep the dtype of x. Extrema of no elements are infinite; NaN ranks both highest and lowest. */
export interface ReduceToValueKernels {
  sum: ReduceKernel;
  prod: ReduceKernel;
  max: ReduceKernel;
  min: ReduceKernel;
}

export interface ReduceKernels extends ReduceToValueKernels {
  /**
   * `y[o,i]` = sum over r of `(x[o,r,i] - mean)²`, divided by `divisor`; its root if `root` is 1. The mean is 0 unless
   * `centered` is 1. If the result is representable, intermediate values neither overflow nor underflow.
   */
  spread(
    outer: number,
    length: number,
    inner: number,
    x: number,
    y: number,
    centered: number,
    divisor: number,
    root: number,
  ): void;
  /** `y[o,r,i]` = `x[o,r,i]` without its mean over r. */
  center: ReduceKernel;
  /** Index (int32) of the first largest element; NaN ranks highest. */
  argmax: ReduceKernel;
  /** Index (int32) of the first smallest element; NaN ranks lowest. */
  argmin: ReduceKernel;
  /** `y[o,r,i]` = product of all `x[o,s,i]` with s ≠ r. */
  prodOthers: ReduceKernel;
  /** `y[o,r,i]` = sum of `x[o,s,i]` over s ≤ r, or s ≥ r where `reverse` is 1. */
  cumsum(outer: number, length: number, inner: number, x: number, y: number, reverse: number): void;
}
