// Kernels that fill, cast, and apply functions to single elements. ../table.ts explains all signatures.

/** `y[i] = f(x[i])`, i < n; both contiguous; `y` may be `x`. */
export type UnaryKernel = (n: number, x: number, y: number) => void;

/**
 * `y[r,c] = f(a[r*aRow + c*aCol], b[r*bRow + c*bCol])`; `y` contiguous [rows, cols]. Column strides are 0 or 1, so any
 * broadcast of two axes is one call. `y` may be an operand that is contiguous, too.
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

/** The same for three operands, each with its row and column strides. */
export type TernaryKernel = (
  rows: number,
  cols: number,
  ...operandsAndY: [
    a: number,
    aRow: number,
    aCol: number,
    b: number,
    bRow: number,
    bCol: number,
    c: number,
    cRow: number,
    cCol: number,
    y: number,
  ]
) => void;

/** Functions of one element. */
export interface UnaryKernels {
  neg: UnaryKernel;
  abs: UnaryKernel;
  /** 1 or -1 with the sign of x; zeros and NaN stay what they are. */
  sign: UnaryKernel;
  square: UnaryKernel;
  reciprocal: UnaryKernel;
  sqrt: UnaryKernel;
  /** `1 / sqrt(x)` */
  rsqrt: UnaryKernel;
  exp: UnaryKernel;
  /** `exp(x) - 1`, exact near 0. */
  expm1: UnaryKernel;
  log: UnaryKernel;
  /** `log(1 + x)`, exact near 0. */
  log1p: UnaryKernel;
  sin: UnaryKernel;
  cos: UnaryKernel;
  /** The error function. */
  erf: UnaryKernel;
}

/** Functions of two elements, with broadcasting. */
export interface BinaryKernels {
  add: BinaryKernel;
  sub: BinaryKernel;
  mul: BinaryKernel;
  div: BinaryKernel;
  pow: BinaryKernel;
  /** The larger element; NaN if either is NaN. */
  maximum: BinaryKernel;
  /** The smaller element; NaN if either is NaN. */
  minimum: BinaryKernel;
  // Comparisons: 1 where true, else 0.
  equal: BinaryKernel;
  notEqual: BinaryKernel;
  less: BinaryKernel;
  lessEqual: BinaryKernel;
  greater: BinaryKernel;
  greaterEqual: BinaryKernel;
}

/** Functions of three elements, with broadcasting. */
export interface TernaryKernels {
  /** b where a is not 0, else c. */
  where: TernaryKernel;
}

export interface ElementwiseKernels extends UnaryKernels, BinaryKernels, TernaryKernels {
  /** `y[i] = value` */
  fill(n: number, value: number, y: number): void;
  /** `y[i] = x[i]` converted from the dtype with code `source` (see `dtypeCode`). */
  cast(n: number, source: number, x: number, y: number): void;
}
