// Reductions besides sum (which is in broadcast.ts): mean; and argmax, which has no gradient.
import { compute } from "../define-op.ts";
import { ShapeError } from "../errors.ts";
import { kernelsFor } from "../kernels/dispatch.ts";
import { formatShape, normalizeAxes, normalizeAxis, sizeOf } from "../shape.ts";
import { contiguous, Tensor } from "../tensor.ts";
import { div } from "./arithmetic.ts";
import type { ReduceOptions } from "./axes.ts";
import { around, reducedShape } from "./axes.ts";
import { sum } from "./broadcast.ts";

/** Mean over `axes` (all if absent). */
export function mean(x: Tensor, axes?: number | readonly number[], options: ReduceOptions = {}): Tensor {
  const list = normalizeAxes("mean", axes, x.rank);
  const count = sizeOf(list.map((axis) => x.shape[axis]!));
  return div(sum(x, list, options), count);
}

/**
 * Index (int32) of the first largest element along `axis`; NaN counts as the largest. No gradient.
 *
 * @throws ShapeError if the axis is empty or does not exist
 */
export function argmax(x: Tensor, axis = -1): Tensor {
  const along = normalizeAxis("argmax", axis, x.rank);
  if (x.shape[along] === 0) {
    throw new ShapeError(
      `argmax: axis ${axis} of ${formatShape(x.shape)} is empty; there is no largest element`,
    );
  }
  return compute(() => {
    const y = Tensor.allocate(reducedShape(x.shape, [along], false), "int32", "argmax");
    kernelsFor(x.dtype).argmax(...around(x.shape, along, along), contiguous(x).address, y.address);
    return y;
  });
}
