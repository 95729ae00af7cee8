// The last one to three elements of a run, as lanes of a vector.

// @ts-ignore: decorator
@inline
export function loadLanes(p: usize, count: i32): v128 {
  let v = v128.load32_zero(p);
  if (count > 1) v = f32x4.replace_lane(v, 1, load<f32>(p, 4));
  if (count > 2) v = f32x4.replace_lane(v, 2, load<f32>(p, 8));
  return v;
}

// @ts-ignore: decorator
@inline
export function storeLanes(p: usize, v: v128, count: i32): void {
  store<f32>(p, f32x4.extract_lane(v, 0));
  if (count > 1) store<f32>(p, f32x4.extract_lane(v, 1), 4);
  if (count > 2) store<f32>(p, f32x4.extract_lane(v, 2), 8);
}

/** Four elements, or the `left` that are left with zeros behind them. */
// @ts-ignore: decorator
@inline
export function loadUpTo4(p: usize, left: i32): v128 {
  return left >= 4 ? v128.load(p) : loadLanes(p, left);
}

// @ts-ignore: decorator
@inline
export function storeUpTo4(p: usize, v: v128, left: i32): void {
  if (left >= 4) v128.store(p, v);
  else storeLanes(p, v, left);
}

/** The sum of the first `count` lanes. */
// @ts-ignore: decorator
@inline
export function sumLanes(v: v128, count: i32): f32 {
  let sum = f32x4.extract_lane(v, 0);
  if (count > 1) sum += f32x4.extract_lane(v, 1);
  if (count > 2) sum += f32x4.extract_lane(v, 2);
  if (count > 3) sum += f32x4.extract_lane(v, 3);
  return sum;
}
