// Kernels of the normalizations per channel of [outer, channels, inner] (batchNorm, groupNorm). ../table.ts explains all
// signatures. The forward pass saves the moments of channels.

export interface ChannelKernels {
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
