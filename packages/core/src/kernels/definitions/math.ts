// Functions of lanes, as polynomials. Each operation is rounded, nowhere fused, so that every target has the same bits.
import type { Operand, Recorder } from "../language/recorder.ts";
import type { Value } from "../language/values.ts";

/** 1.5 · 2^23: adding it rounds to an integer, which is then in the last bits. */
const roundingShift = 12582912;
const log2High = 0.693145751953125;
const log2Low = 1.42860677e-6;

export function withSign(k: Recorder, magnitude: Operand, of: Operand): Value {
  return k.or(magnitude, k.and(of, k.kBits(0x80000000)));
}

export function abs(k: Recorder, x: Operand): Value {
  return k.and(x, k.kBits(0x7fffffff));
}

/** The polynomial with these coefficients, the highest first. */
export function horner(k: Recorder, x: Value, first: number, ...rest: readonly number[]): Value {
  return rest.reduce((sum: Value, coefficient) => k.mulAdd(sum, x, k.k(coefficient)), k.k(first));
}

export function exp(k: Recorder, x: Value): Value {
  const bounded = k.do("v.pmin", k.do("v.pmax", x, -104), 89);
  const shifted = k.mulAdd(bounded, 1.44269504, roundingShift);
  const whole = k.sub(shifted, roundingShift);
  const rest = k.sub(k.sub(bounded, k.mul(whole, log2High)), k.mul(whole, log2Low));
  const series = horner(k, rest, 1.38287339e-3, 8.36905465e-3, 4.16681282e-2, 0.166665167, 0.49999994);
  const mantissa = k.add(1, k.mulAdd(series, k.mul(rest, rest), rest));
  const half = k.sar(shifted, 1);
  const power = (exponent: Value) => k.do("v.addI", k.shl(exponent, 23), k.k(1));
  return k.mul(k.mul(mantissa, power(half)), power(k.do("v.subI", shifted, half)));
}

export function erf(k: Recorder, x: Value): Value {
  const t = k.do("v.pmin", abs(k, x), 4);
  const z = k.sub(k.mul(t, t), 0.75);
  const near = k.mulAdd(
    horner(
      k,
      z,
      -6.87439342e-6,
      6.40425424e-5,
      -4.56413429e-4,
      2.84694997e-3,
      -1.5130871e-2,
      6.69189095e-2,
      -0.244588435,
      -0.100108802,
    ),
    t,
    t,
  );
  const far = () => {
    const q = horner(
      k,
      k.sub(t, 2.625),
      -1.96060762e-4,
      -1.32061134e-4,
      2.65903841e-3,
      -4.80983593e-3,
      -1.51063232e-2,
      8.8484399e-2,
      -0.16727373,
      0.119712077,
    );
    const w = k.mul(q, q);
    return k.sub(1, k.mul(w, w));
  };
  return withSign(k, k.mostly(k.lt(t, 1.25), near, far), x);
}
