// softmax and its logarithm along one axis.
import { defineOp } from "../define-op.ts";
import { kernelsFor } from "../kernels/dispatch.ts";
import { normalizeAxis } from "../shape.ts";
import { contiguous, requireFloat, Tensor } from "../tensor.ts";
import { mul, sub } from "./arithmetic.ts";
import { sum } from "./broadcast.ts";
import { transpose } from "./shape.ts";
import { exp } from "./unary.ts";

const logSoftmaxOp = defineOp<[Tensor]>({
  name: "logSoftmax",
  forward: (x) => {
    const y = Tensor.allocate(x.shape, x.dtype, "logSoftmax");
    const cols = x.shape.at(-1)!;
    if (x.size > 0) kernelsFor(x.dtype).logSoftmax(x.size / cols, cols, contiguous(x).address, y.address);
    return y;
  },
  vjp: [(dy, y) => sub(dy, mul(exp(y), sum(dy, -1, { keepDim: true })))],
});

/**
 * `x - log(sum(exp(x)))` along `axis`, computed without overflow: the logarithm of the softmax.
 *
 * @throws ShapeError if the axis does not exist; DTypeError for integers
 */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  requireFloat("logSoftmax", x);
  const along = normalizeAxis("logSoftmax", axis, x.rank);
  if (along === x.rank - 1) return logSoftmaxOp(x);
  return transpose(logSoftmaxOp(transpose(x, along, -1)), along, -1);
}
