// Kernels that read and write at places given by int32 indices. See ../table.ts for what all signatures have in common.

export interface IndexedKernels {
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
}
