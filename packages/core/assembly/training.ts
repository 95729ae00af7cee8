// Averages of shard gradients and of weights, clipping. Every element of `average` and `ema` is computed independently.
// Each operation is rounded: no fused multiply-add, not even in the relaxed build. So threads may split the work
// anywhere without changing a bit.
import { loadUpTo4, storeUpTo4 } from "./lanes";
import { scratch } from "./scratch";

/** Bytes that are added up together: a few of them stay in the first-level cache. */
const BLOCK: usize = 4096;

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function multiply(y: usize, x: usize, factor: f32, size: usize): void {
  const lanes = f32x4.splat(factor);
  let i: usize = 0;
  for (; i + 16 <= size; i += 16) v128.store(y + i, f32x4.mul(lanes, v128.load(x + i)));
  for (; i < size; i += 4) store<f32>(y + i, factor * load<f32>(x + i));
}

/** `y = wa a + wb b`. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function addPair(y: usize, a: usize, wa: f32, b: usize, wb: f32, size: usize): void {
  const la = f32x4.splat(wa);
  const lb = f32x4.splat(wb);
  let i: usize = 0;
  for (; i + 16 <= size; i += 16) {
    v128.store(y + i, f32x4.add(f32x4.mul(la, v128.load(a + i)), f32x4.mul(lb, v128.load(b + i))));
  }
  for (; i < size; i += 4) store<f32>(y + i, wa * load<f32>(a + i) + wb * load<f32>(b + i));
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function addTo(y: usize, x: usize, size: usize): void {
  let i: usize = 0;
  for (; i + 16 <= size; i += 16) v128.store(y + i, f32x4.add(v128.load(y + i), v128.load(x + i)));
  for (; i < size; i += 4) store<f32>(y + i, load<f32>(y + i) + load<f32>(x + i));
}

/** Sums of blocks of shards, on a stack in the scratch memory; a bit of `present` for each that has a shard with a weight. */
let present: u64 = 0;

/** Puts the two upper ones of `depth` sums together. */
function mergeTop(depth: i32, size: usize): void {
  const right: u64 = (<u64>1) << (<u64>(depth - 1));
  const left: u64 = (<u64>1) << (<u64>(depth - 2));
  if ((present & right) == 0) return;
  const at = scratch + (<usize>(depth - 1)) * BLOCK;
  if (present & left) addTo(at - BLOCK, at, size);
  else memory.copy(at - BLOCK, at, size);
  present = (present & ~right) | left;
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function slotAt(slots: usize, s: i32): usize {
  return <usize>load<i32>(slots + (<usize>s << 2));
}

/** `y = scale (wa a + wb b)`, without a detour through the scratch memory; without `b` if its weight is 0. */
function averageTwo(y: usize, a: usize, wa: f32, b: usize, wb: f32, scale: f32, size: usize): void {
  const la = f32x4.splat(wa);
  const lb = f32x4.splat(wb);
  const factor = f32x4.splat(scale);
  let i: usize = 0;
  if (wb == 0) {
    for (; i + 16 <= size; i += 16) v128.store(y + i, f32x4.mul(factor, f32x4.mul(la, v128.load(a + i))));
    for (; i < size; i += 4) store<f32>(y + i, scale * (wa * load<f32>(a + i)));
    return;
  }
  for (; i + 16 <= size; i += 16) {
    const sum = f32x4.add(f32x4.mul(la, v128.load(a + i)), f32x4.mul(lb, v128.load(b + i)));
    v128.store(y + i, f32x4.mul(factor, sum));
  }
  for (; i < size; i += 4) store<f32>(y + i, scale * (wa * load<f32>(a + i) + wb * load<f32>(b + i)));
}

export function average(n: i32, shards: i32, x: usize, slots: usize, stride: i32, weights: usize, scale: f32, y: usize): void {
  const step = <usize>stride << 2;
  const size = <usize>n << 2;
  // Two sums are one pair, wherever in the tree they are. A merge of blocks, and an average over two workers, has no more.
  let places = 0;
  let first = 0;
  let second = 0;
  for (let s = 0; s < shards; s++) {
    if (load<f32>(weights + (<usize>s << 2)) == 0) continue;
    if (places == 0) first = s;
    second = s;
    places++;
  }
  if (places == 1 || places == 2) {
    const wb = places == 2 ? load<f32>(weights + (<usize>second << 2)) : <f32>0;
    averageTwo(y, x + slotAt(slots, first) * step, load<f32>(weights + (<usize>first << 2)), x + slotAt(slots, second) * step, wb, scale, size);
    return;
  }
  for (let start: usize = 0; start < size; start += BLOCK) {
    const bytes = min(BLOCK, size - start);
    const from = x + start;
    let depth = 0;
    present = 0;
    for (let s = 0; s < shards; s++) {
      const top = scratch + <usize>depth * BLOCK;
      const weight = load<f32>(weights + (<usize>s << 2));
      const next = s + 1 < shards && (s & 1) == 0 ? load<f32>(weights + (<usize>(s + 1) << 2)) : <f32>0;
      if (weight != 0) present |= (<u64>1) << (<u64>depth);
      if (weight != 0 && next != 0) {
        addPair(top, from + slotAt(slots, s) * step, weight, from + slotAt(slots, s + 1) * step, next, bytes);
        s++;
        // What is left of this pair's two is one sum: the merge of single shards is done.
        depth++;
        for (let pairs = (s + 1) >> 1; (pairs & 1) == 0; pairs >>= 1) mergeTop(depth--, bytes);
        continue;
      }
      if (weight != 0) multiply(top, from + slotAt(slots, s) * step, weight, bytes);
      depth++;
      for (let done = s + 1; (done & 1) == 0; done >>= 1) mergeTop(depth--, bytes);
    }
    while (depth > 1) mergeTop(depth--, bytes);
    if (present) multiply(y + start, scratch, scale, bytes);
    else memory.fill(y + start, 0, bytes);
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

/** In float64, two elements at a time: the square of a float32 is exact there, and cannot overflow. */
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
