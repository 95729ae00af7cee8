// The kernel `gemm` over a BLAS: maps strided matrices to row-major arrays with transposes and leading dimensions,
// without copying. What does not fit, or does not pay, goes to the kernel that would run without a BLAS. Knows no
// library.
import type { Kernels } from "@shardgrad/core/engine";
import { prefersBlas } from "./prefers-blas.ts";

export type Gemm = Kernels["gemm"];

/** cblas_sgemm or cblas_dgemm; `a`, `b` and `c` are addresses. */
export type CblasGemm = (
  order: number,
  transA: number,
  transB: number,
  m: number,
  n: number,
  k: number,
  alpha: number,
  a: number,
  lda: number,
  b: number,
  ldb: number,
  beta: number,
  c: number,
  ldc: number,
) => void;

/** The values of CBLAS_ORDER and CBLAS_TRANSPOSE. */
export const cblas = { rowMajor: 101, noTrans: 111, trans: 112 } as const;

/**
 * The leading dimension of a [rows, cols] matrix stored by rows. Negated if stored by columns; 0 if neither, so that no
 * BLAS can read it. The stride of an axis of length 1 does not matter.
 */
export function leadingDimension(rows: number, cols: number, rowStride: number, colStride: number): number {
  if (colStride === 1 || cols === 1) {
    const leading = rows === 1 ? cols : rowStride;
    if (leading >= cols) return leading;
  }
  if (rowStride === 1 || rows === 1) {
    const leading = cols === 1 ? rows : colStride;
    if (leading >= rows) return -leading;
  }
  return 0;
}

/**
 * @param base address that the kernel's byte offsets are relative to
 * @param width bytes of an element
 */
export function blasGemm(
  call: CblasGemm,
  base: number,
  width: number,
  otherwise: Pick<Kernels, "gemm" | "copy">,
  prefers: typeof prefersBlas = prefersBlas,
): Gemm {
  return (batch, m, n, k, a, aBatch, aRow, aCol, b, bBatch, bRow, bCol, c, cBatch, cRow, d, dBatch, dRow) => {
    const lda = leadingDimension(m, k, aRow, aCol);
    const ldb = leadingDimension(k, n, bRow, bCol);
    const ldc = m === 1 ? n : cRow;
    if (lda === 0 || ldb === 0 || ldc < n || !prefers(batch, m, n, k)) {
      otherwise.gemm(
        batch,
        m,
        n,
        k,
        a,
        aBatch,
        aRow,
        aCol,
        b,
        bBatch,
        bRow,
        bCol,
        c,
        cBatch,
        cRow,
        d,
        dBatch,
        dRow,
      );
      return;
    }
    if (d !== 0 && d !== c) otherwise.copy(1, batch, m, n, d, 0, dBatch, dRow, 1, c, 0, cBatch, cRow, 1);
    const transA = lda > 0 ? cblas.noTrans : cblas.trans;
    const transB = ldb > 0 ? cblas.noTrans : cblas.trans;
    for (let z = 0; z < batch; z++) {
      call(
        cblas.rowMajor,
        transA,
        transB,
        m,
        n,
        k,
        1,
        base + a + z * aBatch * width,
        Math.abs(lda),
        base + b + z * bBatch * width,
        Math.abs(ldb),
        d === 0 ? 0 : 1,
        base + c + z * cBatch * width,
        ldc,
      );
    }
  };
}
