// Kernels that reduce one axis, or work on whole rows. See ../table.ts for what all signatures have in common.

/** `y[o,i]` = reduction over r of `x[o,r,i]`; both contiguous. */
export type ReduceKernel = (outer: number, length: number, inner: number, x: number, y: number) => void;

/** A function of each row of a contiguous [rows, cols]. */
export type RowKernel = (rows: number, cols: number, x: number, y: number) => void;

export interface ReduceKernels {
  sum: ReduceKernel;
  max: ReduceKernel;
  /** Index (int32) of the first largest element; a NaN counts as the largest. */
  argmax: ReduceKernel;
  logSoftmax: RowKernel;
}
