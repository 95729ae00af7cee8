// The last step of every loss: mean, sum or nothing, as in PyTorch.

import { ShapeError, ValueError } from "../errors.ts";
import { mean } from "../ops/reductions/reduce.ts";
import { sum } from "../ops/shape/broadcast.ts";
import { optionNames } from "../options.ts";
import { commonDType, requireFloat, requireTensor } from "../require-tensor.ts";
import { formatShape, sameShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** How to reduce the losses of single elements. */
export type Reduction = "mean" | "sum" | "none";

/** Options that all losses have. */
export interface LossOptions {
  /** Default "mean". */
  reduction?: Reduction;
}

export const lossOptions = optionNames<LossOptions>({ reduction: true });

export function reduceLosses(losses: Tensor, reduction: Reduction): Tensor {
  if (reduction === "none") return losses;
  return reduction === "sum" ? sum(losses) : mean(losses);
}

export function checkReduction(operation: string, reduction: string, more: readonly string[] = []): void {
  const known = ["mean", "sum", "none", ...more];
  if (!known.includes(reduction)) {
    throw new ValueError(`${operation}: reduction is ${reduction}, expected ${known.join(", ")}`);
  }
}

/** Throws unless input and target are floats of one dtype and one shape. */
export function requireSameShape(operation: string, input: Tensor, target: Tensor): void {
  requireFloat(operation, input, "input");
  requireTensor(operation, target, "target");
  commonDType(operation, [input, target]);
  if (!sameShape(input.shape, target.shape)) {
    throw new ShapeError(
      `${operation}: got input ${formatShape(input.shape)} and target ${formatShape(target.shape)}, expected equal shapes; reshape or expand one of them`,
    );
  }
}
