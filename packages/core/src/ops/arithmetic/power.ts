// Powers with any exponent, a tensor or a number.
import { defineOp } from "../../autograd/define-op.ts";
import { isFloat } from "../../dtype.ts";
import { DTypeError } from "../../errors.ts";
import type { UnaryKernels } from "../../kernels/table.ts";
import { Tensor } from "../../tensor.ts";
import { full } from "../create/create.ts";
import { sumTo } from "../shape/broadcast.ts";
import { mul, sub } from "./arithmetic.ts";
import { equal, greaterEqual } from "./compare.ts";
import type { Operand } from "./elementwise.ts";
import { applyBinary, mapBinary, mapUnary } from "./elementwise.ts";
import { log } from "./unary.ts";
import { where } from "./where.ts";

const powOp = defineOp<[Tensor, Tensor]>({
  name: "pow",
  forward: (a, b) => mapBinary("pow", a, b),
  vjp: [
    (dy, _, a, b) => {
      // x^0 is 1, constant in x; the general rule would give NaN where x^-1 is infinite or NaN.
      const constant = equal(b, 0);
      const slope = mul(b, pow(where(constant, 1, a), sub(b, 1)));
      return sumTo(where(constant, 0, mul(dy, slope)), a.shape);
    },
    (dy, y, a, b) => {
      // The gradient of 0^b by b is 0 for b ≥ 0, as in PyTorch; the formula would compute 0 · log 0, which is NaN.
      const base = where(mul(equal(a, 0), greaterEqual(b, 0)), 1, a);
      return sumTo(mul(dy, mul(y, log(base))), b.shape);
    },
  ],
});

/** Exponents with their own kernel. */
const direct: Readonly<Record<number, keyof UnaryKernels>> = {
  [-1]: "reciprocal",
  [-0.5]: "rsqrt",
  0.5: "sqrt",
};

/** `x` to an integer power from 1 on, by repeated squaring. */
function wholePower(x: Tensor, exponent: number): Tensor {
  if (exponent === 1) return x;
  const even = mapUnary("square", wholePower(x, Math.floor(exponent / 2)));
  return exponent % 2 === 0 ? even : mapBinary("mul", even, x);
}

const powNumberOp = defineOp<[Tensor], number>({
  name: "pow",
  forward: (x, exponent) => {
    const kernel = direct[exponent];
    if (kernel) return mapUnary(kernel, x);
    // A few products are faster than the kernel, and differ by at most a few ulps.
    if (Number.isInteger(exponent) && exponent > 1 && exponent <= 8) return wholePower(x, exponent);
    return applyBinary("pow", (a, b) => mapBinary("pow", a, b), x, exponent);
  },
  vjp: [
    (dy, _, x, exponent): Tensor => {
      if (exponent === 0) return full(x.shape, 0, { dtype: x.dtype });
      if (exponent === 1) return dy;
      return mul(dy, mul(exponent === 2 ? x : powNumberOp(x, exponent - 1), exponent));
    },
  ],
});

/**
 * `base` to the power of `exponent`, broadcast. A negative base with a fractional exponent gives NaN. If the exponent
 * is a number, the gradient is right for any base. Anything to the power of 0 is 1.
 *
 * @throws ShapeError, DTypeError; also for integers to a negative or fractional power
 */
export function pow(base: Operand, exponent: Operand): Tensor {
  if (!(base instanceof Tensor) || typeof exponent !== "number") {
    return applyBinary("pow", powOp, base, exponent);
  }
  if (!isFloat(base.dtype) && !(Number.isInteger(exponent) && exponent >= 0)) {
    throw new DTypeError(
      `pow: got ${base.dtype} to the power of ${exponent}, expected an integer from 0 on; cast the base to a float dtype`,
    );
  }
  return powNumberOp(base, exponent);
}
