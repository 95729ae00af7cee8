// Powers, via float64: |a|^b = 2^(b·log2 |a|). An absolute error in the exponent, which may be large, is a relative error
// of the result, so float32 would not suffice. In float64, plain Taylor series do. Error 0.501 ulp. Covers all special
// cases of IEEE 754's pow. Each operation is rounded.
import type { Recorder } from "../../language/recorder.ts";
import type { Value } from "../../language/values.ts";
import { abs } from "./math.ts";

/** 1.5·2^52: added to an integer, it leaves that in the low bits; subtracting it reverses that. */
const roundingShift = 6755399441055744;

function horner(k: Recorder, x: Value, first: number, ...rest: readonly number[]): Value {
  return rest.reduce((sum: Value, coefficient) => k.mulAdd(sum, x, coefficient), k.kWide(first));
}

/** log2 of a positive float32 x: e + log2 m, m in [√½, √2), log m = 2 artanh s with s = (m − 1)/(m + 1), to 2^−39. */
function log2(k: Recorder, x: Value): Value {
  // The bits of 2 are those of an exponent of 1024: with it, e stays positive.
  const above = k.do("d.addI", k.do("d.subI", x, Math.SQRT1_2), 2);
  const e = k.shr(above, 52);
  const f = k.sub(k.do("d.subI", k.do("d.addI", x, 2), k.shl(e, 52)), 1);
  const s = k.div(f, k.add(f, 2));
  const z = k.mul(s, s);
  const p = horner(k, z, 1 / 13, 1 / 11, 1 / 9, 1 / 7, 1 / 5, 1 / 3, 1);
  const exponent = k.sub(k.do("d.addI", e, roundingShift), roundingShift + 1024);
  return k.add(exponent, k.mul(k.mul(s, p), 2.8853900817779268)); // 2/ln 2
}

/** 2^u. Where u is clamped, the result becomes 0 or Infinity as a float32. */
function exp2(k: Recorder, u: Value): Value {
  const bounded = k.do("d.pmin", k.do("d.pmax", u, -160), 130);
  const shifted = k.add(bounded, roundingShift);
  const r = k.mul(k.sub(bounded, k.sub(shifted, roundingShift)), Math.LN2); // |r| ≤ ½ ln 2
  const factorials = [1 / 362880, 1 / 40320, 1 / 5040, 1 / 720, 1 / 120, 1 / 24, 1 / 6, 0.5, 1, 1];
  const p = horner(k, r, 1 / 3628800, ...factorials);
  return k.mul(p, k.do("d.addI", k.shl(shifted, 52), 1));
}

/** a^b. */
export function pow(k: Recorder, a: Value, b: Value): Value {
  const size = abs(k, a);
  const half = (part: "d.low" | "d.high") => exp2(k, k.mul(k.do(part, b), log2(k, k.do(part, size))));
  const ofFinite = k.do("v.narrow", half("d.low"), half("d.high"));
  const [isZero, isInfinite] = [k.eq(size, 0), k.eq(size, Number.POSITIVE_INFINITY)];
  const [falls, grows] = [k.lt(b, 0), k.gt(b, 0)];
  const toZero = k.or(k.and(isZero, grows), k.and(isInfinite, falls));
  const toInfinity = k.or(k.and(isZero, falls), k.and(isInfinite, grows));
  const magnitude = k.select(toInfinity, k.k(Number.POSITIVE_INFINITY), k.do("v.drop", ofFinite, toZero));

  const isFraction = k.ne(k.do("v.nearest", b), b);
  const halfOfB = k.mul(b, 0.5);
  const isOdd = k.and(k.ne(k.do("v.nearest", halfOfB), halfOfB), k.do("mask.not", isFraction));
  const signed = k.xor(magnitude, k.do("v.keep", k.and(a, k.kBits(0x80000000)), isOdd));
  const isNegative = k.and(k.lt(a, 0), k.gt(a, Number.NEGATIVE_INFINITY));
  const isNoNumber = k.or(k.ne(a, a), k.and(isNegative, isFraction));
  const real = k.select(isNoNumber, k.k(Number.NaN), signed);
  // Anything to the power of 0 is 1, and so is 1 to any power, even if the exponent or the base is NaN.
  const isUnit = k.and(k.eq(size, 1), k.eq(abs(k, b), Number.POSITIVE_INFINITY));
  return k.select(k.or(isUnit, k.or(k.eq(a, 1), k.eq(b, 0))), k.k(1), real);
}
