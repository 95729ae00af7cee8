// Kernels that move elements without interpreting them, and ranges. ../table.ts explains all signatures.

export interface MoveKernels {
  /**
   * `y[i,j,k,l] = x[i,j,k,l]` for [d0,d1,d2,d3]; strides in elements, of any sign. `x` and `y` must not overlap.
   */
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
      t0: number,
      t1: number,
      t2: number,
      t3: number,
    ]
  ): void;
  /** `y[b,r,c] = low <= c - r <= high ? x[b,r,c] : 0`: a band of diagonals; both contiguous. */
  band(batch: number, rows: number, cols: number, low: number, high: number, x: number, y: number): void;
  /** `y[i] = start + i*step` */
  arange(n: number, start: number, step: number, y: number): void;
  /** `n` equally spaced numbers from `start` to `end`, both exact. */
  linspace(n: number, start: number, end: number, y: number): void;
}
