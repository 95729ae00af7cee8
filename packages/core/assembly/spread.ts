// Sums of squares in float64, for vector norms, variances and standard deviations. The square of a float32 is exact in
// float64; it neither overflows nor underflows. Their gradients need the distances from the mean, which are here, too.
import { loadLanes, storeLanes, sumWide } from "./lanes";
import { scratch } from "./scratch";
import { clearTotals, STRIPE } from "./sums";

/** The lower and the upper two of four elements. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function low(v: v128): v128 {
  return f64x2.promote_low_f32x4(v);
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function high(v: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i64>(v, v, 1, 1));
}

/** x, or (x - mean)². */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function term(squared: bool, x: v128, mean: v128): v128 {
  if (!squared) return x;
  const distance = f64x2.sub(x, mean);
  return f64x2.mul(distance, distance);
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function sumOfRow(squared: bool, n: i32, x: usize, mean: f64): f64 {
  const means = f64x2.splat(mean);
  let s0 = f64x2.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  for (const end = x + (<usize>(n & ~7) << 2); x < end; x += 32) {
    const a = v128.load(x);
    const b = v128.load(x, 16);
    s0 = f64x2.add(s0, term(squared, low(a), means));
    s1 = f64x2.add(s1, term(squared, high(a), means));
    s2 = f64x2.add(s2, term(squared, low(b), means));
    s3 = f64x2.add(s3, term(squared, high(b), means));
  }
  let total = sumWide(f64x2.add(f64x2.add(s0, s1), f64x2.add(s2, s3)));
  for (const end = x + (<usize>(n & 7) << 2); x < end; x += 4) {
    const distance = <f64>load<f32>(x) - mean;
    total += squared ? distance * distance : <f64>load<f32>(x);
  }
  return total;
}

/** Adds up to 8 rows, `step` bytes apart, to the totals of a stripe. `means`, also float64, may be 0. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function addRows(squared: bool, rows: i32, cols: i32, x: usize, step: usize, means: usize, totals: usize): void {
  const zero = f64x2.splat(0);
  for (let left = cols; left > 0; left -= 4, x += 16, totals += 32) {
    const m0 = means ? v128.load(means) : zero;
    const m1 = means ? v128.load(means, 16) : zero;
    let s0 = v128.load(totals);
    let s1 = v128.load(totals, 16);
    let p = x;
    for (let r = 0; r < rows; r++, p += step) {
      const v = left >= 4 ? v128.load(p) : loadLanes(p, left);
      s0 = f64x2.add(s0, term(squared, low(v), m0));
      s1 = f64x2.add(s1, term(squared, high(v), m1));
    }
    v128.store(totals, s0);
    v128.store(totals, s1, 16);
    if (means) means += 32;
  }
}

/** The totals of a stripe over all rows, in groups of four. Totals past the last column are never read. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function sumColumns(squared: bool, rows: i32, cols: i32, x: usize, step: usize, means: usize, totals: usize): void {
  clearTotals((cols + 3) & ~3, totals);
  for (let r = 0; r < rows; r += 8, x += step << 3) addRows(squared, min(rows - r, 8), cols, x, step, means, totals);
}

/** The means of a stripe, in float64. */
function meansOfColumns(rows: i32, cols: i32, x: usize, step: usize, means: usize): void {
  sumColumns(false, rows, cols, x, step, 0, means);
  for (const end = means + (<usize>cols << 3); means < end; means += 8) store<f64>(means, load<f64>(means) / <f64>rows);
}

/** total/divisor, or its root. */
function finish(total: f64, divisor: f64, root: i32): f32 {
  const quotient = total / divisor;
  return <f32>(root ? sqrt<f64>(quotient) : quotient);
}

export function spread(
  outer: i32, length: i32, inner: i32, x: usize, y: usize, centered: i32, divisor: f64, root: i32,
): void {
  const step = <usize>inner << 2;
  const means = scratch;
  const totals = scratch + (<usize>STRIPE << 3);
  for (; outer > 0; outer--, x += <usize>length * step, y += step) {
    if (inner == 1) {
      const mean: f64 = centered ? sumOfRow(false, length, x, 0) / <f64>length : 0;
      store<f32>(y, finish(sumOfRow(true, length, x, mean), divisor, root));
      continue;
    }
    for (let start = 0; start < inner; start += STRIPE) {
      const cols = min(inner - start, STRIPE);
      const at = <usize>start << 2;
      if (centered) meansOfColumns(length, cols, x + at, step, means);
      sumColumns(true, length, cols, x + at, step, centered ? means : 0, totals);
      for (let c: usize = 0; c < <usize>cols; c++) {
        store<f32>(y + at + (c << 2), finish(load<f64>(totals + (c << 3)), divisor, root));
      }
    }
  }
}

/** x - mean of four elements, rounded once. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function distance(x: v128, mean0: v128, mean1: v128): v128 {
  const first = f32x4.demote_f64x2_zero(f64x2.sub(low(x), mean0));
  const second = f32x4.demote_f64x2_zero(f64x2.sub(high(x), mean1));
  return v128.shuffle<i64>(first, second, 0, 2);
}

export function center(outer: i32, length: i32, inner: i32, x: usize, y: usize): void {
  const step = <usize>inner << 2;
  const means = scratch;
  for (; outer > 0; outer--, x += <usize>length * step, y += <usize>length * step) {
    if (inner == 1) {
      const mean = f64x2.splat(sumOfRow(false, length, x, 0) / <f64>length);
      centerRow(length, x, mean, 0, y);
      continue;
    }
    for (let start = 0; start < inner; start += STRIPE) {
      const cols = min(inner - start, STRIPE);
      const at = <usize>start << 2;
      meansOfColumns(length, cols, x + at, step, means);
      for (let r = 0; r < length; r++) {
        const row = at + <usize>r * step;
        centerRow(cols, x + row, f64x2.splat(0), means, y + row);
      }
    }
  }
}

/** One mean for all, or one for each at `means`. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function centerRow(n: i32, x: usize, mean: v128, means: usize, y: usize): void {
  for (let left = n; left > 0; left -= 4, x += 16, y += 16) {
    const m0 = means ? v128.load(means) : mean;
    const m1 = means ? v128.load(means, 16) : mean;
    if (left >= 4) v128.store(y, distance(v128.load(x), m0, m1));
    else storeLanes(y, distance(loadLanes(x, left), m0, m1), left);
    if (means) means += 32;
  }
}
