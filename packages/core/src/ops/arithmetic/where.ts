// Chooses between two tensors, elementwise.

import { kindOf } from "../../arguments.ts";
import { defineOp } from "../../autograd/define-op.ts";
import { DTypeError } from "../../errors.ts";
import { commonDType } from "../../require-tensor.ts";
import { Tensor } from "../../tensor.ts";
import { cast } from "../create/cast.ts";
import { sumTo } from "../shape/broadcast.ts";
import { notEqual } from "./compare.ts";
import type { Operand } from "./elementwise.ts";
import { applyBinary, mapTernary } from "./elementwise.ts";

const whereOp = defineOp<[Tensor, Tensor, Tensor]>({
  name: "where",
  forward: (condition, a, b) => {
    const dtype = commonDType("where", [a, b]);
    const mask = condition.dtype === dtype ? condition : cast(notEqual(condition, 0), dtype);
    return mapTernary("where", mask, a, b);
  },
  vjp: [
    null,
    (dy, _, condition, a) => sumTo(where(condition, dy, 0), a.shape),
    (dy, _, condition, _a, b) => sumTo(where(condition, 0, dy), b.shape),
  ],
});

/**
 * `a` where `condition` is not 0 (NaN counts as true), else `b`; all three broadcast. The condition may have any dtype
 * and has no gradient. Elements not chosen have gradient 0, even where they are infinite or NaN.
 *
 * @throws ShapeError if the shapes do not broadcast; DTypeError if `a` and `b` differ in dtype, or an argument is not a
 * tensor
 */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  if (!(condition instanceof Tensor)) {
    throw new DTypeError(`where: the condition is ${kindOf(condition)}, expected a tensor; compare with one`);
  }
  return applyBinary("where", (x, y) => whereOp(condition, x, y), a, b);
}
