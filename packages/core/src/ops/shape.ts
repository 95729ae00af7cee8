// Views with the axes in another order: permute, transpose. Nothing is copied.
import { defineOp } from "../define-op.ts";
import { ValueError } from "../errors.ts";
import { formatShape, normalizeAxis } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

const permuteOp = defineOp<[Tensor], readonly number[]>({
  name: "permute",
  forward: (x, axes) =>
    x.view(
      axes.map((axis) => x.shape[axis]!),
      axes.map((axis) => x.strides[axis]!),
    ),
  vjp: [
    (dy, _, _x, axes): Tensor =>
      permuteOp(
        dy,
        axes.map((_axis, i) => axes.indexOf(i)),
      ),
  ],
});

/**
 * A view with the axes in another order: axis `i` of the result is axis `axes[i]` of `x`.
 *
 * @throws ValueError if `axes` does not name every axis once
 */
export function permute(x: Tensor, axes: readonly number[]): Tensor {
  const normalized = axes.map((axis) => normalizeAxis("permute", axis, x.rank));
  if (normalized.length !== x.rank || new Set(normalized).size !== x.rank) {
    throw new ValueError(
      `permute: got axes ${formatShape(axes)} for rank ${x.rank}, expected each of 0 to ${x.rank - 1} once`,
    );
  }
  return permuteOp(x, normalized);
}

/** A view with two axes exchanged; the last two if none are named. */
export function transpose(x: Tensor, axis0 = -2, axis1 = -1): Tensor {
  const first = normalizeAxis("transpose", axis0, x.rank);
  const second = normalizeAxis("transpose", axis1, x.rank);
  const axes = x.shape.map((_, axis) => axis);
  axes[first] = second;
  axes[second] = first;
  return permuteOp(x, axes);
}
