// softmax, its logarithm, and the logarithm of its denominator. Each is one kernel over rows, and so are the gradients.

import { defineOp } from "../../autograd/define-op.ts";
import { softmaxKernels } from "../../kernels/families.ts";
import type { SoftmaxKernels } from "../../kernels/table.ts";
import { checkOptions } from "../../options.ts";
import { requireFloat } from "../../require-tensor.ts";
import { normalizeAxes, normalizeAxis, sizeOf } from "../../shape.ts";
import { contiguous, Tensor } from "../../tensor.ts";
import { mul, neg, sub } from "../arithmetic/arithmetic.ts";
import { exp } from "../arithmetic/unary.ts";
import type { ReduceOptions } from "../shape/axes.ts";
import { reducedShape, reduceOptions } from "../shape/axes.ts";
import { reshape, sum } from "../shape/broadcast.ts";
import { alongAxis, joinAxes } from "../shape/last-axis.ts";

/** Runs a kernel over the rows of `inputs`, which share one shape; `y` has that shape, or one element per row. */
function overRows(kernel: keyof SoftmaxKernels, inputs: readonly Tensor[], shape = inputs[0]!.shape): Tensor {
  const x = inputs[0]!;
  const y = Tensor.allocate(shape, x.dtype, kernel);
  const run = softmaxKernels(x.dtype)[kernel] as (...args: number[]) => void;
  const addresses = inputs.map((input) => contiguous(input).address);
  run(sizeOf(x.shape.slice(0, -1)), x.shape.at(-1)!, ...addresses, y.address);
  return y;
}

const sumOfRows = (x: Tensor) => sum(x, -1, { keepDim: true });

/** `y (dy - sum(dy y))`. The Jacobian of softmax is symmetric, so the rule for dy is the op itself. */
const softmaxGrad = defineOp<[Tensor, Tensor]>({
  name: "softmaxGrad",
  forward: (dy, y) => overRows("softmaxGrad", [dy, y]),
  vjp: [
    (dz, _, _dy, y): Tensor => softmaxGrad(dz, y),
    (dz, _, dy, y) => sub(mul(dz, sub(dy, sumOfRows(mul(dy, y)))), mul(dy, sumOfRows(mul(dz, y)))),
  ],
});

const softmaxOp = defineOp<[Tensor]>({
  name: "softmax",
  forward: (x) => overRows("softmax", [x]),
  vjp: [(dy, y) => softmaxGrad(dy, y)],
});

/** `dy - exp(y) sum(dy)` */
const logSoftmaxGrad = defineOp<[Tensor, Tensor]>({
  name: "logSoftmaxGrad",
  forward: (dy, y) => overRows("logSoftmaxGrad", [dy, y]),
  vjp: [
    (dz, _, _dy, y) => sub(dz, sumOfRows(mul(dz, exp(y)))),
    (dz, _, dy, y) => neg(mul(mul(dz, exp(y)), sumOfRows(dy))),
  ],
});

const logSoftmaxOp = defineOp<[Tensor]>({
  name: "logSoftmax",
  forward: (x) => overRows("logSoftmax", [x]),
  vjp: [(dy, y) => logSoftmaxGrad(dy, y)],
});

/** `[…, n]` to `[…, 1]`. */
const logSumExpOp = defineOp<[Tensor]>({
  name: "logSumExp",
  forward: (x) => overRows("logSumExp", [x], [...x.shape.slice(0, -1), 1]),
  vjp: [(dy, y, x) => mul(dy, exp(sub(x, y)))],
});

/**
 * `exp(x) / sum(exp(x))` along `axis` (default last), computed without overflow.
 *
 * @throws ShapeError if the axis does not exist; DTypeError for integers
 */
export function softmax(x: Tensor, axis = -1): Tensor {
  requireFloat("softmax", x);
  return alongAxis(x, normalizeAxis("softmax", axis, x.rank), softmaxOp);
}

/**
 * The logarithm of the softmax, `x - log(sum(exp(x)))`, along `axis` (default last), computed without overflow.
 *
 * @throws ShapeError if the axis does not exist; DTypeError for integers
 */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  requireFloat("logSoftmax", x);
  return alongAxis(x, normalizeAxis("logSoftmax", axis, x.rank), logSoftmaxOp);
}

/**
 * `log(sum(exp(x)))` over `axes` (default all), computed without overflow; -Infinity over no elements.
 *
 * @throws ShapeError if an axis does not exist; DTypeError for integers
 */
export function logSumExp(x: Tensor, axes?: number | readonly number[], options: ReduceOptions = {}): Tensor {
  requireFloat("logSumExp", x);
  checkOptions("logSumExp", options, reduceOptions);
  const list = normalizeAxes("logSumExp", axes, x.rank);
  return reshape(logSumExpOp(joinAxes(x, list)), reducedShape(x.shape, list, options.keepDim ?? false));
}
