// Softmax and related functions on rows. ../table.ts explains all signatures.

/** A function of each row of a contiguous [rows, cols], cols > 0. */
export type RowKernel = (rows: number, cols: number, x: number, y: number) => void;

/** `dx` from `dy` and the output `y` of a row kernel; all contiguous [rows, cols]. */
export type RowGradKernel = (rows: number, cols: number, dy: number, y: number, dx: number) => void;

export interface SoftmaxKernels {
  /** `exp(x) / sum(exp(x))` */
  softmax: RowKernel;
  /** `y (dy - sum(dy y))` */
  softmaxGrad: RowGradKernel;
  /** `x - log(sum(exp(x)))` */
  logSoftmax: RowKernel;
  /** `dy - exp(y) sum(dy)` */
  logSoftmaxGrad: RowGradKernel;
  /** `log(sum(exp(x)))`: one element per row. */
  logSumExp: RowKernel;
}
