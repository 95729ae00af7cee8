// Sums that keep their digits for any number of elements: float32 in runs of 16, accumulated in float64. The error
// stays below 1e-6 of the sum of magnitudes, and the few wide additions cost nothing. The order of additions depends on
// the sizes alone. Plain multiply and add, so both builds give the same bits.
import { addWide, firstLanes, loadLanes, loadUpTo4, storeLanes, sumWide } from "./lanes";
import { scratch } from "./scratch";

// Codes of the terms; compile-time constants wherever they are used.
/** a */
export const PLAIN: i32 = 0;
/** a² */
export const SQUARE: i32 = 1;
/** a·((b - center) - rest) */
export const DOT: i32 = 2;

/** How many elements of a row 16 lanes add up in float32. */
const BLOCK: i32 = 256;

/** How many rows are added up in float32, eight at a time. */
export const ROWS: i32 = 128;

/** Bytes of the 16 vectors that one vector of float32 sums covers. */
export const RUN_BYTES: usize = 256;

/** How many columns are added up together: 4 KiB of sums, which stay in the first-level cache. */
export const STRIPE: i32 = 1024;

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function term(code: i32, a: v128, b: v128, center: v128, rest: v128): v128 {
  if (code == PLAIN) return a;
  return f32x4.mul(a, code == SQUARE ? a : f32x4.sub(f32x4.sub(b, center), rest));
}

/** Sum of the terms of n elements at `a` (and `b`). */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
export function sumTerms(code: i32, n: i32, a: usize, b: usize, center: v128, rest: v128): f64 {
  const zero = f32x4.splat(0);
  let total = f64x2.splat(0);
  for (; n > 0; n -= BLOCK) {
    const count = min(n, BLOCK);
    let s0 = zero;
    let s1 = zero;
    let s2 = zero;
    let s3 = zero;
    for (const end = a + (<usize>(count & ~15) << 2); a < end; a += 64, b += 64) {
      s0 = f32x4.add(s0, term(code, v128.load(a), code == DOT ? v128.load(b) : zero, center, rest));
      s1 = f32x4.add(s1, term(code, v128.load(a, 16), code == DOT ? v128.load(b, 16) : zero, center, rest));
      s2 = f32x4.add(s2, term(code, v128.load(a, 32), code == DOT ? v128.load(b, 32) : zero, center, rest));
      s3 = f32x4.add(s3, term(code, v128.load(a, 48), code == DOT ? v128.load(b, 48) : zero, center, rest));
    }
    for (const end = a + (<usize>(count & 12) << 2); a < end; a += 16, b += 16) {
      s0 = f32x4.add(s0, term(code, v128.load(a), code == DOT ? v128.load(b) : zero, center, rest));
    }
    const left = count & 3; // only in the last block
    if (left) {
      const last = term(code, loadLanes(a, left), code == DOT ? loadLanes(b, left) : zero, center, rest);
      s1 = f32x4.add(s1, v128.and(last, firstLanes(left)));
    }
    total = addWide(total, f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
  }
  return sumWide(total);
}

/** The last result of `sumDistances`: the sums of x - center and of its square. */
export let distances: f64 = 0;
export let squares: f64 = 0;

/** Both sums of n elements in one pass. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
export function sumDistances(n: i32, x: usize, center: v128): void {
  let sum = f64x2.splat(0);
  let sumOfSquares = sum;
  for (; n > 0; n -= BLOCK) {
    let s0 = f32x4.splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    let q0 = s0;
    let q1 = s0;
    let q2 = s0;
    let q3 = s0;
    const count = min(n, BLOCK);
    for (const end = x + (<usize>(count & ~15) << 2); x < end; x += 64) {
      const d0 = f32x4.sub(v128.load(x), center);
      const d1 = f32x4.sub(v128.load(x, 16), center);
      const d2 = f32x4.sub(v128.load(x, 32), center);
      const d3 = f32x4.sub(v128.load(x, 48), center);
      s0 = f32x4.add(s0, d0);
      s1 = f32x4.add(s1, d1);
      s2 = f32x4.add(s2, d2);
      s3 = f32x4.add(s3, d3);
      q0 = f32x4.add(q0, f32x4.mul(d0, d0));
      q1 = f32x4.add(q1, f32x4.mul(d1, d1));
      q2 = f32x4.add(q2, f32x4.mul(d2, d2));
      q3 = f32x4.add(q3, f32x4.mul(d3, d3));
    }
    for (let left = count & 15; left > 0; left -= 4, x += 16) {
      const d = v128.and(f32x4.sub(loadUpTo4(x, left), center), firstLanes(left));
      s0 = f32x4.add(s0, d);
      q0 = f32x4.add(q0, f32x4.mul(d, d));
    }
    sum = addWide(sum, f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
    sumOfSquares = addWide(sumOfSquares, f32x4.add(f32x4.add(q0, q1), f32x4.add(q2, q3)));
  }
  distances = sumWide(sum);
  squares = sumWide(sumOfSquares);
}

// ---- down the columns of a matrix, whose rows lie `step` bytes apart: eight rows at a time ----

/** The terms of four columns, or of the last `count`, in one row. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function rowTerm(code: i32, a: usize, b: usize, center: v128, rest: v128, count: i32): v128 {
  const left = count == 4 ? v128.load(a) : loadLanes(a, count);
  if (code != DOT) return term(code, left, left, center, rest);
  return term(code, left, count == 4 ? v128.load(b) : loadLanes(b, count), center, rest);
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function termsOfFour(code: i32, a: usize, b: usize, step: usize, center: v128, rest: v128, count: i32): v128 {
  const half = step << 1;
  const first = f32x4.add(
    rowTerm(code, a, b, center, rest, count),
    rowTerm(code, a + step, b + step, center, rest, count),
  );
  const second = f32x4.add(
    rowTerm(code, a + half, b + half, center, rest, count),
    rowTerm(code, a + half + step, b + half + step, center, rest, count),
  );
  return f32x4.add(first, second);
}

/** The sum of the terms of `rows` rows, from 1 to 8. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function termsOfRows(
  code: i32, rows: i32, a: usize, b: usize, step: usize, center: v128, rest: v128, count: i32,
): v128 {
  if (rows == 8) {
    const half = step << 2;
    return f32x4.add(
      termsOfFour(code, a, b, step, center, rest, count),
      termsOfFour(code, a + half, b + half, step, center, rest, count),
    );
  }
  let sum = rowTerm(code, a, b, center, rest, count);
  for (; rows > 1; rows--) {
    a += step;
    b += step;
    sum = f32x4.add(sum, rowTerm(code, a, b, center, rest, count));
  }
  return sum;
}

/** Adds up to 8 rows to the sums of a stripe of columns. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function addRows(
  code: i32, rows: i32, cols: i32, a: usize, b: usize, step: usize, center: usize, rest: usize, sums: usize,
): void {
  const zero = f32x4.splat(0);
  let at: usize = 0;
  for (const end = <usize>(cols & ~3) << 2; at < end; at += 16) {
    const c = code == DOT && center ? v128.load(center + at) : zero;
    const r = code == DOT && rest ? v128.load(rest + at) : zero;
    const terms = termsOfRows(code, rows, a + at, b + at, step, c, r, 4);
    v128.store(sums + at, f32x4.add(v128.load(sums + at), terms));
  }
  const left = cols & 3;
  if (!left) return;
  const c = code == DOT && center ? loadLanes(center + at, left) : zero;
  const r = code == DOT && rest ? loadLanes(rest + at, left) : zero;
  const terms = termsOfRows(code, rows, a + at, b + at, step, c, r, left);
  storeLanes(sums + at, f32x4.add(loadLanes(sums + at, left), terms), left);
}

/**
 * sums[c] = sum over the rows, `step` bytes apart, of the terms (PLAIN or DOT) of column c of a stripe; `center` and
 * `rest` may be 0. Not inlined, so that there is only one copy of the loops.
 */
export function sumStripe(
  code: i32, rows: i32, cols: i32, a: usize, b: usize, step: usize, center: usize, rest: usize, sums: usize,
): void {
  if (code == PLAIN) stripeOf(PLAIN, rows, cols, a, 0, step, 0, 0, sums);
  else stripeOf(DOT, rows, cols, a, b, step, center, rest, sums);
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function stripeOf(
  code: i32, rows: i32, cols: i32, a: usize, b: usize, step: usize, center: usize, rest: usize, sums: usize,
): void {
  const many = rows > ROWS;
  memory.fill(sums, 0, <usize>cols << 2);
  if (many) clearTotals(cols, scratch);
  for (let left = rows; left > 0; ) {
    const last = max(0, left - ROWS);
    for (; left - last >= 8; left -= 8, a += step << 3, b += step << 3) {
      addRows(code, 8, cols, a, b, step, center, rest, sums);
    }
    if (left > last) addRows(code, left, cols, a, b, step, center, rest, sums);
    left = last;
    if (many) moveToTotals(cols, sums, scratch);
  }
  if (many) writeTotals(cols, scratch, sums);
}

/** The same for all columns of [rows, cols] without gaps. */
export function sumColumns(
  code: i32, rows: i32, cols: i32, a: usize, b: usize, center: usize, rest: usize, y: usize,
): void {
  const step = <usize>cols << 2;
  for (let start = 0; start < cols; start += STRIPE) {
    const at = <usize>start << 2;
    const c: usize = center ? center + at : 0;
    const r: usize = rest ? rest + at : 0;
    sumStripe(code, rows, min(cols - start, STRIPE), a + at, b + at, step, c, r, y + at);
  }
}

// ---- totals in float64 ----

/** Zeros for `n` totals. */
export function clearTotals(n: i32, totals: usize): void {
  memory.fill(totals, 0, <usize>n << 3);
}

/** totals += sums; clears sums. */
export function moveToTotals(n: i32, sums: usize, totals: usize): void {
  for (const end = sums + (<usize>(n & ~3) << 2); sums < end; sums += 16, totals += 32) {
    const v = v128.load(sums);
    const high = v128.shuffle<i64>(v, v, 1, 1);
    v128.store(totals, f64x2.add(v128.load(totals), f64x2.promote_low_f32x4(v)));
    v128.store(totals, f64x2.add(v128.load(totals, 16), f64x2.promote_low_f32x4(high)), 16);
    v128.store(sums, f32x4.splat(0));
  }
  for (const end = sums + (<usize>(n & 3) << 2); sums < end; sums += 4, totals += 8) {
    store<f64>(totals, load<f64>(totals) + <f64>load<f32>(sums));
    store<f32>(sums, 0);
  }
}

/** y = totals, rounded. */
export function writeTotals(n: i32, totals: usize, y: usize): void {
  for (const end = y + (<usize>n << 2); y < end; y += 4, totals += 8) store<f32>(y, <f32>load<f64>(totals));
}
