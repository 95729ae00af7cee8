// Product over axes. The gradient, the product of all other elements, is computed without division, so that it is right
// for zeros.

import { defineOp } from "../../autograd/define-op.ts";
import { reduceKernels } from "../../kernels/families.ts";
import { checkOptions } from "../../options.ts";
import { requireTensor } from "../../require-tensor.ts";
import { normalizeAxes } from "../../shape.ts";
import { contiguous, Tensor } from "../../tensor.ts";
import { mul, sub } from "../arithmetic/arithmetic.ts";
import { where } from "../arithmetic/where.ts";
import { widened } from "../create/cast.ts";
import { eye } from "../create/sequences.ts";
import type { ReduceOptions } from "../shape/axes.ts";
import { around, reduceAxes, reducedShape, reduceOptions } from "../shape/axes.ts";
import { reshape, sum } from "../shape/broadcast.ts";
import { joinAxes } from "../shape/last-axis.ts";

/** `[…, n]` to `[…, n]`: the product of all elements of the last axis but one. */
const prodOthers = defineOp<[Tensor]>({
  name: "prodOthers",
  forward: (x) => {
    const y = Tensor.allocate(x.shape, x.dtype, "prodOthers");
    reduceKernels(x.dtype).prodOthers(
      ...around(x.shape, x.rank - 1, x.rank - 1),
      contiguous(x).address,
      y.address,
    );
    return y;
  },
  vjp: [
    (dz, _, x): Tensor => {
      // Row i of the matrix is x with element i replaced by 1: its product is that of the others.
      const n = x.shape.at(-1)!;
      const outer = x.shape.slice(0, -1);
      const diagonal = eye(n, { dtype: x.dtype });
      const rows = where(diagonal, 1, reshape(x, [...outer, 1, n]));
      return sum(mul(mul(reshape(dz, [...outer, n, 1]), sub(1, diagonal)), prodOthers(rows)), -2);
    },
  ],
});

/** `[…, n]` to `[…, 1]`. */
const prodOp = defineOp<[Tensor]>({
  name: "prod",
  forward: (x) => reduceAxes("prod", widened(x), [x.rank - 1]),
  vjp: [(dy, _, x) => mul(dy, prodOthers(x))],
});

/**
 * Product over `axes` (default all). The product over no elements is 1. For uint8, the result is int32.
 *
 * @throws ShapeError if an axis does not exist
 */
export function prod(x: Tensor, axes?: number | readonly number[], options: ReduceOptions = {}): Tensor {
  requireTensor("prod", x);
  checkOptions("prod", options, reduceOptions);
  const list = normalizeAxes("prod", axes, x.rank);
  return reshape(prodOp(joinAxes(x, list)), reducedShape(x.shape, list, options.keepDim ?? false));
}
