// Activation functions, each with its gradient `dx = dy * slope` in one pass. The gradient uses the input x, or the
// output where that is cheaper (relu, tanh, sigmoid). For the parameters p and q see table/activations.ts.
import { loadLanes, storeLanes } from "./lanes";
import { erf4, exp4, expm14, log1p4, sigmoid4, tanh4 } from "./math";

// Codes of the functions. Every use has a compile-time constant, so no branch on them remains.
const RELU: i32 = 0;
const LEAKY_RELU: i32 = 1;
const ELU: i32 = 2;
const SOFTPLUS: i32 = 3;
const TANH: i32 = 4;
const SIGMOID: i32 = 5;
const SILU: i32 = 6;
const GELU_TANH: i32 = 7;
const CLAMP: i32 = 8;

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function splat(x: f32): v128 {
  return f32x4.splat(x);
}

/** tanh √(2/π)·(x + 0.044715 x³) */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function innerTanh(x: v128): v128 {
  const cubic = f32x4.mul(f32x4.mul(x, x), splat(0.044715));
  return tanh4(f32x4.mul(f32x4.mul(x, splat(0.797884561)), f32x4.add(splat(1), cubic)));
}

/** ½ + ½t */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function halfPlusHalf(t: v128): v128 {
  return f32x4.mul(splat(0.5), f32x4.add(splat(1), t));
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function valueLanes(code: i32, x: v128, p: v128, q: v128): v128 {
  const zero = splat(0);
  // Keeps NaN, which compares false with everything.
  if (code == RELU) return v128.andnot(x, f32x4.le(x, zero));
  if (code == LEAKY_RELU) return v128.bitselect(x, f32x4.mul(x, p), f32x4.gt(x, zero));
  if (code == ELU) return v128.bitselect(x, f32x4.mul(p, expm14(x)), f32x4.gt(x, zero));
  if (code == SOFTPLUS) {
    const scaled = f32x4.mul(x, p);
    return v128.bitselect(x, f32x4.div(log1p4(exp4(scaled)), p), f32x4.gt(scaled, q));
  }
  if (code == TANH) return tanh4(x);
  if (code == SIGMOID) return sigmoid4(x);
  if (code == SILU) return f32x4.mul(x, sigmoid4(x));
  if (code == GELU_TANH) return f32x4.mul(x, halfPlusHalf(innerTanh(x)));
  // pmin and pmax keep a NaN in their first operand.
  return f32x4.pmin(f32x4.pmax(x, p), q);
}

/** `s` is the output for RELU, TANH and SIGMOID, else the input. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function gradLanes(code: i32, dy: v128, s: v128, p: v128, q: v128): v128 {
  const zero = splat(0);
  const one = splat(1);
  const positive = f32x4.gt(s, zero);
  if (code == RELU) return v128.andnot(dy, f32x4.le(s, zero));
  if (code == LEAKY_RELU) return v128.bitselect(dy, f32x4.mul(dy, p), positive);
  if (code == ELU) return v128.bitselect(f32x4.mul(dy, f32x4.mul(p, exp4(s))), dy, f32x4.le(s, zero));
  if (code == SOFTPLUS) {
    const scaled = f32x4.mul(s, p);
    return v128.bitselect(dy, f32x4.mul(dy, sigmoid4(scaled)), f32x4.gt(scaled, q));
  }
  if (code == TANH) return f32x4.mul(dy, f32x4.sub(one, f32x4.mul(s, s)));
  if (code == SIGMOID) return f32x4.mul(dy, f32x4.mul(s, f32x4.sub(one, s)));
  if (code == SILU) {
    const sigmoid = sigmoid4(s);
    const rest = f32x4.mul(s, f32x4.sub(one, sigmoid));
    return f32x4.mul(dy, f32x4.mul(sigmoid, f32x4.add(one, rest)));
  }
  if (code == GELU_TANH) {
    const x = f32x4.pmin(f32x4.pmax(s, splat(-20)), splat(20)); // beyond: t is ±1, and x³ might overflow
    const t = innerTanh(x);
    const inner = f32x4.mul(splat(0.797884561), f32x4.add(one, f32x4.mul(splat(0.134145), f32x4.mul(x, x))));
    const bend = f32x4.mul(f32x4.mul(splat(0.5), x), f32x4.mul(f32x4.sub(one, f32x4.mul(t, t)), inner));
    return f32x4.mul(dy, f32x4.add(halfPlusHalf(t), bend));
  }
  // Passes whatever a bound does not stop, so a NaN bound stops nothing; but stops a NaN input.
  const stopped = v128.or(f32x4.le(s, p), v128.or(f32x4.ge(s, q), f32x4.ne(s, s)));
  return v128.andnot(dy, stopped);
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function value(code: i32, n: i32, x: usize, y: usize, p: f32, q: f32): void {
  const first = splat(p);
  const second = splat(q);
  const end = y + (<usize>(n & ~3) << 2);
  for (; y < end; x += 16, y += 16) v128.store(y, valueLanes(code, v128.load(x), first, second));
  const rest = n & 3;
  if (rest) storeLanes(y, valueLanes(code, loadLanes(x, rest), first, second), rest);
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function gradient(code: i32, n: i32, dy: usize, s: usize, dx: usize, p: f32, q: f32): void {
  const first = splat(p);
  const second = splat(q);
  const end = dx + (<usize>(n & ~3) << 2);
  for (; dx < end; dy += 16, s += 16, dx += 16) {
    v128.store(dx, gradLanes(code, v128.load(dy), v128.load(s), first, second));
  }
  const rest = n & 3;
  if (rest) storeLanes(dx, gradLanes(code, loadLanes(dy, rest), loadLanes(s, rest), first, second), rest);
}

export function relu(n: i32, x: usize, y: usize, p: f32, q: f32): void {
  value(RELU, n, x, y, p, q);
}
export function reluGrad(n: i32, dy: usize, s: usize, dx: usize, p: f32, q: f32): void {
  gradient(RELU, n, dy, s, dx, p, q);
}
export function leakyRelu(n: i32, x: usize, y: usize, p: f32, q: f32): void {
  value(LEAKY_RELU, n, x, y, p, q);
}
export function leakyReluGrad(n: i32, dy: usize, s: usize, dx: usize, p: f32, q: f32): void {
  gradient(LEAKY_RELU, n, dy, s, dx, p, q);
}
export function elu(n: i32, x: usize, y: usize, p: f32, q: f32): void {
  value(ELU, n, x, y, p, q);
}
export function eluGrad(n: i32, dy: usize, s: usize, dx: usize, p: f32, q: f32): void {
  gradient(ELU, n, dy, s, dx, p, q);
}
export function softplus(n: i32, x: usize, y: usize, p: f32, q: f32): void {
  value(SOFTPLUS, n, x, y, p, q);
}
export function softplusGrad(n: i32, dy: usize, s: usize, dx: usize, p: f32, q: f32): void {
  gradient(SOFTPLUS, n, dy, s, dx, p, q);
}
export function tanh(n: i32, x: usize, y: usize, p: f32, q: f32): void {
  value(TANH, n, x, y, p, q);
}
export function tanhGrad(n: i32, dy: usize, s: usize, dx: usize, p: f32, q: f32): void {
  gradient(TANH, n, dy, s, dx, p, q);
}
export function sigmoid(n: i32, x: usize, y: usize, p: f32, q: f32): void {
  value(SIGMOID, n, x, y, p, q);
}
export function sigmoidGrad(n: i32, dy: usize, s: usize, dx: usize, p: f32, q: f32): void {
  gradient(SIGMOID, n, dy, s, dx, p, q);
}
export function silu(n: i32, x: usize, y: usize, p: f32, q: f32): void {
  value(SILU, n, x, y, p, q);
}
export function siluGrad(n: i32, dy: usize, s: usize, dx: usize, p: f32, q: f32): void {
  gradient(SILU, n, dy, s, dx, p, q);
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function geluLanes(x: v128): v128 {
  return f32x4.mul(x, halfPlusHalf(erf4(f32x4.mul(x, splat(0.707106781)))));
}

/** Φ(x) is y/x; near 0 it is ½, and y may have lost its bits. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function geluGradLanes(dy: v128, x: v128, y: v128): v128 {
  const near = f32x4.lt(f32x4.abs(x), splat(1e-18));
  const cumulative = v128.bitselect(splat(0.5), f32x4.div(y, x), near);
  const density = f32x4.mul(splat(0.398942280), exp4(f32x4.mul(splat(-0.5), f32x4.mul(x, x))));
  return f32x4.mul(dy, f32x4.add(cumulative, f32x4.mul(x, density)));
}

export function gelu(n: i32, x: usize, y: usize): void {
  const end = y + (<usize>(n & ~3) << 2);
  for (; y < end; x += 16, y += 16) v128.store(y, geluLanes(v128.load(x)));
  const rest = n & 3;
  if (rest) storeLanes(y, geluLanes(loadLanes(x, rest)), rest);
}

export function geluGrad(n: i32, dy: usize, x: usize, y: usize, dx: usize): void {
  const end = dx + (<usize>(n & ~3) << 2);
  for (; dx < end; dy += 16, x += 16, y += 16, dx += 16) {
    v128.store(dx, geluGradLanes(v128.load(dy), v128.load(x), v128.load(y)));
  }
  const rest = n & 3;
  if (rest) storeLanes(dx, geluGradLanes(loadLanes(dy, rest), loadLanes(x, rest), loadLanes(y, rest)), rest);
}

export function geluTanh(n: i32, x: usize, y: usize, p: f32, q: f32): void {
  value(GELU_TANH, n, x, y, p, q);
}
export function geluTanhGrad(n: i32, dy: usize, s: usize, dx: usize, p: f32, q: f32): void {
  gradient(GELU_TANH, n, dy, s, dx, p, q);
}
export function clamp(n: i32, x: usize, y: usize, p: f32, q: f32): void {
  value(CLAMP, n, x, y, p, q);
}
export function clampGrad(n: i32, dy: usize, s: usize, dx: usize, p: f32, q: f32): void {
  gradient(CLAMP, n, dy, s, dx, p, q);
}
