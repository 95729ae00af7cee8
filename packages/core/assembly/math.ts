// Elementary functions on four float32 at once, imported by the elementwise kernels. None is a wasm export, none
// touches memory, and no lane affects another, so tails may be padded. Plain multiply and add only (never
// relaxed_madd): both builds give the same bits. Handles denormals, ±0, ±Infinity and NaN. "Error" is the largest over
// all float32 against float64, in ulp; perfect rounding has 0.5. The coefficients are our own minimax fits (Remez,
// relative error of the function), each rounded to float32.

// exp4, tanh4 and sigmoid4 are inlined: they are hot, and inlining moves their constants out of the caller's loop. The
// others are calls, which cost little per four lanes; copies of two polynomials in each kernel would cost more.

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function splat(x: f32): v128 {
  return f32x4.splat(x);
}

/** x·y + z, rounded twice. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function mulAdd(x: v128, y: v128, z: v128): v128 {
  return f32x4.add(f32x4.mul(x, y), z);
}

/** x·y + z in float64. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function mulAddWide(x: v128, y: v128, z: f64): v128 {
  return f64x2.add(f64x2.mul(x, y), f64x2.splat(z));
}

/** What rounding lost in sum = a + b, exactly, if |a| ≥ |b| or a = 0 (Dekker). */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function lostBy(a: v128, b: v128, sum: v128): v128 {
  return f32x4.sub(b, f32x4.sub(sum, a));
}

/** Copies the sign of x to y, which is positive or already has it: for odd functions, and for a −0 lost in a sum. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function withSign(y: v128, x: v128): v128 {
  return v128.or(y, v128.and(x, i32x4.splat(0x80000000)));
}

// ---- exponentials: x = n·ln 2 + r, |r| ≤ ½ ln 2 (Cody and Waite) ----

// Adding 1.5·2^23 rounds to an integer n and leaves n in the low bits. The nine lowest bits of 1.5·2^23 itself are
// zero, so shifting the sum's bits left by 23 gives an exponent directly.
const SHIFT: f32 = 12582912;

// ln 2 in two parts; the high one has 15 bits, so that n·LN2_HIGH is exact for |n| < 512.
const LN2_HIGH: f32 = 0.693145751953125;
const LN2_LOW: f32 = 1.42860677e-6;

/** SHIFT + n. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function shiftedExponent(x: v128): v128 {
  return mulAdd(x, splat(1.44269504), splat(SHIFT));
}

/** 2^n for −127 < n < 128, n in the low nine bits: added to the exponent of 1. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function powerOfTwo(n: v128): v128 {
  return i32x4.add(i32x4.shl(n, 23), splat(1));
}

/** 2^−n for −128 < n < 127; 0 for n = 127; the bits of a negative integer for 127 < n < 256. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function inversePowerOfTwo(n: v128): v128 {
  return i32x4.sub(splat(1), i32x4.shl(n, 23));
}

/** y·2^n in two steps: a denormal result or an overflow is rounded once, in the second. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function scale(y: v128, n: v128): v128 {
  const half = i32x4.shr_s(n, 1);
  return f32x4.mul(f32x4.mul(y, powerOfTwo(half)), powerOfTwo(i32x4.sub(n, half)));
}

/** r. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function reducedArgument(x: v128, shifted: v128): v128 {
  const n = f32x4.sub(shifted, splat(SHIFT));
  return f32x4.sub(f32x4.sub(x, f32x4.mul(n, splat(LN2_HIGH))), f32x4.mul(n, splat(LN2_LOW)));
}

/** r²P(r) + z, where exp r = 1 + r + r²P(r), to 2^−28. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function addExpTail(r: v128, z: v128): v128 {
  let p = mulAdd(splat(1.38287339e-3), r, splat(8.36905465e-3));
  p = mulAdd(p, r, splat(4.16681282e-2));
  p = mulAdd(p, r, splat(0.166665167));
  p = mulAdd(p, r, splat(0.49999994));
  return mulAdd(p, f32x4.mul(r, r), z);
}

/** exp x = 2^n·(1 + (r + r²P)). Error 0.99 ulp. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
export function exp4(x: v128): v128 {
  const t = f32x4.pmin(f32x4.pmax(x, splat(-104)), splat(89)); // beyond: 0 and Infinity; NaN passes
  const shifted = shiftedExponent(t);
  const r = reducedArgument(t, shifted);
  return scale(f32x4.add(splat(1), addExpTail(r, r)), shifted);
}

/**
 * exp x − 1 = 2^n·((1 − 2^−n + r) + (r²P + what r and the sum in brackets lost)). P is one degree longer than for exp4,
 * because at n = 0 the 1 is gone. Error 1.09 ulp.
 */
export function expm14(x: v128): v128 {
  const t = f32x4.pmin(f32x4.pmax(x, splat(-20)), splat(89)); // beyond: −1 and Infinity
  const shifted = shiftedExponent(t);
  const n = f32x4.sub(shifted, splat(SHIFT));
  const high = f32x4.sub(t, f32x4.mul(n, splat(LN2_HIGH)));
  const low = f32x4.mul(n, splat(LN2_LOW));
  const r = f32x4.sub(high, low);
  let p = mulAdd(splat(1.49336091e-4), r, splat(1.39305228e-3));
  p = mulAdd(p, r, splat(8.34160578e-3));
  p = mulAdd(p, r, splat(4.16665114e-2));
  p = mulAdd(p, r, splat(0.166666359));
  p = mulAdd(p, r, splat(0.5));
  p = mulAdd(p, f32x4.mul(r, r), f32x4.sub(f32x4.sub(high, r), low));
  const one = f32x4.sub(splat(1), i32x4.max_s(inversePowerOfTwo(shifted), splat(0)));
  const sum = f32x4.add(one, r);
  return withSign(scale(f32x4.add(sum, f32x4.add(lostBy(one, r, sum), p)), shifted), x);
}

/** numerator / (2^−n·(1 + exp x)) for x ≥ 0, given 2^−n: the divisor 2^−n + 1 + r + r²P is rounded once. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function overOnePlusExp(numerator: v128, x: v128, shifted: v128, inverse: v128): v128 {
  const r = reducedArgument(x, shifted);
  const one = f32x4.add(splat(1), inverse);
  const sum = f32x4.add(one, r);
  const lost = f32x4.add(lostBy(splat(1), inverse, one), lostBy(one, r, sum));
  return f32x4.div(numerator, f32x4.add(sum, addExpTail(r, lost)));
}

/** tanh |x| = t + t³P(t²) below 0.625, 1 − 2/(1 + exp 2t) above, as Cephes divides it. Error 1.17 ulp. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
export function tanh4(x: v128): v128 {
  const t = f32x4.pmin(f32x4.abs(x), splat(10)); // beyond: 1
  const z = f32x4.mul(t, t);
  let p = mulAdd(splat(-5.6922962e-3), z, splat(2.06281673e-2));
  p = mulAdd(p, z, splat(-5.37365153e-2));
  p = mulAdd(p, z, splat(0.133314058));
  p = mulAdd(p, z, splat(-0.333332807));
  const near = mulAdd(p, f32x4.mul(z, t), t);
  const twice = f32x4.add(t, t);
  const shifted = shiftedExponent(twice);
  const inverse = inversePowerOfTwo(shifted);
  const far = f32x4.sub(splat(1), overOnePlusExp(f32x4.add(inverse, inverse), twice, shifted, inverse));
  return withSign(v128.bitselect(near, far, f32x4.lt(t, splat(0.625))), x);
}

/** 1/(1 + exp −x): y = 1/(1 + exp |x|) for x < 0, 1 − y otherwise. Error 1.60 ulp. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
export function sigmoid4(x: v128): v128 {
  const t = f32x4.pmin(f32x4.abs(x), splat(104)); // beyond: 0 and 1
  const shifted = shiftedExponent(t);
  const half = i32x4.shr_s(shifted, 1);
  const first = inversePowerOfTwo(half);
  const second = inversePowerOfTwo(i32x4.sub(shifted, half));
  const y = f32x4.mul(overOnePlusExp(first, t, shifted, f32x4.mul(first, second)), second);
  return v128.bitselect(y, f32x4.sub(splat(1), y), i32x4.shr_s(x, 31));
}

// ---- logarithms: u = 2^e·(1 + f), 1 + f in [√½, √2) ----

/** e of a positive normal float32. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function exponentAboveSqrtHalf(u: v128): v128 {
  return i32x4.shr_s(i32x4.sub(u, i32x4.splat(0x3f3504f3)), 23);
}

/**
 * e·ln 2 + log(1 + f) + g, with |g| below an ulp of f: log(1 + f) = 2 artanh s, s = f/(2 + f), in fdlibm's form
 * f − (f²/2 − s·(f²/2 + s²L(s²))), which keeps the large term exact; L to 2^−30.
 */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
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
  return f32x4.add(sum, f32x4.add(lostBy(big, f, sum), f32x4.add(tail, mulAdd(e, splat(LN2_LOW), g))));
}

/** Fixes the logarithm y of x where the formula fails: Infinity at Infinity, −Infinity at the pole, NaN below it. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function logLimits(y: v128, x: v128, pole: f32): v128 {
  const infinity = i32x4.splat(0x7f800000);
  const upTo = v128.bitselect(infinity, y, f32x4.eq(x, infinity));
  const above = v128.bitselect(i32x4.splat(0xff800000), upTo, f32x4.eq(x, splat(pole)));
  return v128.or(above, v128.not(f32x4.ge(x, splat(pole)))); // all bits set are a NaN
}

/** log x. Error 0.91 ulp. */
export function log4(x: v128): v128 {
  const denormal = f32x4.lt(x, splat(1.17549435e-38));
  const u = v128.bitselect(f32x4.mul(x, splat(8388608)), x, denormal); // · 2^23
  const e = exponentAboveSqrtHalf(u);
  const f = f32x4.sub(i32x4.sub(u, i32x4.shl(e, 23)), splat(1));
  const exponent = f32x4.sub(f32x4.convert_i32x4_s(e), v128.and(denormal, splat(23)));
  return logLimits(logSum(exponent, f, splat(0)), x, 0);
}

/** log(1 + x): what u = 1 + x lost to rounding is scaled like u and added to f. Error 0.93 ulp. */
export function log1p4(x: v128): v128 {
  const u = f32x4.add(x, splat(1));
  const one = f32x4.sub(u, x);
  const lost = f32x4.add(f32x4.sub(splat(1), one), f32x4.sub(x, f32x4.sub(u, one))); // Knuth: of any sizes
  const e = exponentAboveSqrtHalf(u);
  const f = f32x4.sub(i32x4.sub(u, i32x4.shl(e, 23)), splat(1));
  const g = f32x4.mul(lost, i32x4.max_s(inversePowerOfTwo(e), splat(0)));
  const sum = f32x4.add(f, g);
  return withSign(logLimits(logSum(f32x4.convert_i32x4_s(e), sum, lostBy(f, g, sum)), x, -1), x);
}

// ---- the error function ----

/**
 * erf |x| = t + t·P(t² − ¾) below 1.25, to 2^−28. Above, 1 − Q(t − 2.625)⁴: the fourth root of erfc is flat enough for
 * one polynomial up to 4, where erf rounds to 1. Both are centred to keep the terms of Horner's rule small. Error 1.53
 * ulp at 1.24, 1.05 below 0.5, against a float64 series of our own.
 */
export function erf4(x: v128): v128 {
  const t = f32x4.pmin(f32x4.abs(x), splat(4));
  const z = f32x4.sub(f32x4.mul(t, t), splat(0.75));
  let p = mulAdd(splat(-6.87439342e-6), z, splat(6.40425424e-5));
  p = mulAdd(p, z, splat(-4.56413429e-4));
  p = mulAdd(p, z, splat(2.84694997e-3));
  p = mulAdd(p, z, splat(-1.5130871e-2));
  p = mulAdd(p, z, splat(6.69189095e-2));
  p = mulAdd(p, z, splat(-0.244588435));
  p = mulAdd(p, z, splat(-0.100108802));
  const near = mulAdd(p, t, t);
  const isNear = f32x4.lt(t, splat(1.25));
  // Mostly all four are: then skip the other half of the work.
  if (i32x4.all_true(isNear)) return withSign(near, x);
  const d = f32x4.sub(t, splat(2.625));
  let q = mulAdd(splat(-1.96060762e-4), d, splat(-1.32061134e-4));
  q = mulAdd(q, d, splat(2.65903841e-3));
  q = mulAdd(q, d, splat(-4.80983593e-3));
  q = mulAdd(q, d, splat(-1.51063232e-2));
  q = mulAdd(q, d, splat(8.8484399e-2));
  q = mulAdd(q, d, splat(-0.16727373));
  q = mulAdd(q, d, splat(0.119712077));
  q = f32x4.mul(q, q);
  const far = f32x4.sub(splat(1), f32x4.mul(q, q));
  return withSign(v128.bitselect(near, far, isNear), x);
}

// ---- sine and cosine, in float64: sin x = sin πy, |y| ≤ ½, y = (−1)^k·(x/π − k) ----

/** y in [−½, ½] with sin πy = sin π(high + low + shift). */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function fold(high: v128, low: v128, shift: v128): v128 {
  const magic = f64x2.splat(6755399441055744); // 1.5·2^52, as SHIFT
  const shifted = f64x2.add(f64x2.add(f64x2.add(high, low), shift), magic);
  const y = f64x2.add(f64x2.add(f64x2.sub(high, f64x2.sub(shifted, magic)), shift), low);
  return v128.xor(y, i64x2.shl(shifted, 63)); // k odd: −y
}

/** 1/π in pieces of 28 bits, so that a float32 (24 bits) times a piece is exact in float64. */
function inversePiPiece(i: i32): f64 {
  switch (i) {
    case 0: return 0.31830988451838493;
    case 1: return 1.6654057299891889e-9;
    case 2: return 8.0768989019629022e-18;
    case 3: return 3.8483524236783526e-26;
    case 4: return 8.3414338285097625e-35;
    case 5: return 5.7943566414442754e-44;
    case 6: return 3.5269795374180254e-52;
    default: return 9.433446146608393e-60;
  }
}

/** y for any finite x, after Payne and Hanek: each product modulo 2 is exact, their sum is kept in two parts. */
function foldLarge(x: v128, shift: v128): v128 {
  let high = f64x2.splat(0);
  let low = f64x2.splat(0);
  for (let i = 0; i < 8; i++) {
    const product = f64x2.mul(x, f64x2.splat(inversePiPiece(i)));
    const turns = f64x2.nearest(f64x2.mul(product, f64x2.splat(0.5)));
    const term = f64x2.sub(product, f64x2.add(turns, turns));
    const sum = f64x2.add(high, term);
    const back = f64x2.sub(sum, high);
    low = f64x2.add(low, f64x2.add(f64x2.sub(high, f64x2.sub(sum, back)), f64x2.sub(term, back)));
    high = sum;
  }
  const coarse = f64x2.sub(f64x2.add(high, f64x2.splat(6144)), f64x2.splat(6144)); // to 2^−40: fold adds to it exactly
  return fold(coarse, f64x2.add(low, f64x2.sub(high, coarse)), shift);
}

/** sin(x + π·shift), shift −0 or ½. Below 2^27 two products hold x/π, the first exact; the sine is to 2^−35. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function sinPair(x: v128, shift: v128): v128 {
  let y = fold(f64x2.mul(x, f64x2.splat(0.31830988451838493)), f64x2.mul(x, f64x2.splat(1.665405738066088e-9)), shift);
  const large = f64x2.ge(f64x2.abs(x), f64x2.splat(134217728));
  if (v128.any_true(large)) y = v128.bitselect(foldLarge(x, shift), y, large); // rare; small lanes keep theirs
  const z = f64x2.mul(y, y);
  let p = mulAddWide(f64x2.splat(-0.0070220239168172624), z, 0.082046398536525858);
  p = mulAddWide(p, z, -0.59925131402521492);
  p = mulAddWide(p, z, 2.5501632390080751);
  p = mulAddWide(p, z, -5.1677127620784402);
  p = mulAddWide(p, z, 3.1415926535231677);
  return f32x4.demote_f64x2_zero(f64x2.mul(y, p));
}

function sinShifted(x: v128, shift: v128): v128 {
  const low = sinPair(f64x2.promote_low_f32x4(x), shift);
  const high = sinPair(f64x2.promote_low_f32x4(v128.shuffle<i64>(x, x, 1, 1)), shift);
  return v128.shuffle<i64>(low, high, 0, 2);
}

/** sin x, any x: NaN at ±Infinity, −0 at −0. Error 0.501 ulp. */
export function sin4(x: v128): v128 {
  return sinShifted(x, f64x2.splat(-0.0)); // + −0 changes nothing, + 0 would lose −0
}

/** cos x, any x: sin(x + π/2). Error 0.501 ulp. */
export function cos4(x: v128): v128 {
  return sinShifted(x, f64x2.splat(0.5));
}
