// Normalizations over rows. Moments and other sums as in sums.ts. Plain multiply and add, so both builds give the same
// bits.
import { addWide, loadLanes, storeLanes, sumWide } from "./lanes";
import { scratch } from "./scratch";
import {
  clearTotals, distances, moveToTotals, PLAIN, RUN_BYTES, SQUARE, squares, sumDistances, sumTerms, writeTotals,
} from "./sums";

// What `measure` found in a row: the mean in two parts, and 1/√(variance + eps). The second part is the rounding error
// of the first (a mean of 1000 would cost 3e-5 of each result).
let center: f32 = 0;
let lost: f32 = 0;
let scale: f32 = 0;

/** `share` is 1/cols. */
function measure(cols: i32, share: f64, x: usize, eps: f32, centered: i32): void {
  const zero = f32x4.splat(0);
  let variance: f64;
  if (centered) {
    center = <f32>(sumTerms(PLAIN, cols, x, 0, zero, zero) * share);
    sumDistances(cols, x, f32x4.splat(center));
    const off = distances * share;
    lost = <f32>off;
    variance = max<f64>(0, squares * share - off * off);
  } else {
    center = 0;
    lost = 0;
    variance = sumTerms(SQUARE, cols, x, 0, zero, zero) * share;
  }
  scale = 1 / sqrt<f32>(<f32>variance + eps);
}

/** ((x - mean) - lost)·scale */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function normal(centered: bool, x: v128, mean: v128, rest: v128, factor: v128): v128 {
  return f32x4.mul(centered ? f32x4.sub(f32x4.sub(x, mean), rest) : x, factor);
}

export function rowNorm(rows: i32, cols: i32, eps: f32, centered: i32, x: usize, weight: usize, bias: usize, y: usize): void {
  if (centered) normRows(true, rows, cols, eps, x, weight, bias, y);
  else normRows(false, rows, cols, eps, x, weight, bias, y);
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function normRows(centered: bool, rows: i32, cols: i32, eps: f32, x: usize, weight: usize, bias: usize, y: usize): void {
  const size = <usize>cols << 2;
  const whole = <usize>(cols & ~3) << 2;
  const rest = cols & 3;
  const one = f32x4.splat(1);
  // Adding -0 changes nothing, not even the sign of a zero.
  const none = f32x4.splat(-0.0);
  const share = 1 / <f64>cols;
  for (let r = 0; r < rows; r++, x += size, y += size) {
    measure(cols, share, x, eps, centered);
    const m = f32x4.splat(center);
    const l = f32x4.splat(lost);
    const s = f32x4.splat(scale);
    for (let i: usize = 0; i < whole; i += 16) {
      const w = weight ? v128.load(weight + i) : one;
      const b = bias ? v128.load(bias + i) : none;
      v128.store(y + i, f32x4.add(f32x4.mul(normal(centered, v128.load(x + i), m, l, s), w), b));
    }
    if (rest) {
      const w = weight ? loadLanes(weight + whole, rest) : one;
      const b = bias ? loadLanes(bias + whole, rest) : none;
      const n = normal(centered, loadLanes(x + whole, rest), m, l, s);
      storeLanes(y + whole, f32x4.add(f32x4.mul(n, w), b), rest);
    }
  }
}

export function rowNormGrad(rows: i32, cols: i32, eps: f32, centered: i32, dy: usize, x: usize, weight: usize, dx: usize): void {
  if (centered) gradOfRows(true, rows, cols, eps, dy, x, weight, dx);
  else gradOfRows(false, rows, cols, eps, dy, x, weight, dx);
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function gradOfRows(centered: bool, rows: i32, cols: i32, eps: f32, dy: usize, x: usize, weight: usize, dx: usize): void {
  const size = <usize>cols << 2;
  const whole = <usize>(cols & ~3) << 2;
  const rest = cols & 3;
  const one = f32x4.splat(1);
  const zero = f32x4.splat(0);
  const share = 1 / <f64>cols;
  for (let r = 0; r < rows; r++, dy += size, x += size, dx += size) {
    measure(cols, share, x, eps, centered);
    const m = f32x4.splat(center);
    const l = f32x4.splat(lost);
    const s = f32x4.splat(scale);
    let totalG = f64x2.splat(0);
    let totalGN = totalG;
    for (let i: usize = 0; i < whole; ) {
      let sumG = zero;
      let sumGN = zero;
      for (const end = min(i + RUN_BYTES, whole); i < end; i += 16) {
        const g = f32x4.mul(v128.load(dy + i), weight ? v128.load(weight + i) : one);
        if (centered) sumG = f32x4.add(sumG, g);
        sumGN = f32x4.add(sumGN, f32x4.mul(g, normal(centered, v128.load(x + i), m, l, s)));
      }
      if (centered) totalG = addWide(totalG, sumG);
      totalGN = addWide(totalGN, sumGN);
    }
    if (rest) {
      // In lanes past the end dy is 0, so g is 0 and they add nothing.
      const g = f32x4.mul(loadLanes(dy + whole, rest), weight ? loadLanes(weight + whole, rest) : one);
      if (centered) totalG = addWide(totalG, g);
      totalGN = addWide(totalGN, f32x4.mul(g, normal(centered, loadLanes(x + whole, rest), m, l, s)));
    }
    const meanG = f32x4.splat(<f32>(sumWide(totalG) * share));
    const meanGN = f32x4.splat(<f32>(sumWide(totalGN) * share));
    for (let i: usize = 0; i < whole; i += 16) {
      const g = f32x4.mul(v128.load(dy + i), weight ? v128.load(weight + i) : one);
      const along = f32x4.mul(normal(centered, v128.load(x + i), m, l, s), meanGN);
      v128.store(dx + i, f32x4.mul(f32x4.sub(centered ? f32x4.sub(g, meanG) : g, along), s));
    }
    if (rest) {
      const g = f32x4.mul(loadLanes(dy + whole, rest), weight ? loadLanes(weight + whole, rest) : one);
      const along = f32x4.mul(normal(centered, loadLanes(x + whole, rest), m, l, s), meanGN);
      storeLanes(dx + whole, f32x4.mul(f32x4.sub(centered ? f32x4.sub(g, meanG) : g, along), s), rest);
    }
  }
}

/** How many columns of float64 totals fit into the scratch memory, and how many rows are first added up in float32. */
const WIDEST: i32 = 65536;
const ROWS: i32 = 16;

export function rowNormGradWeight(rows: i32, cols: i32, eps: f32, centered: i32, dy: usize, x: usize, dw: usize): void {
  const size = <usize>cols << 2;
  const share = 1 / <f64>cols;
  for (let start = 0; start < cols; start += WIDEST) {
    const count = min(cols - start, WIDEST);
    const at = <usize>start << 2;
    const sums = dw + at;
    clearTotals(count, scratch);
    memory.fill(sums, 0, <usize>count << 2);
    for (let r = 0; r < rows; r++) {
      const row = <usize>r * size;
      measure(cols, share, x + row, eps, centered);
      addGradients(count, dy + row + at, x + row + at, sums);
      if (r % ROWS == ROWS - 1) moveToTotals(count, sums, scratch);
    }
    moveToTotals(count, sums, scratch);
    writeTotals(count, scratch, sums);
  }
}

/** sums += dy n */
function addGradients(n: i32, dy: usize, x: usize, sums: usize): void {
  const m = f32x4.splat(center);
  const l = f32x4.splat(lost);
  const s = f32x4.splat(scale);
  for (const end = sums + (<usize>(n & ~3) << 2); sums < end; dy += 16, x += 16, sums += 16) {
    const product = f32x4.mul(v128.load(dy), normal(true, v128.load(x), m, l, s));
    v128.store(sums, f32x4.add(v128.load(sums), product));
  }
  const rest = n & 3;
  if (!rest) return;
  const product = f32x4.mul(loadLanes(dy, rest), normal(true, loadLanes(x, rest), m, l, s));
  storeLanes(sums, f32x4.add(loadLanes(sums, rest), product), rest);
}
