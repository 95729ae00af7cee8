// Optimizer updates. Every element is computed independently. Each operation is rounded: no fused multiply-add, not
// even in the relaxed build. So threads may split the work anywhere without changing a bit. The cells that each update
// reads are in src/kernels/table/optimizers.ts.
import { loadUpTo4, storeUpTo4 } from "./lanes";

/** g + decay·w, the gradient of the loss with an L2 penalty. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function withDecay(decays: bool, g: v128, decay: v128, w: v128): v128 {
  return decays ? f32x4.add(g, f32x4.mul(decay, w)) : g;
}

/** a·x + b·y */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function blend(a: v128, x: v128, b: v128, y: v128): v128 {
  return f32x4.add(f32x4.mul(a, x), f32x4.mul(b, y));
}

// The other updates are limited by divisions and roots. This one is limited by memory, and a loop body of exactly four
// elements makes it half as fast again.

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function sgdLanes(
  left: i32, w: usize, g: usize, velocity: usize,
  lr: v128, momentum: v128, rest: v128, decays: bool, decay: v128, nesterov: bool,
): void {
  const weight = loadUpTo4(w, left);
  let step = withDecay(decays, loadUpTo4(g, left), decay, weight);
  if (velocity) {
    const speed = blend(momentum, loadUpTo4(velocity, left), rest, step);
    storeUpTo4(velocity, speed, left);
    step = nesterov ? f32x4.add(step, f32x4.mul(momentum, speed)) : speed;
  }
  storeUpTo4(w, f32x4.sub(weight, f32x4.mul(lr, step)), left);
}

export function sgd(n: i32, w: usize, g: usize, velocity: usize, cells: usize): void {
  const lr = v128.load32_splat(cells);
  const momentum = v128.load32_splat(cells, 4);
  const rest = v128.load32_splat(cells, 8);
  const decay = v128.load32_splat(cells, 12);
  const decays = load<f32>(cells, 12) != 0;
  const nesterov = load<f32>(cells, 16) != 0;
  const stride: usize = velocity ? 16 : 0;
  for (; n >= 4; n -= 4, w += 16, g += 16, velocity += stride) {
    sgdLanes(4, w, g, velocity, lr, momentum, rest, decays, decay, nesterov);
  }
  if (n) sgdLanes(n, w, g, velocity, lr, momentum, rest, decays, decay, nesterov);
}

export function adam(n: i32, w: usize, g: usize, m: usize, v: usize, cells: usize): void {
  const beta1 = v128.load32_splat(cells);
  const rest1 = v128.load32_splat(cells, 4);
  const beta2 = v128.load32_splat(cells, 8);
  const rest2 = v128.load32_splat(cells, 12);
  const stepSize = v128.load32_splat(cells, 16);
  const correction = v128.load32_splat(cells, 20);
  const eps = v128.load32_splat(cells, 24);
  const decay = v128.load32_splat(cells, 28);
  const decays = load<f32>(cells, 28) != 0;
  const shrink = v128.load32_splat(cells, 32);
  for (let left = n; left > 0; left -= 4, w += 16, g += 16, m += 16, v += 16) {
    const weight = loadUpTo4(w, left);
    const gradient = withDecay(decays, loadUpTo4(g, left), decay, weight);
    const first = blend(beta1, loadUpTo4(m, left), rest1, gradient);
    const second = blend(beta2, loadUpTo4(v, left), f32x4.mul(rest2, gradient), gradient);
    const scale = f32x4.add(f32x4.mul(f32x4.sqrt(second), correction), eps);
    storeUpTo4(w, f32x4.sub(f32x4.mul(shrink, weight), f32x4.div(f32x4.mul(stepSize, first), scale)), left);
    storeUpTo4(m, first, left);
    storeUpTo4(v, second, left);
  }
}

export function rmsProp(n: i32, w: usize, g: usize, square: usize, average: usize, velocity: usize, cells: usize): void {
  const lr = v128.load32_splat(cells);
  const alpha = v128.load32_splat(cells, 4);
  const rest = v128.load32_splat(cells, 8);
  const eps = v128.load32_splat(cells, 12);
  const momentum = v128.load32_splat(cells, 16);
  const decay = v128.load32_splat(cells, 20);
  const decays = load<f32>(cells, 20) != 0;
  const centered = average != 0;
  const moves = velocity != 0;
  for (let left = n; left > 0; left -= 4, w += 16, g += 16, square += 16) {
    const weight = loadUpTo4(w, left);
    const gradient = withDecay(decays, loadUpTo4(g, left), decay, weight);
    let variance = blend(alpha, loadUpTo4(square, left), f32x4.mul(rest, gradient), gradient);
    storeUpTo4(square, variance, left);
    if (centered) {
      const before = loadUpTo4(average, left);
      const mean = f32x4.add(before, f32x4.mul(rest, f32x4.sub(gradient, before)));
      storeUpTo4(average, mean, left);
      average += 16;
      variance = f32x4.max(f32x4.sub(variance, f32x4.mul(mean, mean)), f32x4.splat(0));
    }
    const scale = f32x4.add(f32x4.sqrt(variance), eps);
    let step: v128;
    if (moves) {
      const speed = f32x4.add(f32x4.mul(momentum, loadUpTo4(velocity, left)), f32x4.div(gradient, scale));
      storeUpTo4(velocity, speed, left);
      velocity += 16;
      step = f32x4.mul(lr, speed);
    } else {
      step = f32x4.div(f32x4.mul(lr, gradient), scale);
    }
    storeUpTo4(w, f32x4.sub(weight, step), left);
  }
}

export function adagrad(n: i32, w: usize, g: usize, sum: usize, cells: usize): void {
  const lr = v128.load32_splat(cells);
  const eps = v128.load32_splat(cells, 4);
  const decay = v128.load32_splat(cells, 8);
  const decays = load<f32>(cells, 8) != 0;
  for (let left = n; left > 0; left -= 4, w += 16, g += 16, sum += 16) {
    const weight = loadUpTo4(w, left);
    const gradient = withDecay(decays, loadUpTo4(g, left), decay, weight);
    const total = f32x4.add(loadUpTo4(sum, left), f32x4.mul(gradient, gradient));
    const scale = f32x4.add(f32x4.sqrt(total), eps);
    storeUpTo4(sum, total, left);
    storeUpTo4(w, f32x4.sub(weight, f32x4.div(f32x4.mul(lr, gradient), scale)), left);
  }
}

/** -1, 0 or 1; zeros keep their sign, NaN stays NaN. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function sign(x: v128): v128 {
  const one = v128.or(f32x4.splat(1), v128.and(x, f32x4.splat(-0.0)));
  return v128.bitselect(one, x, f32x4.gt(f32x4.abs(x), f32x4.splat(0)));
}

export function lion(n: i32, w: usize, g: usize, m: usize, cells: usize): void {
  const lr = v128.load32_splat(cells);
  const beta1 = v128.load32_splat(cells, 4);
  const rest1 = v128.load32_splat(cells, 8);
  const beta2 = v128.load32_splat(cells, 12);
  const rest2 = v128.load32_splat(cells, 16);
  const shrink = v128.load32_splat(cells, 20);
  for (let left = n; left > 0; left -= 4, w += 16, g += 16, m += 16) {
    const gradient = loadUpTo4(g, left);
    const before = loadUpTo4(m, left);
    const direction = sign(blend(beta1, before, rest1, gradient));
    const weight = f32x4.mul(shrink, loadUpTo4(w, left));
    storeUpTo4(w, f32x4.sub(weight, f32x4.mul(lr, direction)), left);
    storeUpTo4(m, blend(beta2, before, rest2, gradient), left);
  }
}
