// The table of kernels: every loop over numbers that the library has, by name, with its one signature.
// Arguments are plain numbers, so that a call can be recorded and replayed: tensors are byte offsets into the
// heap (`x`, `y`, …; 0 means "absent" where allowed), sizes and strides count elements. Kernels check nothing.
// `reference/` holds the dull implementation of each, `assembly/` the fast one for float32. See README.md.

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

/** `y[o,i]` = reduction over r of `x[o,r,i]`; both contiguous. */
export type ReduceKernel = (outer: number, length: number, inner: number, x: number, y: number) => void;

/** A function of each row of a contiguous [rows, cols]. */
export type RowKernel = (rows: number, cols: number, x: number, y: number) => void;

export interface Kernels {
  // --- memory
  /** `y[i] = value` */
  fill(n: number, value: number, y: number): void;
  /** Strided [d0,d1,d2,d3] to contiguous. Strides in elements, any sign that stays inside the block. */
  copy(
    ...args: [
      d0: number,
      d1: number,
      d2: number,
      d3: number,
      x: number,
      s0: number,
      s1: number,
      s2: number,
      s3: number,
      y: number,
    ]
  ): void;
  /** `y[i] = x[i]` converted from the dtype with code `source` (see `dtypeCode`). */
  cast(n: number, source: number, x: number, y: number): void;

  // --- elementwise
  neg: UnaryKernel;
  exp: UnaryKernel;
  log: UnaryKernel;
  sqrt: UnaryKernel;
  /** `max(x, 0)`; NaN stays NaN. */
  relu: UnaryKernel;
  add: BinaryKernel;
  sub: BinaryKernel;
  mul: BinaryKernel;
  div: BinaryKernel;
  /** 1 where equal, else 0. */
  equal: BinaryKernel;
  /** 1 where a > b, else 0. */
  greater: BinaryKernel;
  /** `y[i] = x[i] > 0 ? dy[i] : 0`, the gradient of `relu`. */
  reluGrad(n: number, dy: number, x: number, y: number): void;

  // --- reductions
  sum: ReduceKernel;
  max: ReduceKernel;
  /** Index (int32) of the first largest element; a NaN counts as the largest. */
  argmax: ReduceKernel;

  // --- rows
  logSoftmax: RowKernel;

  // --- indexed
  /** First position i with `index[i]` (int32) outside 0 … limit-1, or -1. */
  checkIndex(n: number, limit: number, index: number): number;
  /** `y[r] = x[r, index[r]]` with int32 indices; `x` contiguous [rows, cols]. */
  pick(rows: number, cols: number, x: number, index: number, y: number): void;
  /** `y[r,c] = c == index[r] ? dy[r] : 0`, the gradient of `pick`. */
  place(rows: number, cols: number, dy: number, index: number, y: number): void;
  /** `y[r,:] = x[index[r],:]` for rows of `cols` elements; int32 indices. */
  gather(rows: number, cols: number, x: number, index: number, y: number): void;
  /** `y[r,:] = x[index[r],:] * scale + shift`, from uint8. */
  gatherUint8(
    rows: number,
    cols: number,
    x: number,
    index: number,
    scale: number,
    shift: number,
    y: number,
  ): void;

  // --- linear algebra
  /**
   * `C[z] = A[z] B[z] + beta C[z]` with A [m,k], B [k,n] by row and column strides and C [m,n] with unit column
   * stride; beta is 0 (C is not read) or 1. Batch strides may be 0.
   */
  gemm(
    batch: number,
    m: number,
    n: number,
    k: number,
    a: number,
    aBatch: number,
    aRow: number,
    aCol: number,
    b: number,
    bBatch: number,
    bRow: number,
    bCol: number,
    c: number,
    cBatch: number,
    cRow: number,
    beta: number,
  ): void;

  // --- random
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

  // --- training
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

export type KernelName = keyof Kernels;
