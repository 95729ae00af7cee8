// Clipping gradients before an optimizer's step, by their norm or by value. Nothing is read on the host unless asked
// for, so that a step with clipping can be recorded and replayed.

import { compute } from "../autograd/define-op.ts";
import { dtypeCode } from "../dtype.ts";
import { DTypeError, ValueError } from "../errors.ts";
import { kernelsFor } from "../kernels/dispatch.ts";
import { checkOptions, optionNames } from "../options.ts";
import { Tensor } from "../tensor.ts";

/** Options of `clipGradNorm`. */
export interface ClipGradNormOptions {
  /** The p of the p-norm, `Infinity` for the largest size; 2 if absent. */
  normType?: number;
  /** Throw if the norm is infinite or NaN; reads it on the host. False if absent. */
  errorIfNonfinite?: boolean;
}

/** Gradients of those parameters that have one, as they lie in memory. */
function gradientsOf(operation: string, parameters: readonly Tensor[]): Tensor[] {
  return parameters.flatMap(({ grad }, index) => {
    if (!grad) return [];
    if (grad.dtype !== "float32" && grad.dtype !== "float64") {
      throw new DTypeError(`${operation}: gradient ${index} is ${grad.dtype}, expected float32 or float64`);
    }
    // In place, so a view of repeated elements would be changed once per repetition.
    if (!grad.contiguous) throw new ValueError(`${operation}: gradient ${index} is not contiguous`);
    return [grad];
  });
}

const clipGradNormOptions = optionNames<ClipGradNormOptions>({ normType: true, errorIfNonfinite: true });

/**
 * Scales all gradients by `min(1, maxNorm / (norm + 1e-6))`, in place, where `norm` is that of all of them together, as
 * if they were one vector. With `maxNorm` Infinity they stay as they are, and are only measured. Parameters without a
 * gradient are left out. Pascanu, Mikolov and Bengio,
 * https://arxiv.org/abs/1211.5063; equal to PyTorch's `clip_grad_norm_`, except that squares are summed in float64.
 *
 * @returns the norm before clipping, a scalar of the first gradient's dtype
 * @throws ValueError for options out of range, or a norm that is not finite if that was asked for
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
    const { fill, normAndScale } = kernelsFor("float64");
    fill(1, 0, total.address);
    for (const { size, dtype, address } of gradients) {
      if (normType === 2) kernelsFor(dtype).addSquares(size, address, total.address);
      else kernelsFor(dtype).addPowers(size, normType, address, total.address);
    }
    const results = Tensor.allocate([2], "float64", "clipGradNorm");
    normAndScale(normType, maxNorm, total.address, results.address);
    const [norm, scale] = [results.address, results.address + 8];
    if (errorIfNonfinite && !Number.isFinite(results.data()[0]!)) {
      throw new ValueError(
        `clipGradNorm: the norm of the gradients is ${results.data()[0]}, expected a finite number; look for the first NaN, or pass a smaller learning rate`,
      );
    }
    // Nothing is clipped: not even an infinite norm, by which Infinity would be divided.
    const clipped = maxNorm === Number.POSITIVE_INFINITY ? [] : gradients;
    for (const { size, dtype, address } of clipped) {
      const factor = Tensor.allocate([], dtype, "clipGradNorm");
      kernelsFor(dtype).cast(1, dtypeCode.float64, scale, factor.address);
      kernelsFor(dtype).mul(1, size, address, 0, 1, factor.address, 0, 0, address);
    }
    const y = Tensor.allocate([], gradients[0]?.dtype ?? "float32", "clipGradNorm");
    kernelsFor(y.dtype).cast(1, dtypeCode.float64, norm, y.address);
    return y;
  });
}

/**
 * Limits every element of every gradient to ±`clipValue`, in place; NaN stays NaN (PyTorch's `clip_grad_value_`).
 *
 * @throws ValueError if the limit is negative
 */
export function clipGradValue(parameters: readonly Tensor[], clipValue: number): void {
  if (!(clipValue >= 0)) {
    throw new ValueError(`clipGradValue: clipValue is ${clipValue}, expected a number of at least 0`);
  }
  for (const { size, dtype, address } of gradientsOf("clipGradValue", parameters)) {
    kernelsFor(dtype).clip(size, clipValue, address);
  }
}
