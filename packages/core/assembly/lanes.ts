// The last one to three elements of a run, as vector lanes.

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
export function loadLanes(p: usize, count: i32): v128 {
  let v = v128.load32_zero(p);
  if (count > 1) v = f32x4.replace_lane(v, 1, load<f32>(p, 4));
  if (count > 2) v = f32x4.replace_lane(v, 2, load<f32>(p, 8));
  return v;
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
export function storeLanes(p: usize, v: v128, count: i32): void {
  store<f32>(p, f32x4.extract_lane(v, 0));
  if (count > 1) store<f32>(p, f32x4.extract_lane(v, 1), 4);
  if (count > 2) store<f32>(p, f32x4.extract_lane(v, 2), 8);
}

/** Four elements, or the remaining `left`, padded with zeros. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
export function loadUpTo4(p: usize, left: i32): v128 {
  return left >= 4 ? v128.load(p) : loadLanes(p, left);
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
export function storeUpTo4(p: usize, v: v128, left: i32): void {
  if (left >= 4) v128.store(p, v);
  else storeLanes(p, v, left);
}

/** Sets all bits of the first `count` lanes; of all lanes from 4 on. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
export function firstLanes(count: i32): v128 {
  return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(count));
}

/** A total of two float64 lanes plus four float32: continues a float32 sum without loss. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
export function addWide(total: v128, v: v128): v128 {
  const high = f64x2.promote_low_f32x4(v128.shuffle<i64>(v, v, 1, 1));
  return f64x2.add(total, f64x2.add(f64x2.promote_low_f32x4(v), high));
}

/** The sum of both lanes of such a total. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
export function sumWide(total: v128): f64 {
  return f64x2.extract_lane(total, 0) + f64x2.extract_lane(total, 1);
}
