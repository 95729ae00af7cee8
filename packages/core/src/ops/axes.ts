// How reductions see axes: any of them as one run of [outer, length, inner].

import { kernelsFor } from "../kernels/dispatch.ts";
import type { ReduceToValueKernels } from "../kernels/table.ts";
import { optionNames } from "../options.ts";
import type { Shape } from "../shape.ts";
import { sizeOf } from "../shape.ts";
import { contiguous, Tensor } from "../tensor.ts";

/** Options of reductions. */
export interface ReduceOptions {
  /** Keep the reduced axes, with length 1. */
  keepDim?: boolean;
}

const axesComeBefore = "axes come before the options, as in sum(x, axes, { keepDim: true })";

/** What PyTorch takes by name, and reductions here do not. */
export const axesInstead = {
  axes: axesComeBefore,
  axis: axesComeBefore,
  dim: axesComeBefore,
  dims: axesComeBefore,
  dtype: "cast x before, or the result after it",
};

/** Options of reductions. */
export const reduceOptions = optionNames<ReduceOptions>({ keepDim: true }, axesInstead);

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
function gatherAxes(x: Tensor, axes: readonly number[]): Tensor {
  const others = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const order = [...others, ...axes];
  return contiguous(
    x.view(
      order.map((axis) => x.shape[axis]!),
      order.map((axis) => x.strides[axis]!),
    ),
  );
}

/** Runs a reduction kernel over sorted `axes`, which stay, with length 1. */
export function reduceAxes(kernel: keyof ReduceToValueKernels, x: Tensor, axes: readonly number[]): Tensor {
  const y = Tensor.allocate(reducedShape(x.shape, axes, true), x.dtype, kernel);
  const first = axes[0] ?? 0;
  const last = axes.at(-1) ?? -1;
  const neighbours = last - first + 1 === axes.length;
  const dense = neighbours ? contiguous(x) : gatherAxes(x, axes);
  const [outer, length, inner] = neighbours
    ? around(x.shape, first, last)
    : around(dense.shape, x.rank - axes.length, x.rank - 1);
  kernelsFor(x.dtype)[kernel](outer, length, inner, dense.address, y.address);
  return y;
}
