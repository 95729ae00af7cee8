// Functions of lanes, as polynomials. Each operation is rounded, nowhere fused, so that every target has the same bits.
// Handles denormals, ±0, ±Infinity and NaN. "Error" is the largest over all float32 against float64, in ulp; perfect
// rounding has 0.5. The coefficients are our own minimax fits (Remez, relative error of the function), each rounded to
// float32.
import type { Operand } from "../../language/notes.ts";
import type { Recorder } from "../../language/recorder.ts";
import type { Value } from "../../language/values.ts";

/** 1.5 · 2^23: adding it rounds to an integer n, which is then in the last bits. The nine lowest of its own are zeros. */
const roundingShift = 12582912;
/** ln 2 in two parts. The high one has 15 bits, so that its product with n is exact for |n| < 512. */
const log2High = 0.693145751953125;
const log2Low = 1.42860677e-6;

/** Copies a sign to a magnitude, which is positive or already has it: for odd functions, and for a −0 lost in a sum. */
export function withSign(k: Recorder, magnitude: Operand, of: Operand): Value {
  return k.or(magnitude, k.and(of, k.kBits(0x80000000)));
}

export function abs(k: Recorder, x: Operand): Value {
  return k.and(x, k.kBits(0x7fffffff));
}

/** 1 with the sign of x, but ±0 and NaN stay what they are. */
export function sign(k: Recorder, x: Value): Value {
  return k.select(k.gt(abs(k, x), 0), withSign(k, 1, x), x);
}

/** The polynomial with these coefficients, the highest first. */
export function horner(k: Recorder, x: Value, first: number, ...rest: readonly number[]): Value {
  return rest.reduce((sum: Value, coefficient) => k.mulAdd(sum, x, coefficient), k.k(first));
}

/** What rounding lost in sum = a + b, exactly, if |a| ≥ |b| or a = 0 (Dekker). */
function lostBy(k: Recorder, a: Operand, b: Value, sum: Value): Value {
  return k.sub(b, k.sub(sum, a));
}

// Exponentials: x = n·ln 2 + r, |r| ≤ ½ ln 2 (Cody and Waite)

function clampTo(k: Recorder, x: Value, low: number, high: number): Value {
  return k.do("v.pmin", k.do("v.pmax", x, low), high);
}

/** roundingShift + n. */
function shiftedExponent(k: Recorder, x: Value): Value {
  return k.mulAdd(x, Math.LOG2E, roundingShift);
}

/** 2^n for −127 < n < 128, n in the low nine bits: added to the exponent of 1. */
function powerOfTwo(k: Recorder, n: Value): Value {
  return k.do("v.addI", k.shl(n, 23), 1);
}

/** 2^−n for −128 < n < 127; 0 for n = 127; the bits of a negative integer for 127 < n < 256. */
function inversePowerOfTwo(k: Recorder, n: Value): Value {
  return k.do("v.subI", 1, k.shl(n, 23));
}

/** y·2^n in two steps: a denormal result or an overflow is rounded once, in the second. */
function scale(k: Recorder, y: Value, n: Value): Value {
  const half = k.sar(n, 1);
  return k.mul(k.mul(y, powerOfTwo(k, half)), powerOfTwo(k, k.do("v.subI", n, half)));
}

/** r. */
function reducedArgument(k: Recorder, x: Value, shifted: Value): Value {
  const n = k.sub(shifted, roundingShift);
  return k.sub(k.sub(x, k.mul(n, log2High)), k.mul(n, log2Low));
}

/** r²P(r) + z, where exp r = 1 + r + r²P(r), to 2^−28. */
function addExpTail(k: Recorder, r: Value, z: Value): Value {
  const p = horner(k, r, 1.38287339e-3, 8.36905465e-3, 4.16681282e-2, 0.166665167, 0.49999994);
  return k.mulAdd(p, k.mul(r, r), z);
}

/** exp x = 2^n·(1 + (r + r²P)). Error 0.99 ulp. */
export function exp(k: Recorder, x: Value): Value {
  const bounded = clampTo(k, x, -104, 89); // beyond: 0 and Infinity; NaN passes
  const shifted = shiftedExponent(k, bounded);
  const r = reducedArgument(k, bounded, shifted);
  return scale(k, k.add(1, addExpTail(k, r, r)), shifted);
}

/**
 * exp x − 1 = 2^n·((1 − 2^−n + r) + (r²P + what r and the sum in brackets lost)). P is one degree longer than for exp,
 * because at n = 0 the 1 is gone. Error 1.09 ulp.
 */
export function expm1(k: Recorder, x: Value): Value {
  const bounded = clampTo(k, x, -20, 89); // beyond: −1 and Infinity
  const shifted = shiftedExponent(k, bounded);
  const n = k.sub(shifted, roundingShift);
  const high = k.sub(bounded, k.mul(n, log2High));
  const low = k.mul(n, log2Low);
  const r = k.sub(high, low);
  const series = horner(k, r, 1.49336091e-4, 1.39305228e-3, 8.34160578e-3, 4.16665114e-2, 0.166666359, 0.5);
  const p = k.mulAdd(series, k.mul(r, r), k.sub(k.sub(high, r), low));
  const one = k.sub(1, k.do("v.maxI", inversePowerOfTwo(k, shifted), 0));
  const sum = k.add(one, r);
  return withSign(k, scale(k, k.add(sum, k.add(lostBy(k, one, r, sum), p)), shifted), x);
}

/** numerator / (2^−n·(1 + exp x)) for x ≥ 0, given 2^−n: the divisor 2^−n + 1 + r + r²P is rounded once. */
function overOnePlusExp(k: Recorder, numerator: Value, x: Value, shifted: Value, inverse: Value): Value {
  const r = reducedArgument(k, x, shifted);
  const one = k.add(1, inverse);
  const sum = k.add(one, r);
  const lost = k.add(lostBy(k, 1, inverse, one), lostBy(k, one, r, sum));
  return k.div(numerator, k.add(sum, addExpTail(k, r, lost)));
}

/** tanh |x| = t + t³P(t²) below 0.625, 1 − 2/(1 + exp 2t) above, as Cephes divides it. Error 1.17 ulp. */
export function tanh(k: Recorder, x: Value): Value {
  const t = k.do("v.pmin", abs(k, x), 10); // beyond: 1
  const z = k.mul(t, t);
  const p = horner(k, z, -5.6922962e-3, 2.06281673e-2, -5.37365153e-2, 0.133314058, -0.333332807);
  const near = k.mulAdd(p, k.mul(z, t), t);
  const twice = k.add(t, t);
  const shifted = shiftedExponent(k, twice);
  const inverse = inversePowerOfTwo(k, shifted);
  const far = k.sub(1, overOnePlusExp(k, k.add(inverse, inverse), twice, shifted, inverse));
  return withSign(k, k.select(k.lt(t, 0.625), near, far), x);
}

/** 1/(1 + exp −x): y = 1/(1 + exp |x|) for x < 0, 1 − y otherwise. Error 1.60 ulp. */
export function sigmoid(k: Recorder, x: Value): Value {
  const t = k.do("v.pmin", abs(k, x), 104); // beyond: 0 and 1
  const shifted = shiftedExponent(k, t);
  const half = k.sar(shifted, 1);
  const first = inversePowerOfTwo(k, half);
  const second = inversePowerOfTwo(k, k.do("v.subI", shifted, half));
  const y = k.mul(overOnePlusExp(k, first, t, shifted, k.mul(first, second)), second);
  return k.select(k.do("v.ltI", x, 0), y, k.sub(1, y));
}

// Logarithms: u = 2^e·(1 + f), 1 + f in [√½, √2)

/** e and f of a positive normal float32. */
function split(k: Recorder, u: Value): { e: Value; f: Value } {
  const e = k.sar(k.do("v.subI", u, k.kBits(0x3f3504f3)), 23);
  return { e, f: k.sub(k.do("v.subI", u, k.shl(e, 23)), 1) };
}

/**
 * e·ln 2 + log(1 + f) + g, with |g| below an ulp of f: log(1 + f) = 2 artanh s, s = f/(2 + f), in fdlibm's form
 * f − (f²/2 − s·(f²/2 + s²L(s²))), which keeps the large term exact; L to 2^−30.
 */
function logSum(k: Recorder, e: Value, f: Value, g: Operand): Value {
  const s = k.div(f, k.add(2, f));
  const z = k.mul(s, s);
  const p = horner(k, z, 0.298718929, 0.399775594, 0.666667759);
  const half = k.mul(k.mul(f, f), 0.5);
  const tail = k.sub(k.mul(s, k.mulAdd(p, z, half)), half);
  const big = k.mul(e, log2High);
  const sum = k.add(big, f);
  return k.add(sum, k.add(lostBy(k, big, f, sum), k.add(tail, k.mulAdd(e, log2Low, g))));
}

/** Fixes the logarithm y of x where the formula fails: Infinity at Infinity, −Infinity at the pole, NaN below it. */
function logLimits(k: Recorder, y: Value, x: Value, pole: number): Value {
  const upTo = k.select(k.eq(x, Number.POSITIVE_INFINITY), k.k(Number.POSITIVE_INFINITY), y);
  const above = k.select(k.eq(x, pole), k.k(Number.NEGATIVE_INFINITY), upTo);
  return k.select(k.ge(x, pole), above, k.k(Number.NaN));
}

/** log x. Error 0.91 ulp. */
export function log(k: Recorder, x: Value): Value {
  const isDenormal = k.lt(x, 1.17549435e-38);
  const { e, f } = split(k, k.select(isDenormal, k.mul(x, 8388608), x)); // · 2^23
  const exponent = k.sub(k.do("v.toFloat", e), k.do("v.keep", 23, isDenormal));
  return logLimits(k, logSum(k, exponent, f, 0), x, 0);
}

/** log(1 + x): what u = 1 + x lost to rounding is scaled like u and added to f. Error 0.93 ulp. */
export function log1p(k: Recorder, x: Value): Value {
  const u = k.add(x, 1);
  const one = k.sub(u, x);
  const lost = k.add(k.sub(1, one), k.sub(x, k.sub(u, one))); // Knuth: of any sizes
  const { e, f } = split(k, u);
  const g = k.mul(lost, k.do("v.maxI", inversePowerOfTwo(k, e), 0));
  const sum = k.add(f, g);
  const y = logSum(k, k.do("v.toFloat", e), sum, lostBy(k, f, g, sum));
  return withSign(k, logLimits(k, y, x, -1), x);
}

/**
 * erf |x| = t + t·P(t² − ¾) below 1.25, to 2^−28. Above, 1 − Q(t − 2.625)⁴: the fourth root of erfc is flat enough for
 * one polynomial up to 4, where erf rounds to 1. Both are centred to keep the terms of Horner's rule small. Error 1.53
 * ulp at 1.24, 1.05 below 0.5, against a float64 series of our own.
 */
export function erf(k: Recorder, x: Value): Value {
  const t = k.do("v.pmin", abs(k, x), 4);
  const z = k.sub(k.mul(t, t), 0.75);
  const p = horner(
    k,
    z,
    ...([-6.87439342e-6, 6.40425424e-5, -4.56413429e-4, 2.84694997e-3, -1.5130871e-2] as const),
    ...[6.69189095e-2, -0.244588435, -0.100108802],
  );
  const near = k.mulAdd(p, t, t);
  const far = () => {
    const q = horner(
      k,
      k.sub(t, 2.625),
      ...([-1.96060762e-4, -1.32061134e-4, 2.65903841e-3, -4.80983593e-3, -1.51063232e-2] as const),
      ...[8.8484399e-2, -0.16727373, 0.119712077],
    );
    const w = k.mul(q, q);
    return k.sub(1, k.mul(w, w));
  };
  return withSign(k, k.mostly(k.lt(t, 1.25), near, far), x);
}
