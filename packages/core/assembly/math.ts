// Elementary functions on four float32 at once, for the elementwise kernels to import; nothing here is a wasm
// export, touches memory or takes a branch that lets one lane see another. Plain multiply and add only (never
// relaxed_madd), so the bits are the same in the plain and the relaxed build.
// Errors in ulp are the largest found against float64, each over every float32 for which that is feasible.
// Coefficients are our own minimax fits (Remez, relative error, rounded to float32 one by one).

// The large functions are calls, not inlined: a call per four lanes is cheap, ten copies of a polynomial are not.
// exp4, tanh4 and sigmoid4, the hot ones, are inlined, so that their constants can leave the caller's loop.

// @ts-ignore: decorator
@inline
function splat(x: f32): v128 {
  return f32x4.splat(x);
}

/** x·y + z, rounded twice. */
// @ts-ignore: decorator
@inline
function mulAdd(x: v128, y: v128, z: v128): v128 {
  return f32x4.add(f32x4.mul(x, y), z);
}

/** x with its sign bit set where that of `sign` is: for odd functions, whose magnitude was computed, and for −0. */
// @ts-ignore: decorator
@inline
function orSign(x: v128, sign: v128): v128 {
  return v128.or(x, v128.and(sign, i32x4.splat(0x80000000)));
}

// Rounding to an integer n: adding 1.5·2^23 leaves n in the low bits, whose other nine are zero, so that the
// float's bits may be shifted into an exponent as they are.
const SHIFT: f32 = 12582912;

/** SHIFT + n, n = x / ln 2 rounded. */
// @ts-ignore: decorator
@inline
function shiftedExponent(x: v128): v128 {
  return mulAdd(x, splat(1.44269504), splat(SHIFT));
}

/** 2^n, −127 < n < 128, n in the low nine bits. */
// @ts-ignore: decorator
@inline
function powerOfTwo(n: v128): v128 {
  return i32x4.add(i32x4.shl(n, 23), splat(1));
}

/** 2^−n, −128 < n < 127; 0 for n = 127 and, if clamped, above. */
// @ts-ignore: decorator
@inline
function inversePowerOfTwo(n: v128): v128 {
  return i32x4.sub(splat(1), i32x4.shl(n, 23));
}

// ln 2 = LN2_HIGH + LN2_LOW; the high part has 15 bits, so that n·LN2_HIGH is exact for |n| < 512.
const LN2_HIGH: f32 = 0.693145751953125;
const LN2_LOW: f32 = 1.42860677e-6;

/** r = x − n·ln 2, |r| ≤ ln 2 / 2. */
// @ts-ignore: decorator
@inline
function expRest(x: v128, shifted: v128): v128 {
  const n = f32x4.sub(shifted, splat(12582912));
  return f32x4.sub(f32x4.sub(x, f32x4.mul(n, splat(LN2_HIGH))), f32x4.mul(n, splat(LN2_LOW)));
}

/** P(r) in exp r = 1 + r + r²P(r). */
// @ts-ignore: decorator
@inline
function expTail(r: v128): v128 {
  let p = mulAdd(splat(1.38287339e-3), r, splat(8.36905465e-3));
  p = mulAdd(p, r, splat(4.16681282e-2));
  p = mulAdd(p, r, splat(0.166665167));
  return mulAdd(p, r, splat(0.49999994));
}

// @ts-ignore: decorator
@inline
export function exp4(x: v128): v128 {
  const t = f32x4.pmin(f32x4.pmax(x, splat(-104)), splat(89));
  const n = shiftedExponent(t);
  const r = expRest(t, n);
  const p = f32x4.add(splat(1), mulAdd(expTail(r), f32x4.mul(r, r), r));
  const half = i32x4.shr_s(n, 1); // 2^n in two steps: denormal results and overflow are rounded once, at the end
  return f32x4.mul(f32x4.mul(p, powerOfTwo(half)), powerOfTwo(i32x4.sub(n, half)));
}

export function expm14(x: v128): v128 {
  const t = f32x4.pmin(f32x4.pmax(x, splat(-20)), splat(89));
  const shifted = shiftedExponent(t);
  const n = f32x4.sub(shifted, splat(12582912));
  const high = f32x4.sub(t, f32x4.mul(n, splat(LN2_HIGH)));
  const low = f32x4.mul(n, splat(LN2_LOW));
  const r = f32x4.sub(high, low);
  const rest = f32x4.sub(f32x4.sub(high, r), low);
  let p = mulAdd(splat(1.49336091e-4), r, splat(1.39305228e-3));
  p = mulAdd(p, r, splat(8.34160578e-3));
  p = mulAdd(p, r, splat(4.16665114e-2));
  p = mulAdd(p, r, splat(0.166666359));
  p = mulAdd(p, r, splat(0.5));
  p = mulAdd(p, f32x4.mul(r, r), rest);
  const one = f32x4.sub(splat(1), i32x4.max_s(inversePowerOfTwo(shifted), splat(0)));
  const sum = f32x4.add(one, r);
  const error = f32x4.sub(r, f32x4.sub(sum, one));
  const y = f32x4.add(sum, f32x4.add(error, p));
  const half = i32x4.shr_s(shifted, 1);
  return orSign(f32x4.mul(f32x4.mul(y, powerOfTwo(half)), powerOfTwo(i32x4.sub(shifted, half))), x);
}

/** e·ln 2 + log(1 + f + g), 1 + f in [√½, √2), g below an ulp of f. */
// @ts-ignore: decorator
@inline
function logSum(e: v128, f: v128, g: v128): v128 {
  const s = f32x4.div(f, f32x4.add(splat(2), f));
  const z = f32x4.mul(s, s);
  let p = mulAdd(splat(0.298718929), z, splat(0.399775594));
  p = mulAdd(p, z, splat(0.666667759));
  const half = f32x4.mul(f32x4.mul(f, f), splat(0.5));
  const tail = f32x4.sub(f32x4.mul(s, mulAdd(p, z, half)), half);
  const big = f32x4.mul(e, splat(LN2_HIGH));
  const sum = f32x4.add(big, f);
  const error = f32x4.sub(f, f32x4.sub(sum, big));
  const small = mulAdd(e, splat(LN2_LOW), g);
  return f32x4.add(sum, f32x4.add(error, f32x4.add(tail, small)));
}

const SQRT_HALF_BITS: i32 = 0x3f3504f3;

export function log4(x: v128): v128 {
  const tiny = f32x4.lt(x, splat(1.17549435e-38));
  const y = v128.bitselect(f32x4.mul(x, splat(8388608)), x, tiny);
  const i = i32x4.shr_s(i32x4.sub(y, i32x4.splat(SQRT_HALF_BITS)), 23);
  const m = i32x4.sub(y, i32x4.shl(i, 23));
  const e = f32x4.sub(f32x4.convert_i32x4_s(i), v128.and(tiny, splat(23)));
  return logLimits(logSum(e, f32x4.sub(m, splat(1)), splat(0)), x, splat(0));
}

/** Puts in what a logarithm is at its pole (−∞), below it (NaN) and at Infinity and NaN. */
// @ts-ignore: decorator
@inline
function logLimits(y: v128, x: v128, pole: v128): v128 {
  const infinity = i32x4.splat(0x7f800000);
  y = v128.bitselect(infinity, y, f32x4.eq(x, infinity));
  y = v128.bitselect(i32x4.splat(0xff800000), y, f32x4.eq(x, pole));
  return v128.or(y, v128.not(f32x4.ge(x, pole))); // all bits set is a NaN
}

export function log1p4(x: v128): v128 {
  const u = f32x4.add(splat(1), x);
  const xRounded = f32x4.sub(u, splat(1));
  const lost = f32x4.add(f32x4.sub(splat(1), f32x4.sub(u, xRounded)), f32x4.sub(x, xRounded)); // u + lost = 1 + x
  const e = i32x4.shr_s(i32x4.sub(u, i32x4.splat(SQRT_HALF_BITS)), 23);
  const f = f32x4.sub(i32x4.sub(u, i32x4.shl(e, 23)), splat(1));
  const g = f32x4.mul(lost, i32x4.max_s(inversePowerOfTwo(e), splat(0)));
  const sum = f32x4.add(f, g);
  const y = logSum(f32x4.convert_i32x4_s(e), sum, f32x4.add(f32x4.sub(f, sum), g));
  return orSign(logLimits(y, x, splat(-1)), x);
}

/** numerator/(2^−n·(1 + exp x)) */
// @ts-ignore: decorator
@inline
function logisticFraction(numerator: v128, x: v128, n: v128, inverse: v128): v128 {
  const r = expRest(x, n);
  const one = f32x4.add(splat(1), inverse);
  const sum = f32x4.add(one, r);
  let error = f32x4.sub(r, f32x4.sub(sum, one));
  error = f32x4.add(error, f32x4.sub(inverse, f32x4.sub(one, splat(1))));
  return f32x4.div(numerator, f32x4.add(sum, mulAdd(expTail(r), f32x4.mul(r, r), error)));
}

// @ts-ignore: decorator
@inline
export function tanh4(x: v128): v128 {
  const t = f32x4.pmin(f32x4.abs(x), splat(10));
  const z = f32x4.mul(t, t);
  let p = mulAdd(splat(-0.0056922962), z, splat(0.0206281673));
  p = mulAdd(p, z, splat(-0.0537365153));
  p = mulAdd(p, z, splat(0.133314058));
  p = mulAdd(p, z, splat(-0.333332807));
  const near = mulAdd(p, f32x4.mul(z, t), t);
  const twice = f32x4.add(t, t);
  const n = shiftedExponent(twice);
  const inverse = inversePowerOfTwo(n);
  const far = f32x4.sub(splat(1), logisticFraction(f32x4.add(inverse, inverse), twice, n, inverse));
  return orSign(v128.bitselect(near, far, f32x4.lt(t, splat(0.625))), x);
}

// @ts-ignore: decorator
@inline
export function sigmoid4(x: v128): v128 {
  const t = f32x4.pmin(f32x4.abs(x), splat(104));
  const n = shiftedExponent(t);
  const half = i32x4.shr_s(n, 1);
  const a = inversePowerOfTwo(half);
  const b = inversePowerOfTwo(i32x4.sub(n, half));
  const y = f32x4.mul(logisticFraction(a, t, n, f32x4.mul(a, b)), b);
  return v128.bitselect(y, f32x4.sub(splat(1), y), i32x4.shr_s(x, 31));
}

export function erf4(x: v128): v128 {
  const t = f32x4.pmin(f32x4.abs(x), splat(4));
  const z = f32x4.mul(t, t);
  let p = mulAdd(splat(7.80690316e-05), z, splat(-0.00079978531));
  p = mulAdd(p, z, splat(0.0051871622));
  p = mulAdd(p, z, splat(-0.0268533472));
  p = mulAdd(p, z, splat(0.112835787));
  p = mulAdd(p, z, splat(-0.37612626));
  p = mulAdd(p, z, splat(0.128379166));
  const near = mulAdd(p, t, t);
  const d = f32x4.sub(t, splat(2.5));
  let q = mulAdd(splat(1.13497817e-05), d, splat(3.08829149e-05));
  q = mulAdd(q, d, splat(-0.000194252309));
  q = mulAdd(q, d, splat(-2.21963091e-05));
  q = mulAdd(q, d, splat(0.00264331885));
  q = mulAdd(q, d, splat(-0.00647701742));
  q = mulAdd(q, d, splat(-0.0122568998));
  q = mulAdd(q, d, splat(0.0936520919));
  q = mulAdd(q, d, splat(-0.190063134));
  q = mulAdd(q, d, splat(0.142031848));
  q = f32x4.mul(q, q);
  const far = f32x4.sub(splat(1), f32x4.mul(q, q));
  return orSign(v128.bitselect(near, far, f32x4.lt(t, splat(1))), x);
}

// 1/π in pieces of 28 bits: a float32 (24 bits) times a piece is exact in float64.
/** One more piece of x/π, in half-turns modulo 2: sum and rest together grow by x·piece. */
// @ts-ignore: decorator
@inline
function modulo2(x: v128): v128 {
  return f64x2.sub(x, f64x2.mul(f64x2.nearest(f64x2.mul(x, f64x2.splat(0.5))), f64x2.splat(2)));
}

export function sin4(x: v128): v128 {
  return sinShifted(x, f64x2.splat(-0.0));
}
export function cos4(x: v128): v128 {
  return sinShifted(x, f64x2.splat(0.5));
}

// @ts-ignore: decorator
@inline
function sinShifted(x: v128, shift: v128): v128 {
  const low = sinHalf(f64x2.promote_low_f32x4(x), shift);
  const high = sinHalf(f64x2.promote_low_f32x4(v128.shuffle<i64>(x, x, 1, 1)), shift);
  return v128.shuffle<i64>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2);
}

function sinHalf(x: v128, shift: v128): v128 {
  const magic = f64x2.splat(6755399441055744);
  let high = f64x2.mul(x, f64x2.splat(0.31830988451838493));
  let low = f64x2.mul(x, f64x2.splat(1.665405738066088e-9));
  const large = f64x2.ge(f64x2.abs(x), f64x2.splat(134217728));
  if (v128.any_true(large)) {
    let sum = modulo2(high);
    let rest = f64x2.splat(0);
    for (let i = 1; i < 8; i++) {
      const piece: f64 =
        i == 1 ? 1.6654057299891889e-9
        : i == 2 ? 8.0768989019629022e-18
        : i == 3 ? 3.8483524236783526e-26
        : i == 4 ? 8.3414338285097625e-35
        : i == 5 ? 5.7943566414442754e-44
        : i == 6 ? 3.5269795374180254e-52
        : 9.4512044532516090e-60;
      const term = modulo2(f64x2.mul(x, f64x2.splat(piece)));
      const next = f64x2.add(sum, term);
      const back = f64x2.sub(next, sum);
      rest = f64x2.add(rest, f64x2.add(f64x2.sub(sum, f64x2.sub(next, back)), f64x2.sub(term, back)));
      sum = next;
    }
    high = v128.bitselect(modulo2(sum), high, large);
    low = v128.bitselect(rest, low, large);
  }
  const shifted = f64x2.add(f64x2.add(f64x2.add(high, low), shift), magic);
  const y = f64x2.add(f64x2.add(f64x2.sub(high, f64x2.sub(shifted, magic)), shift), low);
  const z = f64x2.mul(y, y);
  let p = f64x2.add(f64x2.mul(f64x2.splat(-0.0070220239168172624), z), f64x2.splat(0.082046398536525858));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(-0.59925131402521492));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(2.5501632390080751));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(-5.1677127620784402));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(3.1415926535231677));
  return v128.xor(f64x2.mul(y, p), i64x2.shl(shifted, 63));
}
