// Kernels of convolution. ../table.ts explains all signatures.

/**
 * Sizes of a convolution: channels `c` and `o` of input and output *per group*, input [h,w], kernel [kh,kw], output
 * [oh,ow], strides, padding, dilations. The padding counts zeros before the first row and column; the output determines
 * those after the last.
 */
export type ConvolutionSizes = [
  c: number,
  h: number,
  w: number,
  o: number,
  kh: number,
  kw: number,
  oh: number,
  ow: number,
  sh: number,
  sw: number,
  ph: number,
  pw: number,
  dh: number,
  dw: number,
];

/** Sizes of im2col: those of a convolution, but with `rows` rows of output, from `row` on. */
export type ColumnSizes = [
  c: number,
  h: number,
  w: number,
  kh: number,
  kw: number,
  row: number,
  rows: number,
  ow: number,
  sh: number,
  sw: number,
  ph: number,
  pw: number,
  dh: number,
  dw: number,
];

/** `x [n, groups·c, h, w]`, `weight [groups·o, c, kh, kw]`, `y [n, groups·o, oh, ow]`, all contiguous. */
export interface ConvolutionKernels {
  /** Bytes of workspace that `convolve` (direction 0), `convolveInput` (1) or `convolveWeight` (2) needs. */
  convolveScratch(...args: [direction: number, ...sizes: ConvolutionSizes]): number;
  /** `y[i,j] = bias + Σ weight[a,b] · x[i·sh - ph + a·dh, j·sw - pw + b·dw]`, zeros outside x; `bias` may be 0. */
  convolve(
    ...args: [
      n: number,
      groups: number,
      ...sizes: ConvolutionSizes,
      x: number,
      weight: number,
      bias: number,
      y: number,
      workspace: number,
    ]
  ): void;
  /** The gradient of `x`: for each y[i,j], adds `weight[a,b] · dy[i,j]` where the sum above reads x. */
  convolveInput(
    ...args: [
      n: number,
      groups: number,
      ...sizes: ConvolutionSizes,
      dy: number,
      weight: number,
      dx: number,
      workspace: number,
    ]
  ): void;
  /** The gradient of `weight`, summed over samples in a fixed order. */
  convolveWeight(
    ...args: [
      n: number,
      groups: number,
      ...sizes: ConvolutionSizes,
      x: number,
      dy: number,
      dweight: number,
      workspace: number,
    ]
  ): void;
  /**
   * The factors that `convolve` multiplies by each weight, for a block of output rows of one sample and group: `columns
   * [c·kh·kw, rows·ow]`. This makes a convolution a matrix product.
   */
  im2col(...args: [...sizes: ColumnSizes, x: number, columns: number]): void;
  /** The reverse: adds each element of `columns` to the element of `x` that `im2col` reads for it. */
  col2im(...args: [...sizes: ColumnSizes, columns: number, x: number]): void;
}
