// softmax, its logarithm, the logarithm of its denominator, and their gradients, row by row. Subtracts the largest
// element first, so that nothing overflows. The order of additions depends on the row's length alone.
import { addWide, firstLanes, loadLanes, storeLanes, sumWide } from "./lanes";
import { exp4, log4 } from "./math";
import { largestOf } from "./rows";
import { RUN_BYTES } from "./sums";

// Codes of the functions. Every use has a compile-time constant, so no branch on them remains.
const SOFTMAX: i32 = 0;
const LOG_SOFTMAX: i32 = 1;
const LOG_SUM_EXP: i32 = 2;

/** The sum of exp(x - shift) over a row; SOFTMAX also stores the terms in y. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function sumOfExp(code: i32, cols: i32, x: usize, shift: v128, y: usize): f32 {
  let total = f64x2.splat(0);
  for (const whole = x + (<usize>(cols & ~3) << 2); x < whole; ) {
    let sums = f32x4.splat(0);
    for (const end = min(x + RUN_BYTES, whole); x < end; x += 16, y += 16) {
      const terms = exp4(f32x4.sub(v128.load(x), shift));
      sums = f32x4.add(sums, terms);
      if (code == SOFTMAX) v128.store(y, terms);
    }
    total = addWide(total, sums);
  }
  const rest = cols & 3;
  if (rest) {
    const terms = exp4(f32x4.sub(loadLanes(x, rest), shift));
    if (code == SOFTMAX) storeLanes(y, terms, rest);
    total = addWide(total, v128.and(terms, firstLanes(rest)));
  }
  return <f32>sumWide(total);
}

/** The last pass: from the terms in y for SOFTMAX, from x for LOG_SOFTMAX; `scale` is the sum, or its logarithm. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function finishLanes(code: i32, v: v128, shift: v128, scale: v128): v128 {
  return code == SOFTMAX ? f32x4.div(v, scale) : f32x4.sub(f32x4.sub(v, shift), scale);
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function overRows(code: i32, rows: i32, cols: i32, x: usize, y: usize): void {
  const row = <usize>cols << 2;
  for (; rows > 0; rows--, x += row) {
    let shift = largestOf(cols, x); // a NaN elsewhere in the row comes back with the sum Infinity - Infinity would hide that the result is infinite. The other results are NaN then, as in PyTorch.
    if (code == LOG_SUM_EXP) shift = v128.andnot(shift, f32x4.eq(f32x4.abs(shift), f32x4.splat(Infinity)));
    const total = f32x4.splat(sumOfExp(code, cols, x, shift, y));
    const scale = code == SOFTMAX ? total : log4(total);
    if (code == LOG_SUM_EXP) {
      store<f32>(y, f32x4.extract_lane(f32x4.add(shift, scale), 0));
      y += 4;
    } else {
      let from = code == SOFTMAX ? y : x;
      for (const end = y + (<usize>(cols & ~3) << 2); y < end; from += 16, y += 16) {
        v128.store(y, finishLanes(code, v128.load(from), shift, scale));
      }
      const rest = cols & 3;
      if (rest) storeLanes(y, finishLanes(code, loadLanes(from, rest), shift, scale), rest);
      y += <usize>rest << 2;
    }
  }
}

export function softmax(rows: i32, cols: i32, x: usize, y: usize): void {
  overRows(SOFTMAX, rows, cols, x, y);
}
export function logSoftmax(rows: i32, cols: i32, x: usize, y: usize): void {
  overRows(LOG_SOFTMAX, rows, cols, x, y);
}
export function logSumExp(rows: i32, cols: i32, x: usize, y: usize): void {
  overRows(LOG_SUM_EXP, rows, cols, x, y);
}

/** What is summed over the row: dy y for softmax, dy for its logarithm. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function summand(code: i32, dy: v128, y: v128): v128 {
  return code == SOFTMAX ? f32x4.mul(dy, y) : dy;
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function gradLanes(code: i32, dy: v128, y: v128, sum: v128): v128 {
  return code == SOFTMAX ? f32x4.mul(y, f32x4.sub(dy, sum)) : f32x4.sub(dy, f32x4.mul(exp4(y), sum));
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function gradOverRows(code: i32, rows: i32, cols: i32, dy: usize, y: usize, dx: usize): void {
  const whole = <usize>(cols & ~3) << 2;
  const rest = cols & 3;
  for (; rows > 0; rows--) {
    let total = f64x2.splat(0);
    for (let i: usize = 0; i < whole; ) {
      let sums = f32x4.splat(0);
      for (const end = min(i + RUN_BYTES, whole); i < end; i += 16) {
        sums = f32x4.add(sums, summand(code, v128.load(dy + i), v128.load(y + i)));
      }
      total = addWide(total, sums);
    }
    // Lanes past the end are 0 and add nothing.
    if (rest) total = addWide(total, summand(code, loadLanes(dy + whole, rest), loadLanes(y + whole, rest)));
    const sum = f32x4.splat(<f32>sumWide(total));
    for (const end = dx + whole; dx < end; dy += 16, y += 16, dx += 16) {
      v128.store(dx, gradLanes(code, v128.load(dy), v128.load(y), sum));
    }
    if (rest) storeLanes(dx, gradLanes(code, loadLanes(dy, rest), loadLanes(y, rest), sum), rest);
    dy += <usize>rest << 2;
    y += <usize>rest << 2;
    dx += <usize>rest << 2;
  }
}

export function softmaxGrad(rows: i32, cols: i32, dy: usize, y: usize, dx: usize): void {
  gradOverRows(SOFTMAX, rows, cols, dy, y, dx);
}
export function logSoftmaxGrad(rows: i32, cols: i32, dy: usize, y: usize, dx: usize): void {
  gradOverRows(LOG_SOFTMAX, rows, cols, dy, y, dx);
}
