// Variance, standard deviation and vector norms: reductions of squares.

import { defineOp } from "../../autograd/define-op.ts";
import { ValueError } from "../../errors.ts";
import { checkOptions, optionNames } from "../../options.ts";
import { requireFloat } from "../../require-tensor.ts";
import { normalizeAxes, sizeOf } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { div, mul } from "../arithmetic/arithmetic.ts";
import { equal } from "../arithmetic/compare.ts";
import { abs } from "../arithmetic/unary.ts";
import { where } from "../arithmetic/where.ts";
import type { ReduceOptions } from "../shape/axes.ts";
import { axesInstead, centerAxes, reduceAxes, reducedShape } from "../shape/axes.ts";
import { reshape, sum } from "../shape/broadcast.ts";
import { max } from "./reduce.ts";

/** Options of `variance` and `std`. */
export interface VarianceOptions extends ReduceOptions {
  /** Subtracted from the number of elements in the divisor; default 1, the unbiased estimate. */
  correction?: number;
}

const varianceOptions = optionNames<VarianceOptions>({ keepDim: true, correction: true }, axesInstead);

interface Spread {
  axes: readonly number[];
  divisor: number;
}

/** Subtracts the mean over `axes` from `x`. Linear and symmetric, so it is its own gradient. */
const centred = defineOp<[Tensor], readonly number[]>({
  name: "center",
  forward: centerAxes,
  vjp: [(dy, _, _x, axes): Tensor => centred(dy, axes)],
});

/** `y`, or 1 where it is 0: the dividend is 0 there, too, and so is the gradient. */
const nonZero = (y: Tensor) => where(equal(y, 0), 1, y);

const varianceOp = defineOp<[Tensor], Spread>({
  name: "variance",
  forward: (x, { axes, divisor }) => reduceAxes("spread", x, axes, 1, divisor, 0),
  vjp: [(dy, _, x, { axes, divisor }) => mul(mul(dy, 2 / divisor), centred(x, axes))],
});

const stdOp = defineOp<[Tensor], Spread>({
  name: "std",
  forward: (x, { axes, divisor }) => reduceAxes("spread", x, axes, 1, divisor, 1),
  // Divides first: the quotient stays in range even if y is tiny or huge.
  vjp: [(dy, y, x, { axes, divisor }) => mul(div(dy, divisor), div(centred(x, axes), nonZero(y)))],
});

function spreadOf(
  name: "variance" | "std",
  x: Tensor,
  axes: number | readonly number[] | undefined,
  options: VarianceOptions,
): Tensor {
  requireFloat(name, x);
  checkOptions(name, options, varianceOptions);
  const list = normalizeAxes(name, axes, x.rank);
  const count = sizeOf(list.map((axis) => x.shape[axis]!));
  const divisor = Math.max(0, count - (options.correction ?? 1));
  const kept = (name === "std" ? stdOp : varianceOp)(x, { axes: list, divisor });
  return options.keepDim ? kept : reshape(kept, reducedShape(x.shape, list, false));
}

/**
 * Variance over `axes` (default all): `sum((x - mean)²) / (n - correction)`. NaN for a single element, unless
 * `correction` is 0.
 *
 * @throws ShapeError if an axis does not exist; DTypeError for integers
 */
export function variance(
  x: Tensor,
  axes?: number | readonly number[],
  options: VarianceOptions = {},
): Tensor {
  return spreadOf("variance", x, axes, options);
}

/**
 * Standard deviation over `axes` (default all), the root of `variance`. Where it is 0, so is its gradient.
 *
 * @throws ShapeError if an axis does not exist; DTypeError for integers
 */
export function std(x: Tensor, axes?: number | readonly number[], options: VarianceOptions = {}): Tensor {
  return spreadOf("std", x, axes, options);
}

/** Options of `norm`. */
export interface NormOptions extends ReduceOptions {
  /** 2 (default): root of the sum of squares; 1: sum of |x|; Infinity: largest |x|. */
  p?: number;
}

const normOptions = optionNames<NormOptions>({ keepDim: true, p: true }, axesInstead);

const euclideanOp = defineOp<[Tensor], readonly number[]>({
  name: "norm",
  forward: (x, axes) => reduceAxes("spread", x, axes, 0, 1, 1),
  vjp: [(dy, y, x) => mul(dy, div(x, nonZero(y)))],
});

/**
 * Vector norm over `axes` (default all). The gradient at 0 is 0.
 *
 * @throws ValueError for another p; ShapeError if an axis does not exist; DTypeError for integers
 */
export function norm(x: Tensor, axes?: number | readonly number[], options: NormOptions = {}): Tensor {
  requireFloat("norm", x);
  checkOptions("norm", options, normOptions);
  const list = normalizeAxes("norm", axes, x.rank);
  const { p = 2, keepDim = false } = options;
  if (p === 1) return sum(abs(x), list, { keepDim });
  if (p === Number.POSITIVE_INFINITY) return max(abs(x), list, { keepDim });
  if (p !== 2) throw new ValueError(`norm: got p ${p}, expected 1, 2 or Infinity`);
  const kept = euclideanOp(x, list);
  return keepDim ? kept : reshape(kept, reducedShape(x.shape, list, false));
}
