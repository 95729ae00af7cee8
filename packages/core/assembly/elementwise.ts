// Elementwise kernels: filling, and functions of single elements. Four lanes at a time; the last one to
// three elements go through the same arithmetic, padded, so that a result never depends on its position.
import { loadLanes, storeLanes } from "./lanes";
import { exp4, log4 } from "./math";

// Codes of the functions; they are compile-time constants wherever they are used, so no branch on them is left.
const NEG: i32 = 0;
const EXP: i32 = 1;
const LOG: i32 = 2;
const SQRT: i32 = 3;
const RELU: i32 = 4;

// @ts-ignore: decorator
@inline
function unaryLanes(code: i32, x: v128): v128 {
  if (code == NEG) return f32x4.neg(x);
  if (code == EXP) return exp4(x);
  if (code == LOG) return log4(x);
  if (code == SQRT) return f32x4.sqrt(x);
  // RELU: keeps NaN, which compares false with everything.
  return v128.andnot(x, f32x4.le(x, f32x4.splat(0)));
}

// @ts-ignore: decorator
@inline
function unary(code: i32, n: i32, x: usize, y: usize): void {
  const end = y + (<usize>(n & ~3) << 2);
  for (; y < end; x += 16, y += 16) v128.store(y, unaryLanes(code, v128.load(x)));
  const rest = n & 3;
  if (rest) storeLanes(y, unaryLanes(code, loadLanes(x, rest)), rest);
}

export function neg(n: i32, x: usize, y: usize): void {
  unary(NEG, n, x, y);
}
export function exp(n: i32, x: usize, y: usize): void {
  unary(EXP, n, x, y);
}
export function log(n: i32, x: usize, y: usize): void {
  unary(LOG, n, x, y);
}
export function sqrt(n: i32, x: usize, y: usize): void {
  unary(SQRT, n, x, y);
}
export function relu(n: i32, x: usize, y: usize): void {
  unary(RELU, n, x, y);
}

const ADD: i32 = 0;
const SUB: i32 = 1;
const MUL: i32 = 2;
const DIV: i32 = 3;
const EQUAL: i32 = 4;
const GREATER: i32 = 5;

// @ts-ignore: decorator
@inline
function binaryLanes(code: i32, a: v128, b: v128): v128 {
  if (code == ADD) return f32x4.add(a, b);
  if (code == SUB) return f32x4.sub(a, b);
  if (code == MUL) return f32x4.mul(a, b);
  if (code == DIV) return f32x4.div(a, b);
  if (code == EQUAL) return v128.and(f32x4.eq(a, b), f32x4.splat(1));
  return v128.and(f32x4.gt(a, b), f32x4.splat(1));
}

// @ts-ignore: decorator
@inline
function binary(
  code: i32, rows: i32, cols: i32,
  a: usize, aRow: i32, aCol: i32,
  b: usize, bRow: i32, bCol: i32,
  y: usize,
): void {
  const whole = <usize>(cols & ~3) << 2;
  const rest = cols & 3;
  for (let r = 0; r < rows; r++) {
    let p = a;
    let q = b;
    const end = y + whole;
    if (aCol != 0 && bCol != 0) {
      for (; y < end; p += 16, q += 16, y += 16) v128.store(y, binaryLanes(code, v128.load(p), v128.load(q)));
      if (rest) storeLanes(y, binaryLanes(code, loadLanes(p, rest), loadLanes(q, rest)), rest);
    } else if (aCol != 0) {
      const right = v128.load32_splat(q);
      for (; y < end; p += 16, y += 16) v128.store(y, binaryLanes(code, v128.load(p), right));
      if (rest) storeLanes(y, binaryLanes(code, loadLanes(p, rest), right), rest);
    } else if (bCol != 0) {
      const left = v128.load32_splat(p);
      for (; y < end; q += 16, y += 16) v128.store(y, binaryLanes(code, left, v128.load(q)));
      if (rest) storeLanes(y, binaryLanes(code, left, loadLanes(q, rest)), rest);
    } else {
      const both = binaryLanes(code, v128.load32_splat(p), v128.load32_splat(q));
      for (; y < end; y += 16) v128.store(y, both);
      if (rest) storeLanes(y, both, rest);
    }
    y += <usize>rest << 2;
    a += <usize>aRow << 2;
    b += <usize>bRow << 2;
  }
}

export function add(rows: i32, cols: i32, a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, bCol: i32, y: usize): void {
  binary(ADD, rows, cols, a, aRow, aCol, b, bRow, bCol, y);
}
export function sub(rows: i32, cols: i32, a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, bCol: i32, y: usize): void {
  binary(SUB, rows, cols, a, aRow, aCol, b, bRow, bCol, y);
}
export function mul(rows: i32, cols: i32, a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, bCol: i32, y: usize): void {
  binary(MUL, rows, cols, a, aRow, aCol, b, bRow, bCol, y);
}
export function div(rows: i32, cols: i32, a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, bCol: i32, y: usize): void {
  binary(DIV, rows, cols, a, aRow, aCol, b, bRow, bCol, y);
}
export function equal(rows: i32, cols: i32, a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, bCol: i32, y: usize): void {
  binary(EQUAL, rows, cols, a, aRow, aCol, b, bRow, bCol, y);
}
export function greater(rows: i32, cols: i32, a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, bCol: i32, y: usize): void {
  binary(GREATER, rows, cols, a, aRow, aCol, b, bRow, bCol, y);
}

export function reluGrad(n: i32, dy: usize, x: usize, y: usize): void {
  const zero = f32x4.splat(0);
  const end = y + (<usize>(n & ~3) << 2);
  for (; y < end; dy += 16, x += 16, y += 16) {
    v128.store(y, v128.and(v128.load(dy), f32x4.gt(v128.load(x), zero)));
  }
  for (let i = 0; i < (n & 3); i++, dy += 4, x += 4, y += 4) store<f32>(y, load<f32>(x) > 0 ? load<f32>(dy) : 0);
}

export function fill(n: i32, value: f32, y: usize): void {
  const lanes = f32x4.splat(value);
  const end = y + (<usize>(n & ~3) << 2);
  for (; y < end; y += 16) v128.store(y, lanes);
  for (let i = 0; i < (n & 3); i++, y += 4) store<f32>(y, value);
}
