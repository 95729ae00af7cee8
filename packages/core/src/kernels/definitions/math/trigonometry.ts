// Sine and cosine, in float64: sin x = sin πy, |y| ≤ ½, y = (−1)^k·(x/π − k). Each operation is rounded.
import type { Recorder } from "../../language/recorder.ts";
import type { Value } from "../../language/values.ts";
import { abs } from "./math.ts";

/** 1.5·2^52: adding it rounds to an integer, which is then in the last bits. */
const roundingShift = 6755399441055744;

/** 1/π in pieces of 28 bits, so that a float32 (24 bits) times a piece is exact in float64. */
const inversePi = [
  ...[0.31830988451838493, 1.6654057299891889e-9, 8.0768989019629022e-18, 3.8483524236783526e-26],
  ...[8.3414338285097625e-35, 5.7943566414442754e-44, 3.5269795374180254e-52, 9.433446146608393e-60],
];

/** y in [−½, ½] with sin πy = sin π(high + low + shift). */
function fold(k: Recorder, high: Value, low: Value, shift: number): Value {
  const shifted = k.add(k.add(k.add(high, low), shift), roundingShift);
  const y = k.add(k.add(k.sub(high, k.sub(shifted, roundingShift)), shift), low);
  return k.xor(y, k.shl(shifted, 63)); // k odd: −y
}

/** y below 2^27: two products hold x/π, the first exact; the sine is to 2^−35. */
function foldSmall(k: Recorder, x: Value, shift: number): Value {
  return fold(k, k.mul(x, inversePi[0]!), k.mul(x, 1.665405738066088e-9), shift);
}

/** y for any finite x, after Payne and Hanek: each product modulo 2 is exact, their sum is kept in two parts. */
function foldLarge(k: Recorder, x: Value, shift: number): Value {
  let high = k.kWide(0);
  let low = k.kWide(0);
  for (const piece of inversePi) {
    const product = k.mul(x, piece);
    const turns = k.do("d.nearest", k.mul(product, 0.5));
    const term = k.sub(product, k.add(turns, turns));
    const sum = k.add(high, term);
    const back = k.sub(sum, high);
    low = k.add(low, k.add(k.sub(high, k.sub(sum, back)), k.sub(term, back)));
    high = sum;
  }
  const coarse = k.sub(k.add(high, 6144), 6144); // to 2^−40: fold adds to it exactly
  return fold(k, coarse, k.add(low, k.sub(high, coarse)), shift);
}

/** sin(x + π·shift), shift −0 or ½. */
function sinShifted(k: Recorder, x: Value, shift: number): Value {
  const sine = (y: Value) => {
    const z = k.mul(y, y);
    const coefficients = [
      ...[0.082046398536525858, -0.59925131402521492, 2.5501632390080751],
      ...[-5.1677127620784402, 3.1415926535231677],
    ];
    const first: Value = k.kWide(-0.0070220239168172624);
    return k.mul(
      y,
      coefficients.reduce((sum, coefficient) => k.mulAdd(sum, z, coefficient), first),
    );
  };
  const of = (folded: typeof foldSmall) =>
    k.do("v.narrow", sine(folded(k, k.do("d.low", x), shift)), sine(folded(k, k.do("d.high", x), shift)));
  // Large ones are rare.
  return k.mostly(k.do("mask.not", k.ge(abs(k, x), 134217728)), of(foldSmall), () => of(foldLarge));
}

/** sin x, any x: NaN at ±Infinity, −0 at −0. Error 0.501 ulp. */
export function sin(k: Recorder, x: Value): Value {
  return sinShifted(k, x, -0); // + −0 changes nothing, + 0 would lose −0
}

/** cos x, any x: sin(x + π/2). Error 0.501 ulp. */
export function cos(k: Recorder, x: Value): Value {
  return sinShifted(k, x, 0.5);
}
