// What ops require of their operands: tensors, of one dtype, of a float dtype.
import { kindOf } from "./arguments.ts";
import type { DType } from "./dtype.ts";
import { requireOneDType } from "./dtype.ts";
import { DTypeError } from "./errors.ts";
import { Tensor } from "./tensor.ts";

/**
 * Throws unless `x` is a tensor. The types rule that out, but JavaScript does not.
 *
 * @throws DTypeError
 */
export function requireTensor(operation: string, x: unknown, name = "x"): asserts x is Tensor {
  if (x instanceof Tensor) return;
  const kind = kindOf(x);
  const advice =
    kind === "a Tensor"
      ? "it is of another copy of @shardgrad/core: install it once"
      : "make a tensor of numbers with tensor(…)";
  throw new DTypeError(`${operation}: ${name} is ${kind}, expected a tensor; ${advice}`);
}

/** Throws unless all have the same dtype; returns it. */
export function commonDType(operation: string, tensors: readonly Tensor[]): DType {
  const bad = tensors.findIndex((x) => !(x instanceof Tensor));
  if (bad >= 0) requireTensor(operation, tensors[bad], `tensor ${bad}`);
  const dtype = tensors[0]!.dtype;
  for (const other of tensors) requireOneDType(operation, dtype, other.dtype);
  return dtype;
}

/** Throws unless `x` is float32 or float64. */
export function requireFloat(operation: string, x: Tensor, name = "x"): void {
  requireTensor(operation, x, name);
  if (x.dtype !== "float32" && x.dtype !== "float64") {
    throw new DTypeError(`${operation}: ${name} is ${x.dtype}, expected float32 or float64; cast it`);
  }
}
