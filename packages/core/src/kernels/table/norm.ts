// Kernels of the normalizations over rows (layerNorm, rmsNorm). ../table.ts explains all signatures. The moments of a row
// are not saved, but computed again while it is in the cache.

export interface NormKernels {
  /**
   * `y[r,c] = n[r,c] * weight[c] + bias[c]`, n = (x - m)/√(mean((x - m)²) + eps), where m is the mean of the row, or 0
   * if `centered` is 0. `weight` and `bias` may be 0.
   */
  rowNorm(
    rows: number,
    cols: number,
    eps: number,
    centered: number,
    x: number,
    weight: number,
    bias: number,
    y: number,
  ): void;
  /**
   * Gradient of `rowNorm` with respect to x: `(g - mean(g) - n * mean(g * n))/√(…)` with g = dy * weight, and without
   * mean(g) if `centered` is 0.
   */
  rowNormGrad(
    rows: number,
    cols: number,
    eps: number,
    centered: number,
    dy: number,
    x: number,
    weight: number,
    dx: number,
  ): void;
  /** Gradient with respect to weight: `dw[c] = sum over r of dy[r,c] * n[r,c]`, in the order of rows. */
  rowNormGradWeight(
    rows: number,
    cols: number,
    eps: number,
    centered: number,
    dy: number,
    x: number,
    dw: number,
  ): void;
}
