// Addition, multiplication and powers by dtype. Floats are computed in float64 and rounded by the store. Integers are
// computed as integers, which wrap. A product of two int32 has up to 62 bits; a double would lose the low ones, which
// are the stored ones.
import type { NumericArray } from "../../dtype.ts";

export interface Arithmetic {
  add: (a: number, b: number) => number;
  multiply: (a: number, b: number) => number;
  power: (a: number, b: number) => number;
}

/** `a ** b` as in IEEE 754 and PyTorch. Only JavaScript returns NaN for 1 to the power of NaN or Infinity. */
function floatPower(a: number, b: number): number {
  return a === 1 || (a === -1 && Math.abs(b) === Number.POSITIVE_INFINITY) ? 1 : a ** b;
}

/** By repeated squaring. A negative power truncates the fraction. */
function integerPower(a: number, b: number): number {
  if (b < 0) return a ** b;
  let result = 1;
  let square = a;
  for (let rest = b; rest > 0; rest = rest >>> 1) {
    if (rest & 1) result = Math.imul(result, square);
    square = Math.imul(square, square);
  }
  return result;
}

const floats: Arithmetic = { add: (a, b) => a + b, multiply: (a, b) => a * b, power: floatPower };
const integers: Arithmetic = { add: (a, b) => (a + b) | 0, multiply: Math.imul, power: integerPower };

/** The arithmetic for elements of `F`. */
export function arithmeticOf(F: NumericArray): Arithmetic {
  return F instanceof Float32Array || F instanceof Float64Array ? floats : integers;
}
