// How reductions see axes: any of them as one run of [outer, length, inner].
import type { Shape } from "../shape.ts";
import { sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { contiguous } from "../tensor.ts";

export interface ReduceOptions {
  /** Keep the reduced axes, with length 1. */
  keepDim?: boolean;
}

/** Splits `shape` at a run of neighbouring axes into [outer, length, inner]. */
export function around(
  shape: Shape,
  first: number,
  last: number,
): [outer: number, length: number, inner: number] {
  return [sizeOf(shape.slice(0, first)), sizeOf(shape.slice(first, last + 1)), sizeOf(shape.slice(last + 1))];
}

/** `shape` with the axes removed, or of length 1. */
export function reducedShape(shape: Shape, axes: readonly number[], keepDim: boolean): number[] {
  return shape.flatMap((length, axis) => (axes.includes(axis) ? (keepDim ? [1] : []) : [length]));
}

/** Moves the reduced axes of `x` to the end, so that one run of them is left, and lays it out. */
export function gatherAxes(x: Tensor, axes: readonly number[]): Tensor {
  const others = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const order = [...others, ...axes];
  return contiguous(
    x.view(
      order.map((axis) => x.shape[axis]!),
      order.map((axis) => x.strides[axis]!),
    ),
  );
}
