// Negation, sum, difference, product and quotient of tensors, with broadcasting; an operand may be a number.
import { defineOp } from "../../autograd/define-op.ts";
import type { Tensor } from "../../tensor.ts";
import { sumTo } from "../shape/broadcast.ts";
import type { Operand } from "./elementwise.ts";
import { applyBinary, mapBinary, mapUnary } from "./elementwise.ts";

/** `-x` */
export const neg = defineOp<[Tensor]>({
  name: "neg",
  forward: (x) => mapUnary("neg", x),
  vjp: [(dy): Tensor => neg(dy)],
});

const addOp = defineOp<[Tensor, Tensor]>({
  name: "add",
  forward: (a, b) => mapBinary("add", a, b),
  vjp: [(dy, _, a) => sumTo(dy, a.shape), (dy, _, _a, b) => sumTo(dy, b.shape)],
});

const subOp = defineOp<[Tensor, Tensor]>({
  name: "sub",
  forward: (a, b) => mapBinary("sub", a, b),
  vjp: [(dy, _, a) => sumTo(dy, a.shape), (dy, _, _a, b) => sumTo(neg(dy), b.shape)],
});

const mulOp = defineOp<[Tensor, Tensor]>({
  name: "mul",
  forward: (a, b) => mapBinary("mul", a, b),
  vjp: [(dy, _, a, b) => sumTo(mul(dy, b), a.shape), (dy, _, a, b) => sumTo(mul(dy, a), b.shape)],
});

const divOp = defineOp<[Tensor, Tensor]>({
  name: "div",
  forward: (a, b) => mapBinary("div", a, b),
  vjp: [
    (dy, _, a, b) => sumTo(div(dy, b), a.shape),
    (dy, y, _a, b) => sumTo(neg(div(mul(dy, y), b)), b.shape),
  ],
});

/** `a + b`, broadcast. */
export function add(a: Operand, b: Operand): Tensor {
  return applyBinary("add", addOp, a, b);
}

/** `a - b`, broadcast. */
export function sub(a: Operand, b: Operand): Tensor {
  return applyBinary("sub", subOp, a, b);
}

/** `a * b` elementwise, broadcast. */
export function mul(a: Operand, b: Operand): Tensor {
  return applyBinary("mul", mulOp, a, b);
}

/** `a / b`, broadcast. Integer division truncates towards zero, and gives 0 for a division by 0. */
export function div(a: Operand, b: Operand): Tensor {
  return applyBinary("div", divOp, a, b);
}
