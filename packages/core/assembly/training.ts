// Averaging of shard gradients, and optimizer updates. Every element is computed by itself, with each operation
// rounded (no fused multiply-add, not even in the relaxed build), so that threads may cut the work anywhere
// without changing a bit.
import { loadLanes, storeLanes } from "./lanes";

export function average(n: i32, shards: i32, x: usize, stride: i32, weights: usize, y: usize): void {
  const step = <usize>stride << 2;
  const size = <usize>n << 2;
  let first = true;
  // One pass per shard over a block that stays in the first-level cache.
  for (let start: usize = 0; start < size; start += 4096) {
    const end = min(start + 4096, size);
    first = true;
    for (let s = 0; s < shards; s++) {
      const weight = load<f32>(weights + (<usize>s << 2));
      if (weight == 0) continue;
      const lanes = f32x4.splat(weight);
      const from = x + <usize>s * step;
      let i = start;
      if (first) {
        for (; i + 16 <= end; i += 16) v128.store(y + i, f32x4.mul(lanes, v128.load(from + i)));
        for (; i < end; i += 4) store<f32>(y + i, weight * load<f32>(from + i));
      } else {
        for (; i + 16 <= end; i += 16) {
          v128.store(y + i, f32x4.add(v128.load(y + i), f32x4.mul(lanes, v128.load(from + i))));
        }
        for (; i < end; i += 4) store<f32>(y + i, load<f32>(y + i) + weight * load<f32>(from + i));
      }
      first = false;
    }
    if (first) memory.fill(y + start, 0, end - start);
  }
}

export function sgd(n: i32, w: usize, g: usize, velocity: usize, cells: usize): void {
  const lr = v128.load32_splat(cells);
  const momentum = v128.load32_splat(cells, 4);
  const decay = v128.load32_splat(cells, 8);
  const decays = load<f32>(cells, 8) != 0;
  const moves = velocity != 0;
  // Runs over the end by up to three elements in registers only: the last lanes are stored one by one.
  for (let i = 0; i < n; i += 4, w += 16, g += 16) {
    const whole = i + 4 <= n;
    const count = whole ? 4 : n - i;
    const weight = whole ? v128.load(w) : loadLanes(w, count);
    let step = whole ? v128.load(g) : loadLanes(g, count);
    if (decays) step = f32x4.add(step, f32x4.mul(decay, weight));
    if (moves) {
      const before = whole ? v128.load(velocity) : loadLanes(velocity, count);
      step = f32x4.add(f32x4.mul(momentum, before), step);
      if (whole) v128.store(velocity, step);
      else storeLanes(velocity, step, count);
      velocity += 16;
    }
    const after = f32x4.sub(weight, f32x4.mul(lr, step));
    if (whole) v128.store(w, after);
    else storeLanes(w, after, count);
  }
}

export function adam(n: i32, w: usize, g: usize, m: usize, v: usize, cells: usize): void {
  const beta1 = v128.load32_splat(cells);
  const rest1 = v128.load32_splat(cells, 4);
  const beta2 = v128.load32_splat(cells, 8);
  const rest2 = v128.load32_splat(cells, 12);
  const stepSize = v128.load32_splat(cells, 16);
  const correction = v128.load32_splat(cells, 20);
  const epsilon = v128.load32_splat(cells, 24);
  const decay = v128.load32_splat(cells, 28);
  const decays = load<f32>(cells, 28) != 0;
  for (let i = 0; i < n; i += 4, w += 16, g += 16, m += 16, v += 16) {
    const whole = i + 4 <= n;
    const count = whole ? 4 : n - i;
    const weight = whole ? v128.load(w) : loadLanes(w, count);
    let gradient = whole ? v128.load(g) : loadLanes(g, count);
    let first = whole ? v128.load(m) : loadLanes(m, count);
    let second = whole ? v128.load(v) : loadLanes(v, count);
    if (decays) gradient = f32x4.add(gradient, f32x4.mul(decay, weight));
    first = f32x4.add(f32x4.mul(beta1, first), f32x4.mul(rest1, gradient));
    second = f32x4.add(f32x4.mul(beta2, second), f32x4.mul(rest2, f32x4.mul(gradient, gradient)));
    const scale = f32x4.add(f32x4.mul(f32x4.sqrt(second), correction), epsilon);
    const after = f32x4.sub(weight, f32x4.div(f32x4.mul(stepSize, first), scale));
    if (whole) {
      v128.store(w, after);
      v128.store(m, first);
      v128.store(v, second);
    } else {
      storeLanes(w, after, count);
      storeLanes(m, first, count);
      storeLanes(v, second, count);
    }
  }
}
