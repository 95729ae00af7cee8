// New tensors of the shape of another, and of its dtype unless one is given. Its values play no part, so no gradient
// flows to it.
import type { Tensor } from "../tensor.ts";
import type { TensorOptions } from "./create.ts";
import { full, rand, randn } from "./create.ts";

/** A tensor of the shape and dtype of `x` whose elements are all `value`. */
export function fullLike(x: Tensor, value: number, options: TensorOptions = {}): Tensor {
  return full(x.shape, value, { dtype: x.dtype, ...options });
}

/** Zeros in the shape and dtype of `x`. */
export function zerosLike(x: Tensor, options: TensorOptions = {}): Tensor {
  return fullLike(x, 0, options);
}

/** Ones in the shape and dtype of `x`. */
export function onesLike(x: Tensor, options: TensorOptions = {}): Tensor {
  return fullLike(x, 1, options);
}

/**
 * Uniform numbers in [low, high) (0 and 1 if absent) in the shape and dtype of `x`, from this thread's random stream.
 *
 * @throws DTypeError if the dtype is not a float
 */
export function randLike(x: Tensor, options: TensorOptions & { low?: number; high?: number } = {}): Tensor {
  return rand(x.shape, { dtype: x.dtype, ...options });
}

/**
 * Normal numbers (mean 0 and standard deviation 1 if absent) in the shape and dtype of `x`, from this thread's random
 * stream.
 *
 * @throws DTypeError if the dtype is not a float
 */
export function randnLike(x: Tensor, options: TensorOptions & { mean?: number; std?: number } = {}): Tensor {
  return randn(x.shape, { dtype: x.dtype, ...options });
}
