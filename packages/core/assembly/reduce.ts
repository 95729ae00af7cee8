// Reductions of [outer, length, inner] along the middle axis, and functions of whole rows.
// The order of additions depends on the sizes alone, so equal inputs give equal bits.
import { exp4, log4 } from "./math";

// @ts-ignore: decorator
@inline
function horizontalSum(v: v128): f32 {
  const pairs = f32x4.add(v, v128.shuffle<i32>(v, v, 2, 3, 0, 1));
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1);
}

// @ts-ignore: decorator
@inline
function horizontalMax(v: v128): f32 {
  const pairs = f32x4.max(v, v128.shuffle<i32>(v, v, 2, 3, 0, 1));
  return max(f32x4.extract_lane(pairs, 0), f32x4.extract_lane(pairs, 1));
}

function sumRow(n: i32, x: usize): f32 {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  let end = x + (<usize>(n & ~15) << 2);
  for (; x < end; x += 64) {
    s0 = f32x4.add(s0, v128.load(x));
    s1 = f32x4.add(s1, v128.load(x, 16));
    s2 = f32x4.add(s2, v128.load(x, 32));
    s3 = f32x4.add(s3, v128.load(x, 48));
  }
  let total = horizontalSum(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
  end = x + (<usize>(n & 15) << 2);
  for (; x < end; x += 4) total += load<f32>(x);
  return total;
}

function maxRow(n: i32, x: usize): f32 {
  let most = f32x4.splat(-Infinity);
  let end = x + (<usize>(n & ~3) << 2);
  for (; x < end; x += 16) most = f32x4.max(most, v128.load(x));
  let result = horizontalMax(most);
  end = x + (<usize>(n & 3) << 2);
  for (; x < end; x += 4) result = max(result, load<f32>(x));
  return result;
}

const SUM: i32 = 0;

// @ts-ignore: decorator
@inline
function combine(code: i32, a: v128, b: v128): v128 {
  return code == SUM ? f32x4.add(a, b) : f32x4.max(a, b);
}

/** One output row of `inner` elements from `length` input rows. */
// @ts-ignore: decorator
@inline
function reduceRows(code: i32, start: f32, length: i32, inner: i32, x: usize, y: usize): void {
  const row = <usize>inner << 2;
  let i = 0;
  for (; i + 8 <= inner; i += 8) {
    let p = x + (<usize>i << 2);
    let r0 = f32x4.splat(start);
    let r1 = r0;
    for (let r = 0; r < length; r++, p += row) {
      r0 = combine(code, r0, v128.load(p));
      r1 = combine(code, r1, v128.load(p, 16));
    }
    v128.store(y + (<usize>i << 2), r0);
    v128.store(y + (<usize>i << 2), r1, 16);
  }
  for (; i < inner; i++) {
    let p = x + (<usize>i << 2);
    let result = start;
    for (let r = 0; r < length; r++, p += row) {
      result = code == SUM ? result + load<f32>(p) : max(result, load<f32>(p));
    }
    store<f32>(y + (<usize>i << 2), result);
  }
}

export function sum(outer: i32, length: i32, inner: i32, x: usize, y: usize): void {
  const block = (<usize>length * <usize>inner) << 2;
  for (let o = 0; o < outer; o++, x += block, y += <usize>inner << 2) {
    if (inner == 1) store<f32>(y, sumRow(length, x));
    else reduceRows(SUM, 0, length, inner, x, y);
  }
}

export { maxOver as max };
function maxOver(outer: i32, length: i32, inner: i32, x: usize, y: usize): void {
  const block = (<usize>length * <usize>inner) << 2;
  for (let o = 0; o < outer; o++, x += block, y += <usize>inner << 2) {
    if (inner == 1) store<f32>(y, maxRow(length, x));
    else reduceRows(1, -Infinity, length, inner, x, y);
  }
}

export function logSoftmax(rows: i32, cols: i32, x: usize, y: usize): void {
  const row = <usize>cols << 2;
  for (let r = 0; r < rows; r++, x += row, y += row) {
    const most = maxRow(cols, x);
    const shift = f32x4.splat(most);
    let sums = f32x4.splat(0);
    let p = x;
    let end = x + (<usize>(cols & ~3) << 2);
    for (; p < end; p += 16) sums = f32x4.add(sums, exp4(f32x4.sub(v128.load(p), shift)));
    let total = horizontalSum(sums);
    for (end = x + row; p < end; p += 4) {
      total += f32x4.extract_lane(exp4(f32x4.splat(load<f32>(p) - most)), 0);
    }
    const logSum = f32x4.extract_lane(log4(f32x4.splat(total)), 0);
    for (p = 0; p + 16 <= row; p += 16) {
      v128.store(y + p, f32x4.sub(f32x4.sub(v128.load(x + p), shift), f32x4.splat(logSum)));
    }
    for (; p < row; p += 4) store<f32>(y + p, load<f32>(x + p) - most - logSum);
  }
}
