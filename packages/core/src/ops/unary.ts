// Functions of single elements: `y[i] = f(x[i])`, each with `dx = dy * f'(x)`.
import { defineOp } from "../define-op.ts";
import { kernelsFor } from "../kernels/dispatch.ts";
import { contiguous, Tensor } from "../tensor.ts";
import { div, mul } from "./arithmetic.ts";
import { mapUnary } from "./elementwise.ts";

/** `e^x` */
export const exp = defineOp<[Tensor]>({
  name: "exp",
  forward: (x) => mapUnary("exp", x),
  vjp: [(dy, y) => mul(dy, y)],
});

/** Natural logarithm. */
export const log = defineOp<[Tensor]>({
  name: "log",
  forward: (x) => mapUnary("log", x),
  vjp: [(dy, _, x) => div(dy, x)],
});

/** Square root. */
export const sqrt = defineOp<[Tensor]>({
  name: "sqrt",
  forward: (x) => mapUnary("sqrt", x),
  vjp: [(dy, y) => div(dy, mul(y, 2))],
});

/** `x > 0 ? dy : 0`: what `relu` lets through of a gradient. Linear in `dy`, so it is its own derivative. */
const passPositive = defineOp<[Tensor, Tensor]>({
  name: "reluGrad",
  forward: (dy, x) => {
    const dx = Tensor.allocate(x.shape, x.dtype, "reluGrad");
    kernelsFor(x.dtype).reluGrad(x.size, contiguous(dy).address, contiguous(x).address, dx.address);
    return dx;
  },
  vjp: [(dz, _, _dy, x): Tensor => passPositive(dz, x), null],
});

/** `max(x, 0)`; the gradient at 0 is 0. */
export const relu = defineOp<[Tensor]>({
  name: "relu",
  forward: (x) => mapUnary("relu", x),
  // y > 0 exactly where x > 0, and y is at hand anyway.
  vjp: [(dy, y) => passPositive(dy, y)],
});
