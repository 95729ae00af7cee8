// Kullback-Leibler divergence.

import { add, div, mul, sub } from "../ops/arithmetic/arithmetic.ts";
import { equal } from "../ops/arithmetic/compare.ts";
import { exp, log } from "../ops/arithmetic/unary.ts";
import { sum } from "../ops/shape/broadcast.ts";
import { checkOptions, optionNames } from "../options.ts";
import type { Tensor } from "../tensor.ts";
import type { Reduction } from "./reduction.ts";
import { checkReduction, reduceLosses, requireSameShape } from "./reduction.ts";

/** Options of `klDiv`. */
export interface KLDivOptions {
  /** Default "mean", over all elements; use "batchmean" for the divergence of a batch of distributions. */
  reduction?: Reduction | "batchmean";
  /** Whether the target is log-probabilities, like the input. */
  logTarget?: boolean;
}

const klDivOptions = optionNames<KLDivOptions>({ reduction: true, logTarget: true });

/**
 * `target (log target - input)` for each element: the input is log-probabilities, the target probabilities of the same
 * shape. Where the target is 0, the result is 0 for a finite input and NaN for an infinite one, as in PyTorch.
 * `"batchmean"` divides the sum by the length of the first axis.
 *
 * @throws ShapeError if the shapes differ; DTypeError
 */
export function klDiv(input: Tensor, target: Tensor, options: KLDivOptions = {}): Tensor {
  checkOptions("klDiv", options, klDivOptions);
  const { reduction = "mean", logTarget = false } = options;
  checkReduction("klDiv", reduction, ["batchmean"]);
  requireSameShape("klDiv", input, target);
  const losses = logTarget
    ? mul(exp(target), sub(target, input))
    : // Replaces 0 by 1, whose logarithm is 0.
      sub(mul(target, log(add(target, equal(target, 0)))), mul(target, input));
  if (reduction !== "batchmean") return reduceLosses(losses, reduction);
  return div(sum(losses), input.shape[0] ?? 1);
}
