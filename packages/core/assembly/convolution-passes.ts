// The passes of a direct convolution over the workspace that convolution-plan.ts lays out: into the padded copy,
// through the tiles, and out again.
import {
  bytes, blockSize, channels, cols, left, outputs, packed, padded, paddedCols, paddedRows, PIXEL, PIXEL_BLOCK,
  pixels, plane, roundedTaps, rows, sourceCols, sourceRows, stage, sums, tapCols, tapCount, tapRows, taps, top,
} from "./convolution-plan";
import { dot1x8, dot2x4, dot4x2, sum1x8, sum2x4, sum4x2 } from "./convolution-tiles";
import { interleave, separate, storeColumn } from "./transpose";

// Which of the taps to sum: see convolution-tiles.ts.
let first: usize = 0, runs: i32 = 0, length: usize = 0, gap: usize = 0;

// Weights (and initial sums, zero without bias) in the order in which tiles read them. Strides are in elements, and may
// be negative.
export function packWeights(weight: usize, bias: usize, outputStep: i32, channelStep: i32, rowStep: i32, colStep: i32): void {
  let q = packed;
  for (let o = 0; o < outputs;) {
    const block = blockSize(outputs - o);
    for (let i = 0; i < block; i++, q += 4) store<f32>(q, bias ? load<f32>(bias + bytes(o + i)) : 0);
    for (let a = 0; a < tapRows; a++) {
      for (let b = 0; b < tapCols; b++) {
        for (let c = 0; c < channels; c++) {
          let from = weight + bytes(o * outputStep + c * channelStep + a * rowStep + b * colStep);
          for (let i = 0; i < block; i++, q += 4, from += bytes(outputStep)) store<f32>(q, load<f32>(from));
        }
      }
    }
    o += block;
  }
}

// Copies up to four samples, `sampleStep` bytes apart, into the lanes of the padded copy. Zeroes lanes without a
// sample.
export function fillPadded(samples: i32, source: usize, sampleStep: usize): void {
  const firstCol = max(0, left);
  const count = min(paddedCols, left + sourceCols) - firstCol;
  const lastRow = min(paddedRows, top + sourceRows);
  for (let c = 0; c < channels; c++) {
    for (let r = max(0, top); r < lastRow; r++) {
      const from = source + bytes((c * sourceRows + r - top) * sourceCols + firstCol - left);
      const to = padded + (<usize>(c * plane + r * paddedCols + firstCol) << 4);
      interleave(count, samples, from, sampleStep, to, 16);
    }
  }
}

// The sums for all pixels and channels of up to four samples. `skip` leaves out taps that lie outside the source for
// every pixel of a tile; this saves much if a large border meets many channels.
export function correlate(samples: i32, result: usize, sampleStep: usize, channelBytes: usize, skip: bool): void {
  const channelStage: usize = PIXEL_BLOCK << 4;
  first = 0;
  runs = 1;
  length = bytes(tapCount);
  gap = 0;
  const end = pixels + <usize>(rows * cols) * PIXEL;
  for (let start = pixels; start < end; start += <usize>PIXEL_BLOCK * PIXEL) {
    const blockEnd = min(end, start + <usize>PIXEL_BLOCK * PIXEL);
    let weights = packed;
    let to = result;
    for (let o = 0; o < outputs;) {
      const block = blockSize(outputs - o);
      let t = stage;
      if (block == 4) {
        for (let p = start; p < blockEnd; p += 2 * PIXEL, t += 32) {
          if (skip) chooseTaps(p, p + PIXEL);
          sum4x2(at(p, 0), at(p, 1), weights, taps, first, runs, length, gap, t, channelStage);
        }
      } else if (block == 2) {
        for (let p = start; p < blockEnd; p += 4 * PIXEL, t += 64) {
          if (skip) chooseTaps(p, p + 3 * PIXEL);
          sum2x4(at(p, 0), at(p, 1), at(p, 2), at(p, 3), weights, taps, first, runs, length, gap, t, channelStage);
        }
      } else {
        for (let p = start; p < blockEnd; p += 8 * PIXEL, t += 128) {
          if (skip) chooseTaps(p, p + 7 * PIXEL);
          sum1x8(
            at(p, 0), at(p, 1), at(p, 2), at(p, 3), at(p, 4), at(p, 5), at(p, 6), at(p, 7),
            weights, taps, first, runs, length, gap, t,
          );
        }
      }
      for (let i = 0; i < block; i++, to += channelBytes) {
        writeStage(start, blockEnd, samples, stage + <usize>i * channelStage, to, sampleStep);
      }
      weights += bytes(block * (tapCount + 1));
      o += block;
    }
  }
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function at(pixel: usize, index: usize): usize {
  return padded + load<u32>(pixel + index * PIXEL);
}

// Selects the taps that lie inside the source for at least one of the pixels from `a` to `b`, which are neighbours in
// the result. Their rows only grow; their columns restart at the end of a row.
function chooseTaps(a: usize, b: usize): void {
  const rowFirst = min(load<i32>(a, 8), load<i32>(b, 8));
  const rowEnd = max(load<i32>(a, 12), load<i32>(b, 12));
  let colFirst = load<i32>(a, 16);
  let colEnd = load<i32>(a, 20);
  for (let p = a + PIXEL; p <= b; p += PIXEL) {
    colFirst = min(colFirst, load<i32>(p, 16));
    colEnd = max(colEnd, load<i32>(p, 20));
  }
  first = bytes((rowFirst * tapCols + colFirst) * channels);
  if (colEnd - colFirst == tapCols) {
    runs = 1;
    length = bytes((rowEnd - rowFirst) * tapCols * channels);
    gap = 0;
  } else {
    runs = rowEnd - rowFirst;
    length = bytes((colEnd - colFirst) * channels);
    gap = bytes(tapCols * channels) - length;
  }
}

// Moves the staged sums of one channel to the result, in rows of floats where its pixels are neighbours there.
function writeStage(start: usize, end: usize, samples: i32, from: usize, to: usize, sampleStep: usize): void {
  const count = <i32>((end - start) / PIXEL);
  const begin = load<u32>(start, 4);
  if (load<u32>(end - PIXEL, 4) - begin == (count - 1) << 2) separate(count, samples, from, to + begin, sampleStep);
  else {
    for (let p = start; p < end; p += PIXEL, from += 16) storeColumn(v128.load(from), samples, to + load<u32>(p, 4), sampleStep);
  }
}

// The gradient at `count` pixels of up to four samples: per block of channels and pixel, a vector for each channel.
export function packGradient(count: i32, samples: i32, dy: usize, sampleStep: usize, channelBytes: usize): void {
  let q = packed;
  for (let o = 0; o < outputs;) {
    const block = blockSize(outputs - o);
    for (let i = 0; i < block; i++, dy += channelBytes) {
      interleave(count, samples, dy, sampleStep, q + (<usize>i << 4), <usize>block << 4);
    }
    q += <usize>(count * block) << 4;
    o += block;
  }
}

// Adds the products of the packed gradient and the inputs at its pixels to the sums.
export function addProducts(start: usize, count: i32): void {
  const end = start + <usize>count * PIXEL;
  const tapsEnd = taps + bytes(tapCount);
  let dy = packed;
  let to = sums;
  for (let o = 0; o < outputs;) {
    const block = blockSize(outputs - o);
    let s = to;
    if (block == 4) {
      for (let t = taps; t < tapsEnd; t += 8, s += 32) dot4x2(tap(t, 0), tap(t, 1), dy, start, end, PIXEL, s);
    } else if (block == 2) {
      for (let t = taps; t < tapsEnd; t += 16, s += 32) {
        dot2x4(tap(t, 0), tap(t, 1), tap(t, 2), tap(t, 3), dy, start, end, PIXEL, s);
      }
    } else {
      for (let t = taps; t < tapsEnd; t += 32, s += 32) {
        dot1x8(
          tap(t, 0), tap(t, 1), tap(t, 2), tap(t, 3), tap(t, 4), tap(t, 5), tap(t, 6), tap(t, 7), dy, start, end, PIXEL, s,
        );
      }
    }
    dy += <usize>(count * block) << 4;
    to += bytes(roundedTaps() * block);
    o += block;
  }
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function tap(t: usize, index: usize): usize {
  return padded + load<u32>(t + index * 4);
}

// Reorders the sums to the order of weights. Before, their order is block of channels, row, column, channel of the
// input, channel of the block.
export function writeSums(dweight: usize): void {
  let from = sums;
  for (let o = 0; o < outputs;) {
    const block = blockSize(outputs - o);
    let s = from;
    for (let a = 0; a < tapRows; a++) {
      for (let b = 0; b < tapCols; b++) {
        for (let c = 0; c < channels; c++) {
          let to = dweight + bytes(o * tapCount + (c * tapRows + a) * tapCols + b);
          for (let i = 0; i < block; i++, s += 4, to += bytes(tapCount)) store<f32>(to, load<f32>(s));
        }
      }
    }
    from += bytes(roundedTaps() * block);
    o += block;
  }
}
