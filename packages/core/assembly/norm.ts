// The normalisations: over rows, and per channel of [outer, channels, inner]. Sums run in an order that depends on the
// sizes alone. Plain multiply and add, so both builds give the same bits.
import { loadLanes, storeLanes } from "./lanes";

// @ts-ignore: decorator
@inline
function horizontalSum(v: v128): f32 {
  const pairs = f32x4.add(v, v128.shuffle<i32>(v, v, 2, 3, 0, 1));
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1);
}

// Codes of the terms that `sumTerms` adds up; compile-time constants wherever they are used.
/** a */
const PLAIN: i32 = 0;
/** (a - center)² */
const SQUARE: i32 = 1;
/** a·(b - center) */
const DOT: i32 = 2;

// @ts-ignore: decorator
@inline
function term(code: i32, a: v128, b: v128, center: v128): v128 {
  if (code == PLAIN) return a;
  if (code == DOT) return f32x4.mul(a, f32x4.sub(b, center));
  const distance = f32x4.sub(a, center);
  return f32x4.mul(distance, distance);
}

/** Sum of the terms of n elements at `a` (and `b`). */
// @ts-ignore: decorator
@inline
function sumTerms(code: i32, n: i32, a: usize, b: usize, center: v128): f32 {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  const zero = s0;
  let end = a + (<usize>(n & ~15) << 2);
  for (; a < end; a += 64, b += 64) {
    s0 = f32x4.add(s0, term(code, v128.load(a), code == DOT ? v128.load(b) : zero, center));
    s1 = f32x4.add(s1, term(code, v128.load(a, 16), code == DOT ? v128.load(b, 16) : zero, center));
    s2 = f32x4.add(s2, term(code, v128.load(a, 32), code == DOT ? v128.load(b, 32) : zero, center));
    s3 = f32x4.add(s3, term(code, v128.load(a, 48), code == DOT ? v128.load(b, 48) : zero, center));
  }
  end = a + (<usize>(n & 12) << 2);
  for (; a < end; a += 16, b += 16) {
    s0 = f32x4.add(s0, term(code, v128.load(a), code == DOT ? v128.load(b) : zero, center));
  }
  let total = horizontalSum(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
  end = a + (<usize>(n & 3) << 2);
  for (; a < end; a += 4, b += 4) {
    const x = v128.load32_zero(a);
    total += f32x4.extract_lane(term(code, x, code == DOT ? v128.load32_zero(b) : zero, center), 0);
  }
  return total;
}

function meanOfRow(cols: i32, x: usize): f32 {
  return sumTerms(PLAIN, cols, x, 0, f32x4.splat(0)) / <f32>cols;
}

/** 1/√(mean square distance from `mean` + eps) */
function scaleOfRow(cols: i32, x: usize, mean: f32, eps: f32): f32 {
  return 1 / sqrt<f32>(sumTerms(SQUARE, cols, x, 0, f32x4.splat(mean)) / <f32>cols + eps);
}

/** (x - mean)·scale·weight + bias */
// @ts-ignore: decorator
@inline
function normed(x: v128, mean: v128, scale: v128, weight: v128, bias: v128): v128 {
  return f32x4.add(f32x4.mul(f32x4.mul(f32x4.sub(x, mean), scale), weight), bias);
}

export function rowNorm(rows: i32, cols: i32, eps: f32, centered: i32, x: usize, weight: usize, bias: usize, y: usize): void {
  const size = <usize>cols << 2;
  const whole = <usize>(cols & ~3) << 2;
  const rest = cols & 3;
  const one = f32x4.splat(1);
  // -0 added changes nothing, not even the sign of a zero.
  const none = f32x4.splat(-0.0);
  for (let r = 0; r < rows; r++, x += size, y += size) {
    const center: f32 = centered ? meanOfRow(cols, x) : 0;
    const scale = f32x4.splat(scaleOfRow(cols, x, center, eps));
    const mean = f32x4.splat(center);
    for (let i: usize = 0; i < whole; i += 16) {
      const w = weight ? v128.load(weight + i) : one;
      const b = bias ? v128.load(bias + i) : none;
      v128.store(y + i, normed(v128.load(x + i), mean, scale, w, b));
    }
    if (rest) {
      const w = weight ? loadLanes(weight + whole, rest) : one;
      const b = bias ? loadLanes(bias + whole, rest) : none;
      storeLanes(y + whole, normed(loadLanes(x + whole, rest), mean, scale, w, b), rest);
    }
  }
}

export function rowNormGrad(rows: i32, cols: i32, eps: f32, centered: i32, dy: usize, x: usize, weight: usize, dx: usize): void {
  const size = <usize>cols << 2;
  const whole = <usize>(cols & ~3) << 2;
  const rest = cols & 3;
  const one = f32x4.splat(1);
  for (let r = 0; r < rows; r++, dy += size, x += size, dx += size) {
    const center: f32 = centered ? meanOfRow(cols, x) : 0;
    const scale = f32x4.splat(scaleOfRow(cols, x, center, eps));
    const mean = f32x4.splat(center);
    let sumG = f32x4.splat(0);
    let sumGN = sumG;
    for (let i: usize = 0; i < whole; i += 16) {
      const g = f32x4.mul(v128.load(dy + i), weight ? v128.load(weight + i) : one);
      sumG = f32x4.add(sumG, g);
      sumGN = f32x4.add(sumGN, f32x4.mul(g, f32x4.mul(f32x4.sub(v128.load(x + i), mean), scale)));
    }
    if (rest) {
      // Lanes past the end have g = 0, as dy is 0 there, and so add nothing.
      const g = f32x4.mul(loadLanes(dy + whole, rest), weight ? loadLanes(weight + whole, rest) : one);
      sumG = f32x4.add(sumG, g);
      sumGN = f32x4.add(sumGN, f32x4.mul(g, f32x4.mul(f32x4.sub(loadLanes(x + whole, rest), mean), scale)));
    }
    const meanG = f32x4.splat(centered ? horizontalSum(sumG) / <f32>cols : 0);
    const meanGN = f32x4.splat(horizontalSum(sumGN) / <f32>cols);
    for (let i: usize = 0; i < whole; i += 16) {
      const g = f32x4.mul(v128.load(dy + i), weight ? v128.load(weight + i) : one);
      const n = f32x4.mul(f32x4.sub(v128.load(x + i), mean), scale);
      v128.store(dx + i, f32x4.mul(f32x4.sub(f32x4.sub(g, meanG), f32x4.mul(n, meanGN)), scale));
    }
    if (rest) {
      const g = f32x4.mul(loadLanes(dy + whole, rest), weight ? loadLanes(weight + whole, rest) : one);
      const n = f32x4.mul(f32x4.sub(loadLanes(x + whole, rest), mean), scale);
      storeLanes(dx + whole, f32x4.mul(f32x4.sub(f32x4.sub(g, meanG), f32x4.mul(n, meanGN)), scale), rest);
    }
  }
}

export function rowNormGradWeight(rows: i32, cols: i32, eps: f32, centered: i32, dy: usize, x: usize, dw: usize): void {
  const size = <usize>cols << 2;
  const whole = <usize>(cols & ~3) << 2;
  memory.fill(dw, 0, size);
  for (let r = 0; r < rows; r++, dy += size, x += size) {
    const center: f32 = centered ? meanOfRow(cols, x) : 0;
    const scaleLane = scaleOfRow(cols, x, center, eps);
    const scale = f32x4.splat(scaleLane);
    const mean = f32x4.splat(center);
    let i: usize = 0;
    for (; i < whole; i += 16) {
      const n = f32x4.mul(f32x4.sub(v128.load(x + i), mean), scale);
      v128.store(dw + i, f32x4.add(v128.load(dw + i), f32x4.mul(v128.load(dy + i), n)));
    }
    for (; i < size; i += 4) {
      const n = (load<f32>(x + i) - center) * scaleLane;
      store<f32>(dw + i, load<f32>(dw + i) + load<f32>(dy + i) * n);
    }
  }
}

/** y[channel] = sum of terms; `center` may be 0. With one inner element the channels are the lanes. */
// @ts-ignore: decorator
@inline
function channelSums(code: i32, outer: i32, channels: i32, inner: i32, a: usize, b: usize, center: usize, y: usize): void {
  memory.fill(y, 0, <usize>channels << 2);
  const zero = f32x4.splat(0);
  const size = <usize>inner << 2;
  const whole = channels & ~3;
  for (let o = 0; o < outer; o++) {
    let c = 0;
    if (inner == 1) {
      for (; c < whole; c += 4, a += 16, b += 16) {
        const m = center ? v128.load(center + (<usize>c << 2)) : zero;
        const t = term(code, v128.load(a), code == DOT ? v128.load(b) : zero, m);
        const to = y + (<usize>c << 2);
        v128.store(to, f32x4.add(v128.load(to), t));
      }
    }
    for (; c < channels; c++, a += size, b += size) {
      const m = center ? v128.load32_splat(center + (<usize>c << 2)) : zero;
      const to = y + (<usize>c << 2);
      store<f32>(to, load<f32>(to) + sumTerms(code, inner, a, b, m));
    }
  }
}

function divide(n: i32, y: usize, divisor: f32): void {
  for (let i = 0; i < n; i++, y += 4) store<f32>(y, load<f32>(y) / divisor);
}

export function channelMoments(outer: i32, channels: i32, inner: i32, x: usize, mean: usize, variance: usize): void {
  const count = <f32>outer * <f32>inner;
  channelSums(PLAIN, outer, channels, inner, x, 0, 0, mean);
  divide(channels, mean, count);
  channelSums(SQUARE, outer, channels, inner, x, 0, mean, variance);
  divide(channels, variance, count);
}

export function channelDot(outer: i32, channels: i32, inner: i32, a: usize, b: usize, center: usize, y: usize): void {
  if (b) channelSums(DOT, outer, channels, inner, a, b, center, y);
  else channelSums(PLAIN, outer, channels, inner, a, 0, 0, y);
}

/** a·p + r, or a·p + (b - center)·q + r. */
// @ts-ignore: decorator
@inline
function combined(both: bool, a: v128, b: v128, center: v128, p: v128, q: v128, r: v128): v128 {
  const first = f32x4.mul(a, p);
  return f32x4.add(both ? f32x4.add(first, f32x4.mul(f32x4.sub(b, center), q)) : first, r);
}

// @ts-ignore: decorator
@inline
function combine(
  both: bool, outer: i32, channels: i32, inner: i32,
  a: usize, b: usize, center: usize, p: usize, q: usize, r: usize, y: usize,
): void {
  // -0 added changes nothing, not even the sign of a zero.
  const none = f32x4.splat(-0.0);
  for (let o = 0; o < outer; o++) {
    let c: usize = 0;
    if (inner == 1) {
      for (const end = <usize>(channels & ~3) << 2; c < end; c += 16, a += 16, b += 16, y += 16) {
        const s = r ? v128.load(r + c) : none;
        const d = both ? v128.load(b) : none;
        const m = both ? v128.load(center + c) : none;
        const f = both ? v128.load(q + c) : none;
        v128.store(y, combined(both, v128.load(a), d, m, v128.load(p + c), f, s));
      }
    }
    for (const end = <usize>channels << 2; c < end; c += 4) {
      const f = v128.load32_splat(p + c);
      const s = r ? v128.load32_splat(r + c) : none;
      const m = both ? v128.load32_splat(center + c) : none;
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

export function channelAffine(outer: i32, channels: i32, inner: i32, x: usize, scale: usize, shift: usize, y: usize): void {
  combine(false, outer, channels, inner, x, 0, 0, scale, 0, shift, y);
}

export function channelCombine(
  outer: i32, channels: i32, inner: i32,
  a: usize, b: usize, center: usize, p: usize, q: usize, r: usize, y: usize,
): void {
  combine(true, outer, channels, inner, a, b, center, p, q, r, y);
}
