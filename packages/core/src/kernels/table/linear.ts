// The matrix product. ../table.ts explains all signatures.

export interface LinearKernels {
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
}
