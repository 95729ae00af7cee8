// Cross-entropy of yes-or-no answers.

import { ShapeError } from "../errors.ts";
import { softplus } from "../ops/activations/activations.ts";
import { add, mul, neg, sub } from "../ops/arithmetic/arithmetic.ts";
import { checkOptions, optionNames } from "../options.ts";
import { requireTensor } from "../require-tensor.ts";
import { broadcastShapes, formatShape, sameShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import type { LossOptions } from "./reduction.ts";
import { checkReduction, reduceLosses, requireSameShape } from "./reduction.ts";

/** Options of `bceWithLogits`. */
export interface BCEWithLogitsOptions extends LossOptions {
  /** A factor for each loss; broadcasts to the input's shape. */
  weight?: Tensor;
  /** A factor for positive targets; broadcasts to the input's shape, such as `[classes]`. */
  posWeight?: Tensor;
}

const bceOptions = optionNames<BCEWithLogitsOptions>({ reduction: true, weight: true, posWeight: true });

/**
 * `-weight (posWeight target log s + (1 - target) log(1 - s))` with `s = sigmoid(input)`, computed without overflow.
 * The input is logits, the target probabilities of the same shape. By default the mean over all elements.
 *
 * @throws ShapeError if the shapes differ, or a factor does not broadcast; DTypeError
 */
export function bceWithLogits(input: Tensor, target: Tensor, options: BCEWithLogitsOptions = {}): Tensor {
  checkOptions("bceWithLogits", options, bceOptions);
  const { reduction = "mean", weight, posWeight } = options;
  checkReduction("bceWithLogits", reduction);
  requireSameShape("bceWithLogits", input, target);
  if (weight) requireFactor("weight", weight, input);
  if (posWeight) requireFactor("posWeight", posWeight, input);
  // -log s = softplus(-x), -log(1 - s) = softplus(x); above the threshold softplus equals x exactly.
  const yes = mul(target, softplus(neg(input), { threshold: 40 }));
  const no = mul(sub(1, target), softplus(input, { threshold: 40 }));
  const losses = add(posWeight ? mul(yes, posWeight) : yes, no);
  return reduceLosses(weight ? mul(losses, weight) : losses, reduction);
}

function requireFactor(name: string, factor: Tensor, input: Tensor): void {
  requireTensor("bceWithLogits", factor, name);
  const { shape } = factor;
  if (sameShape(broadcastShapes(`bceWithLogits: ${name}`, shape, input.shape), input.shape)) return;
  throw new ShapeError(
    `bceWithLogits: ${name} ${formatShape(shape)} does not broadcast to the input ${formatShape(input.shape)}`,
  );
}
