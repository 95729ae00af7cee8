// Kernels that fill, cast, and apply functions to single elements. See ../table.ts for what all signatures have in common.

/** `y[i] = f(x[i])`, i < n; both contiguous; `y` may be `x`. */
export type UnaryKernel = (n: number, x: number, y: number) => void;

/**
 * `y[r,c] = f(a[r*aRow + c*aCol], b[r*bRow + c*bCol])`; `y` contiguous [rows, cols].
 * Column strides are 0 or 1, so that every broadcast of two axes is one call.
 */
export type BinaryKernel = (
  rows: number,
  cols: number,
  a: number,
  aRow: number,
  aCol: number,
  b: number,
  bRow: number,
  bCol: number,
  y: number,
) => void;

/** Functions of one element. */
export interface UnaryKernels {
  neg: UnaryKernel;
  exp: UnaryKernel;
  log: UnaryKernel;
  sqrt: UnaryKernel;
  /** `max(x, 0)`; NaN stays NaN. */
  relu: UnaryKernel;
}

/** Functions of two elements, with broadcasting. */
export interface BinaryKernels {
  add: BinaryKernel;
  sub: BinaryKernel;
  mul: BinaryKernel;
  div: BinaryKernel;
  /** 1 where equal, else 0. */
  equal: BinaryKernel;
  /** 1 where a > b, else 0. */
  greater: BinaryKernel;
}

export interface ElementwiseKernels extends UnaryKernels, BinaryKernels {
  /** `y[i] = value` */
  fill(n: number, value: number, y: number): void;
  /** `y[i] = x[i]` converted from the dtype with code `source` (see `dtypeCode`). */
  cast(n: number, source: number, x: number, y: number): void;
  /** `y[i] = x[i] > 0 ? dy[i] : 0`, the gradient of `relu`. */
  reluGrad(n: number, dy: number, x: number, y: number): void;
}
