// Other reductions: mean, extrema, and their positions. sum is in ../shape/broadcast.ts, variance and norms in
// statistics.ts.

import { compute, defineOp } from "../../autograd/define-op.ts";
import { ShapeError } from "../../errors.ts";
import { reduceKernels } from "../../kernels/families.ts";
import { checkOptions } from "../../options.ts";
import { requireFloat, requireTensor } from "../../require-tensor.ts";
import { formatShape, normalizeAxes, normalizeAxis, sizeOf } from "../../shape.ts";
import { contiguous, Tensor } from "../../tensor.ts";
import { div, mul } from "../arithmetic/arithmetic.ts";
import { equal } from "../arithmetic/compare.ts";
import type { ReduceOptions } from "../shape/axes.ts";
import { around, reduceAxes, reducedShape, reduceOptions } from "../shape/axes.ts";
import { reshape, sum } from "../shape/broadcast.ts";

/**
 * Mean over `axes` (default all). The mean over no elements is NaN.
 *
 * @throws ShapeError if an axis does not exist; DTypeError for integers
 */
export function mean(x: Tensor, axes?: number | readonly number[], options: ReduceOptions = {}): Tensor {
  requireFloat("mean", x);
  checkOptions("mean", options, reduceOptions);
  const list = normalizeAxes("mean", axes, x.rank);
  const count = sizeOf(list.map((axis) => x.shape[axis]!));
  return div(sum(x, list, options), count);
}

function extremum(kernel: "max" | "min") {
  const op = defineOp<[Tensor], readonly number[]>({
    name: kernel,
    forward: (x, axes) => reduceAxes(kernel, x, axes),
    vjp: [
      (dy, y, x, axes) => {
        const ties = equal(x, y);
        return mul(ties, div(dy, sum(ties, axes, { keepDim: true })));
      },
    ],
  });
  return (x: Tensor, axes?: number | readonly number[], options: ReduceOptions = {}): Tensor => {
    requireTensor(kernel, x);
    if ((axes as unknown) instanceof Tensor) {
      const other =
        kernel === "max" ? "larger of two tensors is maximum" : "smaller of two tensors is minimum";
      throw new ShapeError(
        `${kernel}: axes are a Tensor, expected a number or an array of numbers; the ${other}(a, b)`,
      );
    }
    checkOptions(kernel, options, reduceOptions);
    const list = normalizeAxes(kernel, axes, x.rank);
    const empty = list.find((axis) => x.shape[axis] === 0);
    if (empty !== undefined) {
      throw new ShapeError(
        `${kernel}: axis ${empty} of ${formatShape(x.shape)} is empty, expected at least one element to choose from`,
      );
    }
    const kept = op(x, list);
    return options.keepDim ? kept : reshape(kept, reducedShape(x.shape, list, false));
  };
}

/**
 * The largest element over `axes` (default all); NaN if there is one. All largest elements share the gradient evenly,
 * as in `torch.amax`.
 *
 * @throws ShapeError if an axis is empty or does not exist
 */
export const max = extremum("max");

/**
 * The smallest element over `axes` (default all); NaN if there is one. All smallest elements share the gradient evenly,
 * as in `torch.amin`.
 *
 * @throws ShapeError if an axis is empty or does not exist
 */
export const min = extremum("min");

function placeOf(kernel: "argmax" | "argmin", x: Tensor, axis: number, options: ReduceOptions): Tensor {
  requireTensor(kernel, x);
  checkOptions(kernel, options, reduceOptions);
  const { keepDim = false } = options;
  const along = normalizeAxis(kernel, axis, x.rank);
  if (x.shape[along] === 0) {
    throw new ShapeError(
      `${kernel}: axis ${axis} of ${formatShape(x.shape)} is empty, expected at least one element to choose from`,
    );
  }
  return compute(() => {
    const y = Tensor.allocate(reducedShape(x.shape, [along], keepDim), "int32", kernel);
    reduceKernels(x.dtype)[kernel](...around(x.shape, along, along), contiguous(x).address, y.address);
    return y;
  });
}

/**
 * Index (int32) of the first largest element along `axis` (default last); NaN ranks highest. No gradient.
 *
 * @throws ShapeError if the axis is empty or does not exist
 */
export function argmax(x: Tensor, axis = -1, options: ReduceOptions = {}): Tensor {
  return placeOf("argmax", x, axis, options);
}

/**
 * Index (int32) of the first smallest element along `axis` (default last); NaN ranks lowest. No gradient.
 *
 * @throws ShapeError if the axis is empty or does not exist
 */
export function argmin(x: Tensor, axis = -1, options: ReduceOptions = {}): Tensor {
  return placeOf("argmin", x, axis, options);
}
