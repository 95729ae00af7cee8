// Kernels that read and write at int32 indices. ../table.ts explains all signatures.

export interface IndexedKernels {
  /** First position i with `index[i]` (int32) outside 0 … limit-1, or -1. */
  checkIndex(n: number, limit: number, index: number): number;
  /** `y[r] = x[r, index[r]]` with int32 indices; `x` contiguous [rows, cols]. */
  pick(rows: number, cols: number, x: number, index: number, y: number): void;
  /** `y[r,c] = c == index[r] ? dy[r] : 0`, the gradient of `pick`. */
  place(rows: number, cols: number, dy: number, index: number, y: number): void;
  /** `y[r,:] = x[index[r],:]` for rows of `cols` elements; int32 indices. */
  gather(rows: number, cols: number, x: number, index: number, y: number): void;
  /** `y[index[r],:] += x[r,:]` for rows of `cols` elements, in the order of r; int32 indices. */
  scatterAdd(rows: number, cols: number, x: number, index: number, y: number): void;
  /**
   * `y[i,j,k,l] = index[i,j,k,l] * scale + start + i*t0 + j*t1 + k*t2 + l*t3`, int32: converts indices along one axis
   * of a tensor to element positions. Strides s0 … s3 belong to `index`; `y` is contiguous.
   */
  flatIndex(
    ...args: [
      d0: number,
      d1: number,
      d2: number,
      d3: number,
      index: number,
      s0: number,
      s1: number,
      s2: number,
      s3: number,
      scale: number,
      start: number,
      t0: number,
      t1: number,
      t2: number,
      t3: number,
      y: number,
    ]
  ): void;
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
}
