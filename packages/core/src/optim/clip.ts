// Clips gradients before an optimizer's step, by norm or by value. Reads nothing on the host unless asked to, so that a
// step with clipping can be recorded and replayed.

import { compute } from "../autograd/define-op.ts";
import { dtypeCode } from "../dtype.ts";
import { DTypeError, ValueError } from "../errors.ts";
import { elementwiseKernels, trainingKernels } from "../kernels/families.ts";
import { checkOptions, optionNames } from "../options.ts";
import { Tensor } from "../tensor.ts";

/** Options of `clipGradNorm`. */
export interface ClipGradNormOptions {
  /** The p of the p-norm; `Infinity` for the largest absolute value; default 2. */
  normType?: number;
  /** Throws if the norm is infinite or NaN, which reads it on the host. Default false. */
  errorIfNonfinite?: boolean;
}

/** The existing gradients of the parameters, as they lie in memory. */
function gradientsOf(operation: string, parameters: readonly Tensor[]): Tensor[] {
  return parameters.flatMap(({ grad }, index) => {
    if (!grad) return [];
    if (grad.dtype !== "float32" && grad.dtype !== "float64") {
      throw new DTypeError(`${operation}: gradient ${index} is ${grad.dtype}, expected float32 or float64`);
    }
    // The update is in place, so a view of repeated elements would be changed once per repetition.
    if (!grad.contiguous) throw new ValueError(`${operation}: gradient ${index} is not contiguous`);
    return [grad];
  });
}

const clipGradNormOptions = optionNames<ClipGradNormOptions>({ normType: true, errorIfNonfinite: true });

/**
 * Scales all gradients in place by `min(1, maxNorm / (norm + 1e-6))`, where `norm` is the norm of all of them together,
 * as one vector. With `maxNorm` Infinity, only measures it. Skips parameters without a gradient. Pascanu, Mikolov and
 * Bengio, https://arxiv.org/abs/1211.5063; equal to PyTorch's `clip_grad_norm_`, except that squares are summed in
 * float64.
 *
 * @returns the norm before clipping, a scalar of the first gradient's dtype
 * @throws ValueError for options out of range, or, on request, for a norm that is not finite
 */
export function clipGradNorm(
  parameters: readonly Tensor[],
  maxNorm: number,
  options: ClipGradNormOptions = {},
): Tensor {
  checkOptions("clipGradNorm", options, clipGradNormOptions);
  const { normType = 2, errorIfNonfinite = false } = options;
  if (!(maxNorm >= 0)) {
    throw new ValueError(`clipGradNorm: maxNorm is ${maxNorm}, expected a number of at least 0`);
  }
  if (!(normType > 0)) {
    throw new ValueError(`clipGradNorm: normType is ${normType}, expected a number above 0, or Infinity`);
  }
  const gradients = gradientsOf("clipGradNorm", parameters);
  return compute(() => {
    const total = Tensor.allocate([1], "float64", "clipGradNorm");
    elementwiseKernels("float64").fill(1, 0, total.address);
    for (const { size, dtype, address } of gradients) {
      if (normType === 2) trainingKernels(dtype).addSquares(size, address, total.address);
      else trainingKernels(dtype).addPowers(size, normType, address, total.address);
    }
    const results = Tensor.allocate([2], "float64", "clipGradNorm");
    trainingKernels("float64").normAndScale(normType, maxNorm, total.address, results.address);
    const [norm, scale] = [results.address, results.address + 8];
    if (errorIfNonfinite && !Number.isFinite(results.data()[0]!)) {
      throw new ValueError(
        `clipGradNorm: the norm of the gradients is ${results.data()[0]}, expected a finite number; look for the first NaN, or pass a smaller learning rate`,
      );
    }
    // Clips nothing, not even an infinite norm: that would divide Infinity by itself.
    const clipped = maxNorm === Number.POSITIVE_INFINITY ? [] : gradients;
    for (const { size, dtype, address } of clipped) {
      const factor = Tensor.allocate([], dtype, "clipGradNorm");
      elementwiseKernels(dtype).cast(1, dtypeCode.float64, scale, factor.address);
      elementwiseKernels(dtype).mul(1, size, address, 0, 1, factor.address, 0, 0, address);
    }
    const y = Tensor.allocate([], gradients[0]?.dtype ?? "float32", "clipGradNorm");
    elementwiseKernels(y.dtype).cast(1, dtypeCode.float64, norm, y.address);
    return y;
  });
}

/**
 * Clamps every element of every gradient to ±`clipValue`, in place; NaN stays NaN (PyTorch's `clip_grad_value_`).
 *
 * @throws ValueError if the limit is negative
 */
export function clipGradValue(parameters: readonly Tensor[], clipValue: number): void {
  if (!(clipValue >= 0)) {
    throw new ValueError(`clipGradValue: clipValue is ${clipValue}, expected a number of at least 0`);
  }
  for (const { size, dtype, address } of gradientsOf("clipGradValue", parameters)) {
    trainingKernels(dtype).clip(size, clipValue, address);
  }
}
