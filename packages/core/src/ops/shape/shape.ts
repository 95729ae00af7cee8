// Reorders axes (permute, transpose), adds or drops axes of length 1 (squeeze, unsqueeze), merges axes (flatten), or
// repeats them (tile). All return views, except tile, and flatten if the axes are not adjacent in memory.
import { requireList } from "../../arguments.ts";
import { defineOp } from "../../autograd/define-op.ts";
import { ShapeError, ValueError } from "../../errors.ts";
import { requireTensor } from "../../require-tensor.ts";
import { formatShape, normalizeAxes, normalizeAxis, sizeOf } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { expand, reshape } from "./broadcast.ts";

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
  requireTensor("permute", x);
  requireList("permute", "axes", axes, "[1, 0]");
  const normalized = axes.map((axis) => normalizeAxis("permute", axis, x.rank));
  if (normalized.length !== x.rank || new Set(normalized).size !== x.rank) {
    throw new ValueError(
      `permute: got axes ${formatShape(axes)} for rank ${x.rank}, expected each of 0 to ${x.rank - 1} once`,
    );
  }
  return permuteOp(x, normalized);
}

/** A view with two axes swapped; default the last two. */
export function transpose(x: Tensor, axis0 = -2, axis1 = -1): Tensor {
  requireTensor("transpose", x);
  const first = normalizeAxis("transpose", axis0, x.rank);
  const second = normalizeAxis("transpose", axis1, x.rank);
  const axes = x.shape.map((_, axis) => axis);
  axes[first] = second;
  axes[second] = first;
  return permuteOp(x, axes);
}

/**
 * A view without the axes of length 1: all of them, or those among `axes`. Keeps longer ones, as in PyTorch.
 *
 * @throws ShapeError if an axis does not exist
 */
export function squeeze(x: Tensor, axes?: number | readonly number[]): Tensor {
  requireTensor("squeeze", x);
  const candidates = normalizeAxes("squeeze", axes, x.rank);
  return reshape(
    x,
    x.shape.filter((length, axis) => length !== 1 || !candidates.includes(axis)),
  );
}

/**
 * A view with a new axis of length 1, which becomes axis `axis` of the result; -1 puts it last.
 *
 * @throws ShapeError if the result has no such axis
 */
export function unsqueeze(x: Tensor, axis: number): Tensor {
  requireTensor("unsqueeze", x);
  return reshape(x, x.shape.toSpliced(normalizeAxis("unsqueeze", axis, x.rank + 1), 0, 1));
}

/**
 * Axes `start` to `end` merged into one, row-major; default all. A scalar becomes `[1]`.
 *
 * @throws ShapeError if an axis does not exist, or `end` is before `start`
 */
export function flatten(x: Tensor, start = 0, end = -1): Tensor {
  requireTensor("flatten", x);
  if (x.rank === 0) return reshape(x, [1]);
  const first = normalizeAxis("flatten", start, x.rank);
  const last = normalizeAxis("flatten", end, x.rank);
  if (last < first) {
    throw new ShapeError(
      `flatten: axis ${end} is before axis ${start} of ${formatShape(x.shape)}; exchange them`,
    );
  }
  return reshape(x, x.shape.toSpliced(first, last - first + 1, sizeOf(x.shape.slice(first, last + 1))));
}

/**
 * `x` repeated along its axes as often as listed, like `tile` of NumPy and PyTorch. A shorter list applies to the last
 * axes, a longer one adds axes in front. `[n,m]` by `[2,3]` is `[2n,3m]`.
 *
 * @throws ValueError unless all are non-negative integers
 */
export function tile(x: Tensor, repeats: readonly number[]): Tensor {
  requireTensor("tile", x);
  requireList("tile", "repeats", repeats, "[2, 1]");
  if (!repeats.every((count) => Number.isSafeInteger(count) && count >= 0)) {
    throw new ValueError(`tile: got repeats ${formatShape(repeats)}, expected non-negative integers`);
  }
  const rank = Math.max(x.rank, repeats.length);
  const times = [...new Array<number>(rank - repeats.length).fill(1), ...repeats];
  const lengths = [...new Array<number>(rank - x.rank).fill(1), ...x.shape];
  // Each axis of length n after a new one of length `times`.
  const apart = lengths.flatMap((length) => [1, length]);
  const repeated = lengths.flatMap((length, axis) => [times[axis]!, length]);
  return reshape(
    expand(reshape(x, apart), repeated),
    lengths.map((length, axis) => times[axis]! * length),
  );
}
