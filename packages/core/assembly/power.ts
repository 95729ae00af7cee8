// Powers of four float32 at once, via float64: |a|^b = 2^(b·log2 |a|). An absolute error in the exponent, which may be
// large, is a relative error of the result, so float32 would not suffice. In float64, plain Taylor series do. Error
// 0.501 ulp. Covers all special cases of IEEE 754's pow.

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function splat(x: f64): v128 {
  return f64x2.splat(x);
}

/** x·y + z. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function mulAdd(x: v128, y: v128, z: f64): v128 {
  return f64x2.add(f64x2.mul(x, y), splat(z));
}

// Adding 1.5·2^52 to an integer leaves it in the low bits; subtracting it reverses that.
const MAGIC: f64 = 6755399441055744;

/** log2 of a float32 x ≥ 0: e + log2 m, m in [√½, √2), log m = 2 artanh s with s = (m − 1)/(m + 1), to 2^−39. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function log2Pair(x: v128): v128 {
  const e = i64x2.shr_s(i64x2.sub(x, i64x2.splat(0x3fe6a09e667f3bcd)), 52);
  const f = f64x2.sub(i64x2.sub(x, i64x2.shl(e, 52)), splat(1));
  const s = f64x2.div(f, f64x2.add(f, splat(2)));
  const z = f64x2.mul(s, s);
  let p = mulAdd(splat(1.0 / 13), z, 1.0 / 11);
  p = mulAdd(p, z, 1.0 / 9);
  p = mulAdd(p, z, 1.0 / 7);
  p = mulAdd(p, z, 1.0 / 5);
  p = mulAdd(p, z, 1.0 / 3);
  p = mulAdd(p, z, 1);
  const exponent = f64x2.sub(i64x2.add(e, splat(MAGIC)), splat(MAGIC));
  const y = f64x2.add(exponent, f64x2.mul(f64x2.mul(s, p), splat(2.8853900817779268))); // 2/ln 2
  const finite = v128.bitselect(y, x, f64x2.lt(x, splat(Infinity)));
  return v128.bitselect(splat(-Infinity), finite, f64x2.eq(x, splat(0)));
}

/** 2^u. Where u is clamped, the result becomes 0 or Infinity as a float32. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function exp2Pair(u: v128): v128 {
  const t = f64x2.pmin(f64x2.pmax(u, splat(-160)), splat(130));
  const shifted = f64x2.add(t, splat(MAGIC));
  const r = f64x2.mul(f64x2.sub(t, f64x2.sub(shifted, splat(MAGIC))), splat(0.6931471805599453)); // |r| ≤ ½ ln 2
  let p = mulAdd(splat(1.0 / 3628800), r, 1.0 / 362880);
  p = mulAdd(p, r, 1.0 / 40320);
  p = mulAdd(p, r, 1.0 / 5040);
  p = mulAdd(p, r, 1.0 / 720);
  p = mulAdd(p, r, 1.0 / 120);
  p = mulAdd(p, r, 1.0 / 24);
  p = mulAdd(p, r, 1.0 / 6);
  p = mulAdd(p, r, 0.5);
  p = mulAdd(p, r, 1);
  p = mulAdd(p, r, 1);
  return f64x2.mul(p, i64x2.add(i64x2.shl(shifted, 52), splat(1)));
}

/** |a|^b of the two low lanes. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function powPair(a: v128, b: v128): v128 {
  const x = f64x2.promote_low_f32x4(f32x4.abs(a));
  return f32x4.demote_f64x2_zero(exp2Pair(f64x2.mul(f64x2.promote_low_f32x4(b), log2Pair(x))));
}

/** a^b. */
export function pow4(a: v128, b: v128): v128 {
  const one = f32x4.splat(1);
  const low = powPair(a, b);
  const high = powPair(v128.shuffle<i64>(a, a, 1, 1), v128.shuffle<i64>(b, b, 1, 1));
  const size = v128.shuffle<i64>(low, high, 0, 2);
  const half = f32x4.mul(b, f32x4.splat(0.5));
  const fractional = f32x4.ne(f32x4.nearest(b), b);
  const odd = v128.andnot(f32x4.ne(f32x4.nearest(half), half), fractional);
  const signed = v128.xor(size, v128.and(v128.and(a, odd), f32x4.splat(-0.0)));
  const negative = v128.and(f32x4.lt(a, f32x4.splat(0)), f32x4.gt(a, f32x4.splat(-Infinity)));
  const real = v128.or(signed, v128.and(negative, fractional)); // all bits set are a NaN Anything to the power of 0 is 1, and so is 1 to any power, even if the exponent or the base is NaN.
  const unit = v128.and(f32x4.eq(f32x4.abs(a), one), f32x4.eq(f32x4.abs(b), f32x4.splat(Infinity)));
  return v128.bitselect(one, real, v128.or(unit, v128.or(f32x4.eq(a, one), f32x4.eq(b, f32x4.splat(0)))));
}
