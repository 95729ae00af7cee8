// Functions of single elements: `y[i] = f(x[i])`, each with its `dx = dy * f'(x)`. Powers are in power.ts, activations
// in ../activations/activations.ts.
import { defineOp } from "../../autograd/define-op.ts";
import type { UnaryKernels } from "../../kernels/table.ts";
import { requireFloat } from "../../require-tensor.ts";
import type { Tensor } from "../../tensor.ts";
import { add, div, mul, neg, sub } from "./arithmetic.ts";
import { greater, less } from "./compare.ts";
import { mapUnary } from "./elementwise.ts";

type Rule = ((dy: Tensor, y: Tensor, x: Tensor) => Tensor) | null;

const anyNumber = (kernel: keyof UnaryKernels, rule: Rule): ((x: Tensor) => Tensor) =>
  defineOp<[Tensor]>({ name: kernel, forward: (x) => mapUnary(kernel, x), vjp: [rule] });

/** A function with fractional results, which therefore refuses integers. */
const floatOnly = (kernel: keyof UnaryKernels, rule: Rule): ((x: Tensor) => Tensor) => {
  const op = anyNumber(kernel, rule);
  return (x) => {
    requireFloat(kernel, x);
    return op(x);
  };
};

/** 1 or -1 with the sign of x; keeps 0 and NaN. No gradient: it is 0 wherever it exists. */
export const sign = anyNumber("sign", null);

/** `|x|`; the gradient at 0 and at NaN is 0, as in PyTorch. */
export const abs = anyNumber("abs", (dy, _, x) => mul(dy, sub(greater(x, 0), less(x, 0))));

/** `x²` */
export const square = anyNumber("square", (dy, _, x) => mul(dy, mul(x, 2)));

/** `1 / x` */
export const reciprocal = floatOnly("reciprocal", (dy, y) => neg(mul(dy, square(y))));

/** Square root. */
export const sqrt = floatOnly("sqrt", (dy, y) => div(dy, mul(y, 2)));

/** `1 / √x` */
export const rsqrt = floatOnly("rsqrt", (dy, y) => mul(dy, mul(mul(square(y), y), -0.5)));

/** `e^x` */
export const exp = floatOnly("exp", (dy, y) => mul(dy, y));

/** `e^x - 1`, exact near 0. */
export const expm1 = floatOnly("expm1", (dy, y) => mul(dy, add(y, 1)));

/** Natural logarithm. */
export const log = floatOnly("log", (dy, _, x) => div(dy, x));

/** `log(1 + x)`, exact near 0. */
export const log1p = floatOnly("log1p", (dy, _, x) => div(dy, add(x, 1)));

/** Sine of an angle in radians. */
export const sin = floatOnly("sin", (dy, _, x): Tensor => mul(dy, cos(x)));

/** Cosine of an angle in radians. */
export const cos = floatOnly("cos", (dy, _, x): Tensor => neg(mul(dy, sin(x))));

/** The error function, `2/√π ∫ exp(-t²) dt` from 0 to x. */
export const erf = floatOnly("erf", (dy, _, x) => mul(dy, mul(exp(neg(square(x))), 2 / Math.sqrt(Math.PI))));
