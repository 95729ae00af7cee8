// The normalisations per channel of [outer, channels, inner]: sums (see sums.ts), moments, and what is done with them.
// Plain multiply and add, so both builds give the same bits.
import { loadLanes, storeLanes } from "./lanes";
import { scratch } from "./scratch";
import {
  addColumns, clearTotals, DISTANCE, distances, DOT, PLAIN, SQUARE, squares, STRIPE, sumColumns, sumDistances,
  sumTerms, writeTotals,
} from "./sums";

/** Adds to the totals of `channels` channels, which lie `step` bytes apart from one outer index to the next. */
function addChannels(
  code: i32, outer: i32, channels: i32, inner: i32, a: usize, b: usize, step: usize, center: usize, rest: usize,
  totals: usize,
): void {
  const size = <usize>inner << 2;
  for (let o = 0; o < outer; o++, a += step, b += step) {
    let p = a;
    let q = b;
    for (let c: usize = 0; c < <usize>channels; c++, p += size, q += size) {
      const m = center ? v128.load32_splat(center + (c << 2)) : f32x4.splat(0);
      const r = rest ? v128.load32_splat(rest + (c << 2)) : f32x4.splat(0);
      const to = totals + (c << 3);
      store<f64>(to, load<f64>(to) + sumTerms(code, inner, p, q, m, r));
    }
  }
}

/** y[channel] = sum of terms; `center` and `rest` may be 0. With one inner element the channels are the lanes. */
function channelSums(
  code: i32, outer: i32, channels: i32, inner: i32, a: usize, b: usize, center: usize, rest: usize, y: usize,
): void {
  if (inner == 1) {
    sumColumns(code, outer, channels, a, b, center, rest, y);
    return;
  }
  const step = (<usize>channels * <usize>inner) << 2;
  for (let start = 0; start < channels; start += STRIPE) {
    const count = min(channels - start, STRIPE);
    const from = (<usize>start * <usize>inner) << 2;
    const at = <usize>start << 2;
    const c: usize = center ? center + at : 0;
    const r: usize = rest ? rest + at : 0;
    clearTotals(count, scratch);
    addChannels(code, outer, count, inner, a + from, b + from, step, c, r, scratch);
    writeTotals(count, scratch, y + at);
  }
}

export function channelDot(
  outer: i32, channels: i32, inner: i32, a: usize, b: usize, center: usize, rest: usize, y: usize,
): void {
  if (b) channelSums(DOT, outer, channels, inner, a, b, center, rest, y);
  else channelSums(PLAIN, outer, channels, inner, a, 0, 0, 0, y);
}

/** Adds x - center and its square to two rows of totals. */
function addDistances(
  outer: i32, channels: i32, inner: i32, x: usize, step: usize, center: usize, sums: usize, squareSums: usize,
): void {
  if (inner == 1) {
    // Eight rows at a time, which are still in the cache for the second sum.
    for (; outer > 0; outer -= 8, x += step << 3) {
      const rows = min(outer, 8);
      addColumns(DISTANCE, rows, channels, x, 0, step, center, 0, sums);
      addColumns(SQUARE, rows, channels, x, 0, step, center, 0, squareSums);
    }
    return;
  }
  const size = <usize>inner << 2;
  for (; outer > 0; outer--, x += step) {
    let p = x;
    for (let c: usize = 0; c < <usize>channels; c++, p += size) {
      sumDistances(inner, p, v128.load32_splat(center + (c << 2)));
      const at = c << 3;
      store<f64>(sums + at, load<f64>(sums + at) + distances);
      store<f64>(squareSums + at, load<f64>(squareSums + at) + squares);
    }
  }
}

/** From a mean that is almost right, and the distances from it, which are small, come the right one and the variance. */
export function channelMoments(
  outer: i32, channels: i32, inner: i32, x: usize, mean: usize, rest: usize, variance: usize,
): void {
  const n = <f64>outer * <f64>inner;
  const step = (<usize>channels * <usize>inner) << 2;
  const sums = scratch;
  const squareSums = scratch + (<usize>STRIPE << 3);
  for (let start = 0; start < channels; start += STRIPE) {
    const count = min(channels - start, STRIPE);
    clearTotals(count, sums);
    if (inner == 1) addColumns(PLAIN, outer, count, x, 0, step, 0, 0, sums);
    else addChannels(PLAIN, outer, count, inner, x, 0, step, 0, 0, sums);
    for (let c: usize = 0; c < <usize>count; c++) store<f32>(mean + (c << 2), <f32>(load<f64>(sums + (c << 3)) / n));
    clearTotals(count, sums);
    clearTotals(count, squareSums);
    addDistances(outer, count, inner, x, step, mean, sums, squareSums);
    for (let c: usize = 0; c < <usize>count; c++) {
      const off = load<f64>(sums + (c << 3)) / n;
      // An infinite mean has no distances.
      const middle = <f64>load<f32>(mean + (c << 2)) + (off == off ? off : 0);
      const rounded = <f32>middle;
      store<f32>(mean + (c << 2), rounded);
      store<f32>(rest + (c << 2), <f32>(middle - <f64>rounded));
      store<f32>(variance + (c << 2), <f32>max<f64>(0, load<f64>(squareSums + (c << 3)) / n - off * off));
    }
    x += (<usize>count * <usize>inner) << 2;
    mean += <usize>count << 2;
    rest += <usize>count << 2;
    variance += <usize>count << 2;
  }
}

/** (a - center)·p + r, or a·p + (b - center)·q + r. */
// @ts-ignore: decorator
@inline
function combined(both: bool, a: v128, b: v128, center: v128, p: v128, q: v128, r: v128): v128 {
  if (!both) return f32x4.add(f32x4.mul(f32x4.sub(a, center), p), r);
  return f32x4.add(f32x4.add(f32x4.mul(a, p), f32x4.mul(f32x4.sub(b, center), q)), r);
}

// @ts-ignore: decorator
@inline
function combine(
  both: bool, outer: i32, channels: i32, inner: i32,
  a: usize, b: usize, center: usize, p: usize, q: usize, r: usize, y: usize,
): void {
  // -0 added and 0 taken off change nothing, not even the sign of a zero.
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
