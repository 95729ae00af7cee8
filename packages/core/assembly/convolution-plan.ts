// What a direct convolution (convolution.ts) sums, and the layout of its workspace. Only this file sets these
// variables. An instance, one per thread, computes one convolution at a time.
//
// The work is done on a padded copy of four samples, [channels][rows][cols] of vectors, one sample per lane. A *tap* is
// the position of one weight (channel, row, column) as a byte offset into that copy. A *pixel* is a position of the
// result, as another offset. The sum of the two is the input element that both use. Taps are ordered by row, column,
// channel.

/** How many pixels are computed for all channels before the next ones: their inputs stay in the first-level cache. */
export const PIXEL_BLOCK: i32 = 32;
/** How many pixels of the gradient are packed at a time. */
export const GRADIENT_BLOCK: i32 = 256;
/** Bytes of a pixel record: offset in the copy, offset in the result, then the rows and columns of taps inside the input. */
export const PIXEL: usize = 32;

// What is summed, over c, a, b:
//   result[o, i, j] = Σ weight[o, c, a, b] · source[c, i·rowStride + a·rowStep, j·colStride + b·colStep]
// where the source begins `top` rows and `left` columns inside the copy (or outside, if negative).
export let channels: i32 = 0, outputs: i32 = 0;
export let tapRows: i32 = 0, tapCols: i32 = 0, tapCount: i32 = 0, rowStep: i32 = 0, colStep: i32 = 0;
export let rows: i32 = 0, cols: i32 = 0, rowStride: i32 = 0, colStride: i32 = 0;
export let sourceRows: i32 = 0, sourceCols: i32 = 0, top: i32 = 0, left: i32 = 0;

// Derived from these: sizes of the copy in vectors, and the layout of the workspace.
export let paddedRows: i32 = 0, paddedCols: i32 = 0, plane: i32 = 0;
export let padded: usize = 0, taps: usize = 0, pixels: usize = 0, packed: usize = 0, stage: usize = 0, sums: usize = 0;

// Bytes of so many floats.
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
export function bytes(floats: i32): usize {
  return <usize>floats << 2;
}

// How many channels of the result are computed together: 4 while so many are left, then 2, then 1.
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
export function blockSize(channelsLeft: i32): i32 {
  return channelsLeft >= 4 ? 4 : channelsLeft >= 2 ? 2 : 1;
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
export function roundedTaps(): i32 {
  return (tapCount + 7) & -8;
}

// An initial sum and a weight per tap for each channel.
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
export function packedWeights(): i32 {
  return outputs * (tapCount + 1);
}

export function describeForward(
  c: i32, h: i32, w: i32, o: i32, kh: i32, kw: i32, oh: i32, ow: i32,
  sh: i32, sw: i32, ph: i32, pw: i32, dh: i32, dw: i32,
): void {
  channels = c;
  outputs = o;
  tapRows = kh;
  tapCols = kw;
  tapCount = c * kh * kw;
  rowStep = dh;
  colStep = dw;
  rows = oh;
  cols = ow;
  rowStride = sh;
  colStride = sw;
  sourceRows = h;
  sourceCols = w;
  top = ph;
  left = pw;
}

// The gradient of the input at rows a, a + sh, … and columns b, b + sw, …: a stride-1 convolution of dy with reversed
// taps.
export function describeInput(
  a: i32, b: i32, c: i32, h: i32, w: i32, o: i32, kh: i32, kw: i32, oh: i32, ow: i32,
  sh: i32, sw: i32, ph: i32, pw: i32, dh: i32, dw: i32,
): void {
  const lastRow = lastTap(a, kh, sh, ph, dh);
  const lastCol = lastTap(b, kw, sw, pw, dw);
  channels = o;
  outputs = c;
  tapRows = lastRow < 0 ? 0 : lastRow / tapStep(sh, dh) + 1;
  tapCols = lastCol < 0 ? 0 : lastCol / tapStep(sw, dw) + 1;
  tapCount = tapRows * tapCols * o;
  rowStep = dh * tapStep(sh, dh) / sh;
  colStep = dw * tapStep(sw, dw) / sw;
  rows = (h - a + sh - 1) / sh;
  cols = (w - b + sw - 1) / sw;
  rowStride = 1;
  colStride = 1;
  sourceRows = oh;
  sourceCols = ow;
  top = (lastRow * dh - a - ph) / sh;
  left = (lastCol * dw - b - pw) / sw;
}

// The last tap that uses input position `a`: a + padding - tap·dilation is a multiple of the stride there. -1 if there
// is none.
export function lastTap(a: i32, size: i32, stride: i32, padding: i32, dilation: i32): i32 {
  let tap = size - 1;
  while (tap >= 0 && (a + padding - tap * dilation) % stride != 0) tap--;
  return tap;
}

// The distance between two such taps.
export function tapStep(stride: i32, dilation: i32): i32 {
  let step = 1;
  while ((step * dilation) % stride != 0) step++;
  return step;
}

// Lays out the workspace; returns its end.
export function layOut(workspace: usize, packedFloats: i32, sumFloats: i32): usize {
  paddedRows = (rows - 1) * rowStride + max(0, tapRows - 1) * rowStep + 1;
  paddedCols = (cols - 1) * colStride + max(0, tapCols - 1) * colStep + 1;
  // An odd number of cache lines: otherwise the channels of a pixel might share the same cache sets.
  plane = (((paddedRows * paddedCols + 3) >> 2) | 1) << 2;
  padded = workspace;
  stage = padded + (bytes(channels * plane) << 2);
  sums = stage + (bytes(PIXEL_BLOCK * 4) << 2);
  packed = sums + bytes(sumFloats);
  taps = packed + bytes(packedFloats);
  pixels = taps + bytes(tapCount + 8);
  return pixels + <usize>(rows * cols + 8) * PIXEL;
}

// Writes the tables of taps and pixels, and zeroes the copy, whose border stays zero. `outRow` and `outCol` are the row
// and column strides of the result, in elements. Both tables repeat their last entry, so that tiles may run past the
// end.
export function plan(outRow: i32, outCol: i32): void {
  memory.fill(padded, 0, bytes(channels * plane) << 2);
  let t = taps;
  for (let a = 0; a < tapRows; a++) {
    for (let b = 0; b < tapCols; b++) {
      for (let c = 0; c < channels; c++, t += 4) store<u32>(t, (c * plane + a * rowStep * paddedCols + b * colStep) << 4);
    }
  }
  for (let i = 0; i < 8; i++, t += 4) store<u32>(t, tapCount ? load<u32>(t - 4) : 0);
  let p = pixels;
  for (let i = 0; i < rows; i++) {
    const source = i * rowStride;
    const rowFirst = firstInside(source, rowStep, top, tapRows);
    const rowEnd = firstInside(source, rowStep, top + sourceRows, tapRows);
    for (let j = 0; j < cols; j++, p += PIXEL) {
      store<u32>(p, (source * paddedCols + j * colStride) << 4);
      store<u32>(p, (i * outRow + j * outCol) << 2, 4);
      store<i32>(p, rowFirst, 8);
      store<i32>(p, rowEnd, 12);
      store<i32>(p, firstInside(j * colStride, colStep, left, tapCols), 16);
      store<i32>(p, firstInside(j * colStride, colStep, left + sourceCols, tapCols), 20);
    }
  }
  for (let i = 0; i < 8; i++, p += PIXEL) memory.copy(p, p - PIXEL, PIXEL);
}

// The first tap at or beyond `edge`, or `count`.
function firstInside(start: i32, step: i32, edge: i32, count: i32): i32 {
  return edge <= start ? 0 : min(count, (edge - start + step - 1) / step);
}
