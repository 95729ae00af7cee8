// Kernels of pooling: functions of windows of planes. ../table.ts explains all signatures.

/**
 * Sizes of pooling: `planes` of [h,w] become planes of [oh,ow]. Windows of [kh,kw] begin at rows `i·sh - ph` and
 * columns `j·sw - pw`; elements outside a plane are left out.
 */
export type PoolingSizes = [
  planes: number,
  h: number,
  w: number,
  kh: number,
  kw: number,
  oh: number,
  ow: number,
  sh: number,
  sw: number,
  ph: number,
  pw: number,
];

/** Sizes of adaptive pooling: window i of oh spans rows `floor(i·h/oh)` to `ceil((i+1)·h/oh)`, columns likewise. */
export type AdaptivePoolingSizes = [planes: number, h: number, w: number, oh: number, ow: number];

export interface PoolingKernels {
  /**
   * The largest element of each window, and its position in its plane (int32). Elements of a window are `dh` rows and
   * `dw` columns apart. Among equal elements the first wins. NaN beats any number, and among several NaNs the last
   * wins. An empty window gives -Infinity and position -1.
   */
  maxPool(
    ...args: [...sizes: PoolingSizes, dh: number, dw: number, x: number, y: number, place: number]
  ): void;
  /** `y[p,i] = x[p, place[p,i]]`, planes of `size` and `outSize` elements; 0 if the position is -1. */
  gatherPlane(planes: number, size: number, outSize: number, x: number, place: number, y: number): void;
  /** The reverse: `dx` is 0 except `dx[p, place[p,i]] += dy[p,i]`. */
  scatterPlane(planes: number, size: number, outSize: number, dy: number, place: number, dx: number): void;
  /**
   * The sum over each window, divided by `divisor`; if that is 0, by the number of its elements. With `countPad` 1 this
   * number includes the padding (at most `ph` rows and `pw` columns at each end).
   */
  avgPool(...args: [...sizes: PoolingSizes, countPad: number, divisor: number, x: number, y: number]): void;
  /** The gradient of its input. */
  avgPoolGrad(
    ...args: [...sizes: PoolingSizes, countPad: number, divisor: number, dy: number, dx: number]
  ): void;
  /** The mean over each window. */
  adaptiveAvgPool(...args: [...sizes: AdaptivePoolingSizes, x: number, y: number]): void;
  /** The gradient of its input. */
  adaptiveAvgPoolGrad(...args: [...sizes: AdaptivePoolingSizes, dy: number, dx: number]): void;
}
