// Activation functions. Each is one kernel, and so is its gradient `dx = dy * slope`. The gradient is an op itself,
// linear in dy. A rule in ops covers what the slope depends on, so it can be differentiated again. Formulas and
// defaults are those of torch.nn.functional.

import { defineOp } from "../../autograd/define-op.ts";
import { isFloat, typedArrayOf } from "../../dtype.ts";
import { DTypeError, ValueError } from "../../errors.ts";
import { activationKernels } from "../../kernels/families.ts";
import type { ActivationName } from "../../kernels/table.ts";
import { checkOptions, optionNames } from "../../options.ts";
import { requireFloat, requireTensor } from "../../require-tensor.ts";
import { contiguous, Tensor } from "../../tensor.ts";
import { add, mul, sub } from "../arithmetic/arithmetic.ts";
import { greater, lessEqual } from "../arithmetic/compare.ts";
import { exp, square } from "../arithmetic/unary.ts";
import { where } from "../arithmetic/where.ts";

/** The kernel's two parameters. */
type Parameters = readonly [p: number, q: number];

/** The slope's derivative by what it is computed from; null where it is 0 almost everywhere. */
type Curvature = ((s: Tensor, p: number, q: number) => Tensor) | null;

/** @param from whether the gradient kernel computes the slope from the output y or from the input x */
function activation(kernel: ActivationName, from: "x" | "y", curvature: Curvature) {
  const slopeKernel = `${kernel}Grad` as const;

  const timesSlope = defineOp<[Tensor, Tensor], Parameters>({
    name: slopeKernel,
    forward: (dy, s, [p, q]) => {
      const dx = Tensor.allocate(s.shape, s.dtype, slopeKernel);
      const run = activationKernels(s.dtype)[slopeKernel];
      run(s.size, contiguous(dy).address, contiguous(s).address, dx.address, p, q);
      return dx;
    },
    vjp: [
      (dz, _, _dy, s, parameters): Tensor => timesSlope(dz, s, parameters),
      curvature && ((dz, _, dy, s, [p, q]) => mul(mul(dz, dy), curvature(s, p, q))),
    ],
  });

  const op = defineOp<[Tensor], Parameters>({
    name: kernel,
    forward: (x, [p, q]) => {
      const y = Tensor.allocate(x.shape, x.dtype, kernel);
      activationKernels(x.dtype)[kernel](x.size, contiguous(x).address, y.address, p, q);
      return y;
    },
    vjp: [(dy, y, x, parameters) => timesSlope(dy, from === "y" ? y : x, parameters)],
  });
  return (x: Tensor, p = 0, q = 0): Tensor => op(x, [p, q]);
}

/** The same for functions that make no sense for integers. */
function floatActivation(kernel: ActivationName, from: "x" | "y", curvature: Curvature) {
  const op = activation(kernel, from, curvature);
  return (x: Tensor, p = 0, q = 0): Tensor => {
    requireFloat(kernel, x);
    return op(x, p, q);
  };
}

const reluOp = activation("relu", "y", null);
const clampOp = activation("clamp", "x", null);
const leakyReluOp = floatActivation("leakyRelu", "x", null);
const tanhOp = floatActivation("tanh", "y", (y) => mul(y, -2));
const sigmoidOp = floatActivation("sigmoid", "y", (y) => sub(1, mul(y, 2)));

const eluOp = floatActivation("elu", "x", (x, alpha) =>
  where(lessEqual(x, 0), mul(exp(clampOp(x, Number.NaN, 0)), alpha), 0),
);

const softplusOp = floatActivation("softplus", "x", (x, beta, threshold) => {
  const s = sigmoidOp(mul(x, beta));
  return where(greater(mul(x, beta), threshold), 0, mul(mul(s, sub(1, s)), beta));
});

const siluOp = floatActivation("silu", "x", (x) => {
  const s = sigmoidOp(x);
  return mul(mul(s, sub(1, s)), add(mul(x, sub(1, mul(s, 2))), 2));
});

/** dy times Φ(x) + x φ(x). The result y = x Φ(x) only saves work in the kernel; the derivative treats it as a function of x. */
const geluGradOp = defineOp<[dy: Tensor, x: Tensor, y: Tensor]>({
  name: "geluGrad",
  forward: (dy, x, y) => {
    const dx = Tensor.allocate(x.shape, x.dtype, "geluGrad");
    const [given, at, value] = [contiguous(dy), contiguous(x), contiguous(y)];
    activationKernels(x.dtype).geluGrad(x.size, given.address, at.address, value.address, dx.address);
    return dx;
  },
  vjp: [
    (dz, _, _dy, x, y): Tensor => geluGradOp(dz, x, y),
    // The slope's derivative is φ(x) (2 - x²).
    (dz, _, dy, x) => {
      const squared = square(x);
      const density = mul(exp(mul(squared, -0.5)), 1 / Math.sqrt(2 * Math.PI));
      return mul(mul(dz, dy), mul(density, sub(2, squared)));
    },
    null,
  ],
});

const geluOp = defineOp<[x: Tensor]>({
  name: "gelu",
  forward: (x) => {
    const y = Tensor.allocate(x.shape, x.dtype, "gelu");
    activationKernels(x.dtype).gelu(x.size, contiguous(x).address, y.address);
    return y;
  },
  vjp: [(dy, y, x) => geluGradOp(dy, x, y)],
});

/** With t = tanh u, u = c (x + a x³): (1 - t²) (c + 6 a c x² - x t u'²). */
const geluTanhOp = floatActivation("geluTanh", "x", (x) => {
  const a = 0.044715;
  const c = Math.sqrt(2 / Math.PI);
  const squared = square(x);
  const t = tanhOp(mul(mul(x, c), add(mul(squared, a), 1)));
  const slopeOfU = mul(add(mul(squared, 3 * a), 1), c);
  const bend = sub(add(mul(squared, 6 * a * c), c), mul(mul(x, t), square(slopeOfU)));
  return mul(sub(1, square(t)), bend);
});

/** `max(x, 0)`; the gradient is 0 at 0 and passes at NaN, as in PyTorch. */
export function relu(x: Tensor): Tensor {
  return reluOp(x);
}

export const leakyReluOptions = optionNames<{ negativeSlope?: number }>({ negativeSlope: true });

/** x where positive, else `negativeSlope * x` (default 0.01). */
export function leakyRelu(x: Tensor, options: { negativeSlope?: number } = {}): Tensor {
  checkOptions("leakyRelu", options, leakyReluOptions);
  return leakyReluOp(x, options.negativeSlope ?? 0.01);
}

export const eluOptions = optionNames<{ alpha?: number }>({ alpha: true });

/** x where positive, else `alpha (e^x - 1)` (default 1). https://arxiv.org/abs/1511.07289 */
export function elu(x: Tensor, options: { alpha?: number } = {}): Tensor {
  checkOptions("elu", options, eluOptions);
  return eluOp(x, options.alpha ?? 1);
}

export const softplusOptions = optionNames<{ beta?: number; threshold?: number }>({
  beta: true,
  threshold: true,
});

/** `log(1 + e^(beta x)) / beta`, and x itself where `beta x > threshold`; defaults 1 and 20. */
export function softplus(x: Tensor, options: { beta?: number; threshold?: number } = {}): Tensor {
  checkOptions("softplus", options, softplusOptions);
  return softplusOp(x, options.beta ?? 1, options.threshold ?? 20);
}

/** Hyperbolic tangent. */
export function tanh(x: Tensor): Tensor {
  return tanhOp(x);
}

/** `1 / (1 + e^-x)` */
export function sigmoid(x: Tensor): Tensor {
  return sigmoidOp(x);
}

/** `x sigmoid(x)`, also called swish. https://arxiv.org/abs/1606.08415 */
export function silu(x: Tensor): Tensor {
  return siluOp(x);
}

export const geluOptions = optionNames<{ approximate?: "none" | "tanh" }>({ approximate: true });

/**
 * `x Φ(x)` with the normal distribution `Φ(x) = (1 + erf(x/√2)) / 2`, or, with `approximate: "tanh"`,
 * `Φ(x) ≈ (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2`. https://arxiv.org/abs/1606.08415
 */
export function gelu(x: Tensor, options: { approximate?: "none" | "tanh" } = {}): Tensor {
  requireFloat("gelu", x);
  checkOptions("gelu", options, geluOptions);
  return options.approximate === "tanh" ? geluTanhOp(x) : geluOp(x);
}

/** The bound for the kernel: NaN for none. */
function checkBound(x: Tensor, name: "min" | "max", bound: number | undefined): number {
  if (bound === undefined) return Number.NaN;
  if (Number.isNaN(bound)) throw new ValueError(`clamp: ${name} is NaN, expected a number`);
  if (!isFloat(x.dtype) && new typedArrayOf[x.dtype]([bound])[0] !== bound) {
    throw new DTypeError(
      `clamp: ${name} is ${bound} for a tensor of dtype ${x.dtype}, which cannot hold it; cast the tensor to a float dtype`,
    );
  }
  return bound;
}

const clampOptions = optionNames<{ min?: number; max?: number }>({ min: true, max: true });

/**
 * x, but at least `min` and at most `max` (`max` if they cross). The gradient passes only strictly inside, as in
 * PyTorch 2.15: at a bound and at NaN it is 0.
 *
 * @throws ValueError if neither bound is given, or one is NaN; DTypeError if x has integers and a bound is not one
 */
export function clamp(x: Tensor, bounds: { min?: number; max?: number }): Tensor {
  requireTensor("clamp", x);
  checkOptions("clamp", bounds, clampOptions);
  const { min, max } = bounds;
  if (min === undefined && max === undefined) {
    throw new ValueError("clamp: got neither min nor max, expected at least one of them");
  }
  return clampOp(x, checkBound(x, "min", min), checkBound(x, "max", max));
}
