// New tensors with the shape of another, and by default its dtype. Its values do not matter, so no gradient flows to
// it.
import { checkOptions } from "../../options.ts";
import { requireTensor } from "../../require-tensor.ts";
import type { Tensor } from "../../tensor.ts";
import type { RandnOptions, RandOptions, TensorOptions } from "./create.ts";
import { full, rand, randn, randnOptions, randOptions, tensorOptions } from "./create.ts";

/** A tensor of the shape and dtype of `x` whose elements are all `value`. */
export function fullLike(x: Tensor, value: number, options: TensorOptions = {}): Tensor {
  requireTensor("fullLike", x);
  checkOptions("fullLike", options, tensorOptions);
  return full(x.shape, value, { dtype: x.dtype, ...options });
}

/** Zeros in the shape and dtype of `x`. */
export function zerosLike(x: Tensor, options: TensorOptions = {}): Tensor {
  requireTensor("zerosLike", x);
  checkOptions("zerosLike", options, tensorOptions);
  return fullLike(x, 0, options);
}

/** Ones in the shape and dtype of `x`. */
export function onesLike(x: Tensor, options: TensorOptions = {}): Tensor {
  requireTensor("onesLike", x);
  checkOptions("onesLike", options, tensorOptions);
  return fullLike(x, 1, options);
}

/**
 * Uniform numbers in [low, high) (default [0, 1)) in the shape and dtype of `x`, from this thread's random stream.
 *
 * @throws DTypeError if the dtype is not a float
 */
export function randLike(x: Tensor, options: RandOptions = {}): Tensor {
  requireTensor("randLike", x);
  checkOptions("randLike", options, randOptions);
  return rand(x.shape, { dtype: x.dtype, ...options });
}

/**
 * Normal numbers (default mean 0 and standard deviation 1) in the shape and dtype of `x`, from this thread's random
 * stream.
 *
 * @throws DTypeError if the dtype is not a float
 */
export function randnLike(x: Tensor, options: RandnOptions = {}): Tensor {
  requireTensor("randnLike", x);
  checkOptions("randnLike", options, randnOptions);
  return randn(x.shape, { dtype: x.dtype, ...options });
}
