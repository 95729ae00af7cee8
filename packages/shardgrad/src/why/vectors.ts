// Arithmetic on gradients as plain lists of numbers, and straight lines through points.
import type { Tensor } from "@shardgrad/core";

/** The elements of all tensors, one after another. */
export function flat(tensors: readonly Tensor[]): Float64Array {
  return Float64Array.from(tensors.flatMap((x) => [...x.toArray()]));
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

export const lengthOf = (a: ArrayLike<number>): number => Math.sqrt(dot(a, a));

/** The cosine of the angle between two vectors; 0 if one of them is zero. */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const lengths = lengthOf(a) * lengthOf(b);
  return lengths > 0 ? dot(a, b) / lengths : 0;
}

/** `|a - truth| / |truth|`. What is not a number counts as 0: nothing was learned about it. */
export function relativeError(a: ArrayLike<number>, truth: ArrayLike<number>): number {
  const difference = Float64Array.from(truth, (value, i) => (Number.isNaN(a[i]!) ? 0 : a[i]!) - value);
  return lengthOf(difference) / lengthOf(truth);
}

/** How many elements of `a` have other bits than those of `b`. */
export function differingBits(a: Float64Array, b: Float64Array): number {
  return a.reduce((count, value, i) => (Object.is(value, b[i]) ? count : count + 1), 0);
}

/** The slope of the straight line through points on logarithmic axes, by least squares. */
export function fittedSlope(points: readonly { x: number; y: number }[]): number {
  const logs = points.map(({ x, y }) => [Math.log(x), Math.log(y)] as const);
  const mean = (of: 0 | 1) => logs.reduce((sum, point) => sum + point[of], 0) / logs.length;
  const [x0, y0] = [mean(0), mean(1)];
  const above = logs.reduce((sum, [x, y]) => sum + (x - x0) * (y - y0), 0);
  return above / logs.reduce((sum, [x]) => sum + (x - x0) ** 2, 0);
}
