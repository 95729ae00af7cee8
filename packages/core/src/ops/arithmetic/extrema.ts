// The elementwise maximum and minimum of two tensors. ../reductions/reduce.ts has extrema over axes.
import { defineOp } from "../../autograd/define-op.ts";
import type { Tensor } from "../../tensor.ts";
import { sumTo } from "../shape/broadcast.ts";
import { add, mul, sub } from "./arithmetic.ts";
import { less, lessEqual } from "./compare.ts";
import type { Operand } from "./elementwise.ts";
import { applyBinary, mapBinary } from "./elementwise.ts";

/** The share of the maximum's gradient for x: 1 where x is larger, ½ at ties, else 0. */
const share = (x: Tensor, other: Tensor) => sub(1, mul(add(less(x, other), lessEqual(x, other)), 0.5));

const maximumOp = defineOp<[Tensor, Tensor]>({
  name: "maximum",
  forward: (a, b) => mapBinary("maximum", a, b),
  vjp: [
    (dy, _, a, b) => sumTo(mul(dy, share(a, b)), a.shape),
    (dy, _, a, b) => sumTo(mul(dy, share(b, a)), b.shape),
  ],
});

const minimumOp = defineOp<[Tensor, Tensor]>({
  name: "minimum",
  forward: (a, b) => mapBinary("minimum", a, b),
  vjp: [
    (dy, _, a, b) => sumTo(mul(dy, share(b, a)), a.shape),
    (dy, _, a, b) => sumTo(mul(dy, share(a, b)), b.shape),
  ],
});

/** The larger of `a` and `b`, broadcast; NaN if either is. At ties each gets half of the gradient. */
export function maximum(a: Operand, b: Operand): Tensor {
  return applyBinary("maximum", maximumOp, a, b);
}

/** The smaller of `a` and `b`, broadcast; NaN if either is. At ties each gets half of the gradient. */
export function minimum(a: Operand, b: Operand): Tensor {
  return applyBinary("minimum", minimumOp, a, b);
}
