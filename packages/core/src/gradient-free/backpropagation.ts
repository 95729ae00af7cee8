// The exact gradient, by walking the recorded graph back: the reference for all other estimators.

import { grad } from "../autograd/tape.ts";
import { elementwiseKernels } from "../kernels/families.ts";
import { copyStrided } from "../strided-copy.ts";
import { Tensor } from "../tensor.ts";
import type { GradientEstimator } from "./estimator.ts";
import { defineEstimator } from "./estimator.ts";

/** Reverse-mode differentiation behind the interface of the estimators. One evaluation. */
export function backpropagation(): GradientEstimator {
  return defineEstimator("backpropagation", ({ parameters, record }) => {
    const loss = record();
    const gradients = grad(loss, parameters);
    return {
      gradients: parameters.map((parameter, index) => ownGradient(parameter, gradients[index] ?? null)),
      loss: loss.item(),
    };
  });
}

/** A gradient in its own memory; 0 where the loss does not depend on the parameter. */
export function ownGradient(parameter: Tensor, gradient: Tensor | null): Tensor {
  if (gradient?.contiguous && !gradient.storage.shared) return gradient;
  const own = Tensor.allocate(parameter.shape, parameter.dtype, "gradient");
  if (gradient) copyStrided(gradient, own);
  else elementwiseKernels(own.dtype).fill(own.size, 0, own.address);
  return own;
}
