// How reductions see axes: any axes, merged to the middle of [outer, length, inner].

import { reduceKernels } from "../../kernels/families.ts";
import type { ReduceToValueKernels } from "../../kernels/table.ts";
import { optionNames } from "../../options.ts";
import type { Shape } from "../../shape.ts";
import { sizeOf } from "../../shape.ts";
import { contiguous, Tensor } from "../../tensor.ts";

/** Options of reductions. */
export interface ReduceOptions {
  /** Keeps the reduced axes, with length 1. */
  keepDim?: boolean;
}

const axesComeBefore = "axes come before the options, as in sum(x, axes, { keepDim: true })";

/** Named arguments of PyTorch that reductions here do not have. */
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

/** `shape` without the axes, or with length 1 there. */
export function reducedShape(shape: Shape, axes: readonly number[], keepDim: boolean): number[] {
  return shape.flatMap((length, axis) => (axes.includes(axis) ? (keepDim ? [1] : []) : [length]));
}

/** `x` with the sorted `axes` merged to one in [outer, length, inner]; and the resulting order of its axes. */
function layOut(x: Tensor, axes: readonly number[]) {
  const all = x.shape.map((_, axis) => axis);
  const first = axes[0] ?? 0;
  const last = axes.at(-1) ?? -1;
  if (last - first + 1 === axes.length) {
    return { dense: contiguous(x), order: all, sizes: around(x.shape, first, last) };
  }
  // Moves them to the end.
  const order = [...all.filter((axis) => !axes.includes(axis)), ...axes];
  const shape = order.map((axis) => x.shape[axis]!);
  const strides = order.map((axis) => x.strides[axis]!);
  return {
    dense: contiguous(x.view(shape, strides)),
    order,
    sizes: around(shape, x.rank - axes.length, x.rank - 1),
  };
}

/** Runs a reduction kernel over sorted `axes`, which stay with length 1; `more` are its other arguments. */
export function reduceAxes(
  kernel: keyof ReduceToValueKernels | "spread",
  x: Tensor,
  axes: readonly number[],
  ...more: number[]
): Tensor {
  const y = Tensor.allocate(reducedShape(x.shape, axes, true), x.dtype, kernel);
  const { dense, sizes } = layOut(x, axes);
  const run = reduceKernels(x.dtype)[kernel] as (...args: number[]) => void;
  run(...sizes, dense.address, y.address, ...more);
  return y;
}

/** `x` without its mean over sorted `axes`. */
export function centerAxes(x: Tensor, axes: readonly number[]): Tensor {
  const { dense, order, sizes } = layOut(x, axes);
  const y = Tensor.allocate(dense.shape, x.dtype, "center");
  reduceKernels(x.dtype).center(...sizes, dense.address, y.address);
  return y.view(
    x.shape,
    x.shape.map((_, axis) => y.strides[order.indexOf(axis)]!),
  );
}
