// Moves any axes of a tensor to its end, for ops whose kernels work on rows.
import type { Tensor } from "../../tensor.ts";
import { reshape } from "./broadcast.ts";
import { permute, transpose } from "./shape.ts";

/** Applies `op`, which works along the last axis and keeps the shape, along another axis. */
export function alongAxis(x: Tensor, axis: number, op: (x: Tensor) => Tensor): Tensor {
  if (axis === x.rank - 1) return op(x);
  return transpose(op(transpose(x, axis, -1)), axis, -1);
}

/** `x` with sorted `axes` merged into one last axis after the others: `[…others, length]`. */
export function joinAxes(x: Tensor, axes: readonly number[]): Tensor {
  const others = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const length = axes.reduce((product, axis) => product * x.shape[axis]!, 1);
  return reshape(permute(x, [...others, ...axes]), [...others.map((axis) => x.shape[axis]!), length]);
}
