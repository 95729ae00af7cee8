// Averaging of shard gradients and of weights, clipping. Every element of `average` and `ema` is computed by itself, with
// each operation rounded (no fused multiply-add, not even in the relaxed build), so that threads may cut the work
// anywhere without changing a bit.
import { loadUpTo4, storeUpTo4 } from "./lanes";

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

export function ema(n: i32, w: usize, average: usize, cells: usize): void {
  const decay = v128.load32_splat(cells);
  const rest = v128.load32_splat(cells, 4);
  for (let left = n; left > 0; left -= 4, w += 16, average += 16) {
    const kept = f32x4.mul(decay, loadUpTo4(average, left));
    storeUpTo4(average, f32x4.add(kept, f32x4.mul(rest, loadUpTo4(w, left))), left);
  }
}

/** In float64, two elements at a time: a square of float32 is exact there, and cannot overflow. */
export function addSquares(n: i32, x: usize, total: usize): void {
  let s0 = f64x2.splat(0);
  let s1 = s0;
  for (let left = n; left > 0; left -= 4, x += 16) {
    const v = loadUpTo4(x, left);
    const low = f64x2.promote_low_f32x4(v);
    const high = f64x2.promote_low_f32x4(v128.shuffle<i64>(v, v, 1, 1));
    s0 = f64x2.add(s0, f64x2.mul(low, low));
    s1 = f64x2.add(s1, f64x2.mul(high, high));
  }
  const sums = f64x2.add(s0, s1);
  store<f64>(total, load<f64>(total) + (f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1)));
}

export function clip(n: i32, limit: f32, x: usize): void {
  const most = f32x4.splat(limit);
  const least = f32x4.splat(-limit);
  for (let left = n; left > 0; left -= 4, x += 16) {
    storeUpTo4(x, f32x4.min(f32x4.max(loadUpTo4(x, left), least), most), left);
  }
}
