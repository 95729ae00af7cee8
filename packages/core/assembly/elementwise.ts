// Elementwise kernels: filling, selecting, and functions of one or two elements. Functions with their own gradient
// kernel are in activations.ts. Four lanes at a time. The last one to three elements are padded and go through the same
// arithmetic, so a result never depends on its position.
import { loadLanes, storeLanes } from "./lanes";
import { cos4, erf4, exp4, expm14, log1p4, log4, sin4 } from "./math";
import { pow4 } from "./power";

// Codes of the functions. Every use has a compile-time constant, so no branch on them remains.
const NEG: i32 = 0;
const ABS: i32 = 1;
const SIGN: i32 = 2;
const SQUARE: i32 = 3;
const RECIPROCAL: i32 = 4;
const SQRT: i32 = 5;
const RSQRT: i32 = 6;
const EXP: i32 = 7;
const EXPM1: i32 = 8;
const LOG: i32 = 9;
const LOG1P: i32 = 10;
const SIN: i32 = 11;
const COS: i32 = 12;
const ERF: i32 = 13;

/** 1 with the sign of x, but ±0 and NaN stay what they are. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function signLanes(x: v128): v128 {
  const one = f32x4.splat(1);
  const signed = v128.or(one, v128.and(x, f32x4.splat(-0.0)));
  return v128.bitselect(signed, x, f32x4.gt(f32x4.abs(x), f32x4.splat(0)));
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function unaryLanes(code: i32, x: v128): v128 {
  if (code == NEG) return f32x4.neg(x);
  if (code == ABS) return f32x4.abs(x);
  if (code == SIGN) return signLanes(x);
  if (code == SQUARE) return f32x4.mul(x, x);
  if (code == RECIPROCAL) return f32x4.div(f32x4.splat(1), x);
  if (code == SQRT) return f32x4.sqrt(x);
  if (code == RSQRT) return f32x4.div(f32x4.splat(1), f32x4.sqrt(x));
  if (code == EXP) return exp4(x);
  if (code == EXPM1) return expm14(x);
  if (code == LOG) return log4(x);
  if (code == LOG1P) return log1p4(x);
  if (code == SIN) return sin4(x);
  if (code == COS) return cos4(x);
  return erf4(x);
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
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
export function abs(n: i32, x: usize, y: usize): void {
  unary(ABS, n, x, y);
}
export function sign(n: i32, x: usize, y: usize): void {
  unary(SIGN, n, x, y);
}
export function square(n: i32, x: usize, y: usize): void {
  unary(SQUARE, n, x, y);
}
export function reciprocal(n: i32, x: usize, y: usize): void {
  unary(RECIPROCAL, n, x, y);
}
export function sqrt(n: i32, x: usize, y: usize): void {
  unary(SQRT, n, x, y);
}
export function rsqrt(n: i32, x: usize, y: usize): void {
  unary(RSQRT, n, x, y);
}
export function exp(n: i32, x: usize, y: usize): void {
  unary(EXP, n, x, y);
}
export function expm1(n: i32, x: usize, y: usize): void {
  unary(EXPM1, n, x, y);
}
export function log(n: i32, x: usize, y: usize): void {
  unary(LOG, n, x, y);
}
export function log1p(n: i32, x: usize, y: usize): void {
  unary(LOG1P, n, x, y);
}
export function sin(n: i32, x: usize, y: usize): void {
  unary(SIN, n, x, y);
}
export function cos(n: i32, x: usize, y: usize): void {
  unary(COS, n, x, y);
}
export function erf(n: i32, x: usize, y: usize): void {
  unary(ERF, n, x, y);
}

const ADD: i32 = 0;
const SUB: i32 = 1;
const MUL: i32 = 2;
const DIV: i32 = 3;
const POW: i32 = 4;
const MAXIMUM: i32 = 5;
const MINIMUM: i32 = 6;
const EQUAL: i32 = 7;
const NOT_EQUAL: i32 = 8;
const LESS: i32 = 9;
const LESS_EQUAL: i32 = 10;
const GREATER: i32 = 11;
const GREATER_EQUAL: i32 = 12;

/** 1 where the mask is set, else 0. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function ones(mask: v128): v128 {
  return v128.and(mask, f32x4.splat(1));
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function binaryLanes(code: i32, a: v128, b: v128): v128 {
  if (code == ADD) return f32x4.add(a, b);
  if (code == SUB) return f32x4.sub(a, b);
  if (code == MUL) return f32x4.mul(a, b);
  if (code == DIV) return f32x4.div(a, b);
  if (code == POW) return pow4(a, b);
  if (code == MAXIMUM) return f32x4.max(a, b);
  if (code == MINIMUM) return f32x4.min(a, b);
  if (code == EQUAL) return ones(f32x4.eq(a, b));
  if (code == NOT_EQUAL) return ones(f32x4.ne(a, b));
  if (code == LESS) return ones(f32x4.lt(a, b));
  if (code == LESS_EQUAL) return ones(f32x4.le(a, b));
  if (code == GREATER) return ones(f32x4.gt(a, b));
  return ones(f32x4.ge(a, b));
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
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
export function pow(rows: i32, cols: i32, a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, bCol: i32, y: usize): void {
  binary(POW, rows, cols, a, aRow, aCol, b, bRow, bCol, y);
}
export function maximum(rows: i32, cols: i32, a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, bCol: i32, y: usize): void {
  binary(MAXIMUM, rows, cols, a, aRow, aCol, b, bRow, bCol, y);
}
export function minimum(rows: i32, cols: i32, a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, bCol: i32, y: usize): void {
  binary(MINIMUM, rows, cols, a, aRow, aCol, b, bRow, bCol, y);
}
export function equal(rows: i32, cols: i32, a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, bCol: i32, y: usize): void {
  binary(EQUAL, rows, cols, a, aRow, aCol, b, bRow, bCol, y);
}
export function notEqual(rows: i32, cols: i32, a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, bCol: i32, y: usize): void {
  binary(NOT_EQUAL, rows, cols, a, aRow, aCol, b, bRow, bCol, y);
}
export function less(rows: i32, cols: i32, a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, bCol: i32, y: usize): void {
  binary(LESS, rows, cols, a, aRow, aCol, b, bRow, bCol, y);
}
export function lessEqual(rows: i32, cols: i32, a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, bCol: i32, y: usize): void {
  binary(LESS_EQUAL, rows, cols, a, aRow, aCol, b, bRow, bCol, y);
}
export function greater(rows: i32, cols: i32, a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, bCol: i32, y: usize): void {
  binary(GREATER, rows, cols, a, aRow, aCol, b, bRow, bCol, y);
}
export function greaterEqual(rows: i32, cols: i32, a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, bCol: i32, y: usize): void {
  binary(GREATER_EQUAL, rows, cols, a, aRow, aCol, b, bRow, bCol, y);
}

/** The next lanes of an operand, or its one value repeated. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function operandLanes(p: usize, col: i32, count: i32): v128 {
  if (!col) return v128.load32_splat(p);
  return count < 4 ? loadLanes(p, count) : v128.load(p);
}

export { select as where };
function select(
  rows: i32, cols: i32,
  condition: usize, conditionRow: i32, conditionCol: i32,
  a: usize, aRow: i32, aCol: i32,
  b: usize, bRow: i32, bCol: i32,
  y: usize,
): void {
  const zero = f32x4.splat(0);
  for (let r = 0; r < rows; r++) {
    let c = condition;
    let p = a;
    let q = b;
    for (let left = cols; left > 0; left -= 4) {
      const isZero = f32x4.eq(operandLanes(c, conditionCol, left), zero);
      const chosen = v128.bitselect(operandLanes(q, bCol, left), operandLanes(p, aCol, left), isZero);
      if (left < 4) storeLanes(y, chosen, left);
      else v128.store(y, chosen);
      y += <usize>min(left, 4) << 2;
      c += <usize>conditionCol << 4;
      p += <usize>aCol << 4;
      q += <usize>bCol << 4;
    }
    condition += <usize>conditionRow << 2;
    a += <usize>aRow << 2;
    b += <usize>bRow << 2;
  }
}

export function fill(n: i32, value: f32, y: usize): void {
  const lanes = f32x4.splat(value);
  const end = y + (<usize>(n & ~3) << 2);
  for (; y < end; y += 16) v128.store(y, lanes);
  for (let i = 0; i < (n & 3); i++, y += 4) store<f32>(y, value);
}
