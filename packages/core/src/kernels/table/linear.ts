// The matrix product. ../table.ts explains all signatures.

export interface LinearKernels {
  /**
   * `C[z] = A[z] B[z] + D[z]` with A [m,k], B [k,n] by row and column strides, and C, D [m,n] with unit column stride.
   * Each element adds its products, in the order of k, to that of D. D may be C, or 0 for none; its row stride may be 0,
   * and so may all batch strides.
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
    d: number,
    dBatch: number,
    dRow: number,
  ): void;
}
