// How two elements of a dtype are added, multiplied and raised to a power: floats in float64, of which a store keeps as
// many bits as it has; integers as integers, which wrap. A product of two int32 has up to 62 bits, of which a double
// would lose the low ones, and those are what is stored.
import type { NumericArray } from "../../dtype.ts";

export interface Arithmetic {
  add: (a: number, b: number) => number;
  multiply: (a: number, b: number) => number;
  power: (a: number, b: number) => number;
}

/** `a ** b` as IEEE 754 and PyTorch have it; JavaScript alone calls 1 to the power of NaN or Infinity NaN. */
function floatPower(a: number, b: number): number {
  return a === 1 || (a === -1 && Math.abs(b) === Number.POSITIVE_INFINITY) ? 1 : a ** b;
}

/** By squaring and multiplying; to a negative power it is the fraction, cut off. */
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

/** That of the elements of `F`. */
export function arithmeticOf(F: NumericArray): Arithmetic {
  return F instanceof Float32Array || F instanceof Float64Array ? floats : integers;
}
