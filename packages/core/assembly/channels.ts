// Normalizations per channel of [outer, channels, inner]: sums and moments (see channel-sums.ts), and their use. Plain
// multiply and add, so both builds give the same bits.
import { COLUMN_TOTALS, COLUMNS, channelSums, columnArray, isNarrow, plainSums, repeat } from "./channel-sums";
import { loadLanes, loadUpTo4, storeLanes, storeUpTo4 } from "./lanes";
import { scratch } from "./scratch";
import { clearTotals, distances, DOT, moveToTotals, ROWS, squares, STRIPE, sumDistances } from "./sums";

export function channelDot(
  outer: i32, channels: i32, inner: i32, a: usize, b: usize, center: usize, rest: usize, y: usize,
): void {
  if (b) channelSums(DOT, outer, channels, inner, a, b, center, rest, y);
  else plainSums(outer, channels, inner, a, y);
}

/** For up to 8 rows, adds x - center and its square to two rows of sums. */
function addDistances(rows: i32, cols: i32, x: usize, step: usize, center: usize, sums: usize, squareSums: usize): void {
  for (let left = cols; left > 0; left -= 4, x += 16, center += 16, sums += 16, squareSums += 16) {
    const middle = loadUpTo4(center, left);
    let s = f32x4.splat(0);
    let q = s;
    let p = x;
    for (let r = 0; r < rows; r++, p += step) {
      const d = f32x4.sub(loadUpTo4(p, left), middle);
      s = f32x4.add(s, d);
      q = f32x4.add(q, f32x4.mul(d, d));
    }
    storeUpTo4(sums, f32x4.add(loadUpTo4(sums, left), s), left);
    storeUpTo4(squareSums, f32x4.add(loadUpTo4(squareSums, left), q), left);
  }
}

/** For all rows, adds x - center and its square to two rows of totals; `sums` and `squareSums` are 0 before and after. */
function columnDistances(
  rows: i32, cols: i32, x: usize, step: usize, center: usize, sums: usize, squareSums: usize, totals: usize,
  squareTotals: usize,
): void {
  for (let r = 0; r < rows; r += 8, x += step << 3) {
    addDistances(min(rows - r, 8), cols, x, step, center, sums, squareSums);
    if ((r + 8) % ROWS != 0 && r + 8 < rows) continue;
    moveToTotals(cols, sums, totals);
    moveToTotals(cols, squareSums, squareTotals);
  }
}

/** The same for channels with more elements. */
function channelDistances(
  outer: i32, channels: i32, inner: i32, x: usize, step: usize, center: usize, totals: usize, squareTotals: usize,
): void {
  const size = <usize>inner << 2;
  for (; outer > 0; outer--, x += step) {
    let p = x;
    for (let c: usize = 0; c < <usize>channels; c++, p += size) {
      sumDistances(inner, p, v128.load32_splat(center + (c << 2)));
      const at = c << 3;
      store<f64>(totals + at, load<f64>(totals + at) + distances);
      store<f64>(squareTotals + at, load<f64>(squareTotals + at) + squares);
    }
  }
}

/** Adds up each `count` totals, in place. */
function fold(n: i32, count: i32, totals: usize): void {
  let from = totals;
  for (const end = totals + (<usize>n << 3); totals < end; totals += 8) {
    let total: f64 = 0;
    for (const last = from + (<usize>count << 3); from < last; from += 8) total += load<f64>(from);
    store<f64>(totals, total);
  }
}

/** Computes the exact mean and the variance from an approximate mean and the small distances from it. */
export function channelMoments(
  outer: i32, channels: i32, inner: i32, x: usize, mean: usize, rest: usize, variance: usize,
): void {
  const n = <f64>outer * <f64>inner;
  const step = (<usize>channels * <usize>inner) << 2;
  const totals = scratch;
  const squareTotals = scratch + COLUMN_TOTALS;
  const width = isNarrow(inner) ? inner : 1;
  plainSums(outer, channels, inner, x, mean);
  for (let left = channels; left > 0; left -= STRIPE / width) {
    const count = min(left, STRIPE / width);
    const cols = count * width;
    const end = <usize>count << 2;
    for (let c: usize = 0; c < end; c += 4) store<f32>(mean + c, <f32>(<f64>load<f32>(mean + c) / n));
    clearTotals(cols, totals);
    clearTotals(cols, squareTotals);
    if (isNarrow(inner)) {
      repeat(count, inner, mean, columnArray(0));
      memory.fill(columnArray(1), 0, 2 * COLUMNS);
      columnDistances(outer, cols, x, step, columnArray(0), columnArray(1), columnArray(2), totals, squareTotals);
      fold(count, inner, totals);
      fold(count, inner, squareTotals);
    } else channelDistances(outer, count, inner, x, step, mean, totals, squareTotals);
    for (let c: usize = 0; c < end; c += 4) {
      const off = load<f64>(totals + (c << 1)) / n;
      // Distances from an infinite mean do not exist.
      const middle = <f64>load<f32>(mean + c) + (off == off ? off : 0);
      const rounded = <f32>middle;
      store<f32>(mean + c, rounded);
      store<f32>(rest + c, <f32>(middle - <f64>rounded));
      store<f32>(variance + c, <f32>max<f64>(0, load<f64>(squareTotals + (c << 1)) / n - off * off));
    }
    x += (<usize>count * <usize>inner) << 2;
    mean += end;
    rest += end;
    variance += end;
  }
}

/** (a - center)·p + r, or a·p + (b - center)·q + r. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function combined(both: bool, a: v128, b: v128, center: v128, p: v128, q: v128, r: v128): v128 {
  if (!both) return f32x4.add(f32x4.mul(f32x4.sub(a, center), p), r);
  return f32x4.add(f32x4.add(f32x4.mul(a, p), f32x4.mul(f32x4.sub(b, center), q)), r);
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function combine(
  both: bool, outer: i32, channels: i32, inner: i32,
  a: usize, b: usize, center: usize, p: usize, q: usize, r: usize, y: usize,
): void {
  // Adding -0 and subtracting 0 change nothing, not even the sign of a zero.
  const none = f32x4.splat(-0.0);
  const zero = f32x4.splat(0);
  for (let o = 0; o < outer; o++) {
    let c: usize = 0;
    if (inner == 1) {
      for (const end = <usize>(channels & ~3) << 2; c < end; c += 16, a += 16, b += 16, y += 16) {
        const s = r ? v128.load(r + c) : none;
        const d = both ? v128.load(b) : none;
        const m = center ? v128.load(center + c) : zero;
        const f = both ? v128.load(q + c) : none;
        v128.store(y, combined(both, v128.load(a), d, m, v128.load(p + c), f, s));
      }
    }
    for (const end = <usize>channels << 2; c < end; c += 4) {
      const f = v128.load32_splat(p + c);
      const s = r ? v128.load32_splat(r + c) : none;
      const m = center ? v128.load32_splat(center + c) : zero;
      const g = both ? v128.load32_splat(q + c) : none;
      for (const last = y + (<usize>(inner & ~3) << 2); y < last; a += 16, b += 16, y += 16) {
        v128.store(y, combined(both, v128.load(a), both ? v128.load(b) : none, m, f, g, s));
      }
      const rest = inner & 3;
      if (rest) {
        storeLanes(y, combined(both, loadLanes(a, rest), both ? loadLanes(b, rest) : none, m, f, g, s), rest);
        a += <usize>rest << 2;
        b += <usize>rest << 2;
        y += <usize>rest << 2;
      }
    }
  }
}

export function channelAffine(
  outer: i32, channels: i32, inner: i32, x: usize, center: usize, scale: usize, shift: usize, y: usize,
): void {
  combine(false, outer, channels, inner, x, 0, center, scale, 0, shift, y);
}

export function channelCombine(
  outer: i32, channels: i32, inner: i32,
  a: usize, b: usize, center: usize, p: usize, q: usize, r: usize, y: usize,
): void {
  combine(true, outer, channels, inner, a, b, center, p, q, r, y);
}
