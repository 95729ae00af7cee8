// Losses between numbers and numbers.

import { ValueError } from "../errors.ts";
import { clamp } from "../ops/activations/activations.ts";
import { mul, sub } from "../ops/arithmetic/arithmetic.ts";
import { abs, square } from "../ops/arithmetic/unary.ts";
import { checkOptions, optionNames } from "../options.ts";
import type { Tensor } from "../tensor.ts";
import type { LossOptions } from "./reduction.ts";
import { checkReduction, lossOptions, reduceLosses, requireSameShape } from "./reduction.ts";

/** `input - target`, of equal shapes: hardly anybody means the mean over a broadcast result. */
function difference(operation: string, input: Tensor, target: Tensor, reduction: string): Tensor {
  checkReduction(operation, reduction);
  requireSameShape(operation, input, target);
  return sub(input, target);
}

/**
 * Squared error, `(input - target)²`; by default the mean over all elements, a scalar.
 *
 * @throws ShapeError if the shapes differ (PyTorch broadcasts, with a warning); DTypeError
 */
export function mse(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkOptions("mse", options, lossOptions);
  const { reduction = "mean" } = options;
  return reduceLosses(square(difference("mse", input, target, reduction)), reduction);
}

/**
 * Absolute error, `|input - target|`; by default the mean over all elements, a scalar. The gradient is 0 where both are
 * equal.
 *
 * @throws ShapeError if the shapes differ; DTypeError
 */
export function l1(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkOptions("l1", options, lossOptions);
  const { reduction = "mean" } = options;
  return reduceLosses(abs(difference("l1", input, target, reduction)), reduction);
}

/** Options of `huber`. */
export interface HuberOptions extends LossOptions {
  /** Where the parabola becomes a straight line; default 1. */
  delta?: number;
}

const huberOptions = optionNames<HuberOptions>(
  { reduction: true, delta: true },
  { beta: "it is called delta here, and the loss is not divided by it" },
);

/**
 * `d²/2` for `|d| ≤ delta`, else `delta (|d| - delta/2)`, where `d = input - target`: a squared error that outliers do
 * not dominate. Huber 1964, https://doi.org/10.1214/aoms/1177703732. By default the mean.
 *
 * @throws ValueError if `delta` is not positive; ShapeError if the shapes differ; DTypeError
 */
export function huber(input: Tensor, target: Tensor, options: HuberOptions = {}): Tensor {
  checkOptions("huber", options, huberOptions);
  const { reduction = "mean", delta = 1 } = options;
  if (!(delta > 0)) throw new ValueError(`huber: delta is ${delta}, expected a number above 0`);
  const d = difference("huber", input, target, reduction);
  // With c = d clamped to ±delta, both cases are c (d - c/2), and the gradient is c.
  const c = clamp(d, { min: -delta, max: delta });
  return reduceLosses(mul(c, sub(d, mul(c, 0.5))), reduction);
}
