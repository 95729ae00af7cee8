// Kernels of the normalizations: over rows (layerNorm, rmsNorm), and per channel of [outer, channels, inner]
// (batchNorm, groupNorm). ../table.ts explains all signatures. The forward pass saves only the moments of channels.
// Those of a row are computed again while it is in the cache.

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
  /** For each channel: mean, the rounding error of the mean, and variance (divided by the count). */
  channelMoments(
    outer: number,
    channels: number,
    inner: number,
    x: number,
    mean: number,
    rest: number,
    variance: number,
  ): void;
  /** `y = (x - center[channel]) * scale[channel] + shift[channel]`; `center` and `shift` may be 0. */
  channelAffine(
    outer: number,
    channels: number,
    inner: number,
    x: number,
    center: number,
    scale: number,
    shift: number,
    y: number,
  ): void;
  /** `y[channel] = sum of a * (b - center[channel] - rest[channel])`; `center` and `rest` may be 0. If `b` is 0, the sum of a. */
  channelDot(
    outer: number,
    channels: number,
    inner: number,
    a: number,
    b: number,
    center: number,
    rest: number,
    y: number,
  ): void;
  /** `y = a * p[channel] + (b - center[channel]) * q[channel] + r[channel]`. */
  channelCombine(
    outer: number,
    channels: number,
    inner: number,
    a: number,
    b: number,
    center: number,
    p: number,
    q: number,
    r: number,
    y: number,
  ): void;
}
