// Reshaping, broadcasting and summing: expand and sum are each other's gradient, so they share a file.

import { defineOp } from "../../autograd/define-op.ts";
import { ShapeError } from "../../errors.ts";
import { checkOptions } from "../../options.ts";
import { requireTensor } from "../../require-tensor.ts";
import type { Shape } from "../../shape.ts";
import {
  broadcastStrides,
  checkShape,
  contiguousStrides,
  formatShape,
  normalizeAxes,
  requireShape,
  reshapeStrides,
  sameShape,
  sizeOf,
} from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { contiguous } from "../../tensor.ts";
import { widened } from "../create/cast.ts";
import type { ReduceOptions } from "./axes.ts";
import { reduceAxes, reducedShape, reduceOptions } from "./axes.ts";

const reshapeOp = defineOp<[Tensor], Shape>({
  name: "reshape",
  forward: (x, shape) => {
    const strides = reshapeStrides(x.shape, x.strides, shape);
    return strides ? x.view(shape, strides) : contiguous(x).view(shape, contiguousStrides(shape));
  },
  vjp: [(dy, _, x) => reshape(dy, x.shape)],
});

/**
 * The same elements, in row-major order, in another shape; one size may be -1 and is computed. A view if strides can
 * express it, else a copy.
 *
 * @throws ShapeError if the number of elements differs
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  requireTensor("reshape", x);
  requireShape("reshape", shape);
  const unknown = shape.indexOf(-1);
  let target = shape;
  if (unknown >= 0) {
    const known = -sizeOf(shape);
    target = shape.with(unknown, known === 0 ? 0 : x.size / known);
  }
  if (sizeOf(target) !== x.size || target.some((length) => !Number.isInteger(length) || length < 0)) {
    throw new ShapeError(
      `reshape: ${formatShape(x.shape)} has ${x.size} elements, which ${formatShape(shape)} cannot hold; the products must be equal`,
    );
  }
  return reshapeOp(x, Object.freeze([...target]));
}

const expandOp = defineOp<[Tensor], Shape>({
  name: "expand",
  forward: (x, shape) => x.view(shape, broadcastStrides(x.shape, x.strides, shape)),
  vjp: [(dy, _, x) => sumTo(dy, x.shape)],
});

/**
 * A view that broadcasts to `shape`: repeats axes of length 1, and adds axes in front.
 *
 * @throws ShapeError if `x` does not broadcast to `shape`
 */
export function expand(x: Tensor, shape: Shape): Tensor {
  requireTensor("expand", x);
  requireShape("expand", shape);
  const lead = shape.length - x.rank;
  if (lead < 0 || x.shape.some((length, axis) => length !== 1 && length !== shape[lead + axis])) {
    throw new ShapeError(
      `expand: ${formatShape(x.shape)} does not broadcast to ${formatShape(shape)}; only axes of length 1 can be repeated`,
    );
  }
  return expandOp(x, checkShape("expand", shape));
}

/** The sum over all axes repeated when broadcasting `shape` to that of `x`: the gradient of `expand`. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.rank - shape.length;
  const axes = x.shape.flatMap((length, axis) => {
    const repeated = axis < lead || (shape[axis - lead] === 1 && length !== 1);
    return repeated ? [axis] : [];
  });
  return reshape(sum(x, axes), shape);
}

const sumOp = defineOp<[Tensor], readonly number[]>({
  name: "sum",
  forward: (x, axes) => reduceAxes("sum", widened(x), axes),
  vjp: [(dy, _, x) => expand(dy, x.shape)],
});

/**
 * Sum over `axes` (default all). The sum over no elements is 0. For uint8, the result is int32.
 *
 * @throws ShapeError if an axis does not exist
 */
export function sum(x: Tensor, axes?: number | readonly number[], options: ReduceOptions = {}): Tensor {
  requireTensor("sum", x);
  checkOptions("sum", options, reduceOptions);
  const list = normalizeAxes("sum", axes, x.rank);
  const kept = sumOp(x, list);
  return options.keepDim ? kept : reshape(kept, reducedShape(x.shape, list, false));
}
