// Reduces one row to one number: a product or an extremum. Knows no other layout; reduce.ts and softmax.ts do. Sums are
// in sums.ts. The order of operations depends on the length alone, so equal inputs give equal bits.

// Codes of the reductions. Every use has a compile-time constant, so no branch on them remains.
export const PROD: i32 = 0;
export const MAX: i32 = 1;
export const MIN: i32 = 2;
/** The largest number that is not NaN: one instruction, where MAX takes seven. */
const LARGEST: i32 = 3;

/** The result for no elements. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
export function neutral(code: i32): v128 {
  if (code == PROD) return f32x4.splat(1);
  return f32x4.splat(code == MIN ? Infinity : -Infinity);
}

/** Combines two partial results. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
export function combine(code: i32, a: v128, b: v128): v128 {
  if (code == PROD) return f32x4.mul(a, b);
  if (code == MAX) return f32x4.max(a, b);
  if (code == MIN) return f32x4.min(a, b);
  return f32x4.pmax(a, b);
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function horizontal(code: i32, v: v128): v128 {
  const pairs = combine(code, v, v128.shuffle<i32>(v, v, 2, 3, 0, 1));
  return combine(code, pairs, v128.shuffle<i32>(pairs, pairs, 1, 0, 3, 2));
}

/** The result of a row, in every lane. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
export function reduceRow(code: i32, n: i32, x: usize): v128 {
  let r0 = neutral(code);
  let r1 = r0;
  let r2 = r0;
  let r3 = r0;
  let end = x + (<usize>(n & ~15) << 2);
  for (; x < end; x += 64) {
    r0 = combine(code, r0, v128.load(x));
    r1 = combine(code, r1, v128.load(x, 16));
    r2 = combine(code, r2, v128.load(x, 32));
    r3 = combine(code, r3, v128.load(x, 48));
  }
  end = x + (<usize>(n & 12) << 2);
  for (; x < end; x += 16) r0 = combine(code, r0, v128.load(x));
  let result = horizontal(code, combine(code, combine(code, r0, r1), combine(code, r2, r3)));
  end = x + (<usize>(n & 3) << 2);
  for (; x < end; x += 4) result = combine(code, result, v128.load32_splat(x));
  return result;
}

/** The largest element of a row, in every lane; NaN ranks below everything. */
export function largestOf(n: i32, x: usize): v128 {
  return reduceRow(LARGEST, n, x);
}
