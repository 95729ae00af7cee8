// Checks gradients against finite differences: for tests of new ops, here and in your own code.

import { withGrad } from "./autograd/define-op.ts";
import { gradOfSum } from "./autograd/tape.ts";
import { bytesPerElement } from "./dtype.ts";
import { GradientError, ValueError } from "./errors.ts";
import { heap } from "./memory/heap.ts";
import { checkOptions, optionNames } from "./options.ts";
import { rememberDraws } from "./random.ts";
import { scope } from "./scope.ts";
import { contiguousStrides, formatShape } from "./shape.ts";
import { Tensor } from "./tensor.ts";

/** How strictly `checkGrad` checks. */
export interface GradientCheckOptions {
  /** Half the distance between the two points of the central difference; default 1e-5. */
  step?: number;
  /** Largest relative error allowed; default 1e-6. */
  tolerance?: number;
  /** The name in errors. */
  name?: string;
  /** 2 also checks the gradient of the gradient; default 1. */
  order?: 1 | 2;
}

const gradientCheckOptions = optionNames<GradientCheckOptions>(
  { step: true, tolerance: true, name: true, order: true },
  { eps: "it is called step here" },
);

/** Central differences of `evaluate` over the elements of `x`, which are changed in place and restored. */
function centralDifferences(evaluate: () => number, x: Tensor, step: number): Float64Array {
  const elements = heap()[x.dtype];
  const start = x.address / bytesPerElement[x.dtype];
  const differences = new Float64Array(x.size);
  for (let i = 0; i < x.size; i++) {
    const place = position(i, x).reduce((at, index, axis) => at + index * x.strides[axis]!, start);
    const value = elements[place]!;
    elements[place] = value + step;
    const above = scope(evaluate);
    elements[place] = value - step;
    const below = scope(evaluate);
    elements[place] = value;
    differences[i] = (above - below) / (2 * step);
  }
  return differences;
}

/** Indices by axis of element `i` in row-major order. */
function position(i: number, { shape }: Tensor): number[] {
  return contiguousStrides(shape).map((stride, axis) => Math.floor(i / stride) % shape[axis]!);
}

/**
 * The gradient of the scalar `f(inputs)` with respect to one input by central differences,
 * `(f(x+h) - f(x-h)) / 2h` element by element. Costs two evaluations per element.
 */
export function numericalGrad(
  f: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  index: number,
  step = 1e-5,
): Float64Array {
  return centralDifferences(() => f(...inputs).item(), inputs[index]!, step);
}

/** Weights from 1 to 2 that differ between elements; they reduce any result to a scalar. */
function weight(i: number): number {
  return 1 + ((i * 0.618_033_988_749_895) % 1);
}

function weighted(y: Tensor): number {
  let total = 0;
  y.toArray().forEach((value, i) => {
    total += value * weight(i);
  });
  return total;
}

function weightsLike(y: Tensor): Tensor {
  return Tensor.allocate(y.shape, y.dtype, "checkGrad").copyFrom(
    Float64Array.from({ length: y.size }, (_, i) => weight(i)),
  );
}

/**
 * Checks the gradients of `f` with respect to all its float64 inputs against central differences. Sums the elements of
 * the result with different weights, so that each of them counts. With `order: 2`, checks the gradients of these
 * gradients likewise, with respect to the inputs and to the result's gradient (in which a rule must be linear). Inputs
 * may be views, but must not repeat elements. `f` may draw random numbers: it gets the same ones every time. Relative
 * error is `|a - n| / max(1, |a|, |n|)`.
 *
 * @throws GradientError at the first element beyond the tolerance, with both values
 * @throws ValueError if no input is float64, or one repeats elements
 */
export function checkGrad(
  f: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  options: GradientCheckOptions = {},
): void {
  checkOptions("checkGrad", options, gradientCheckOptions);
  const { step = 1e-5, tolerance = 1e-6, order = 1, name = f.name || "function" } = options;
  const checked = inputs.filter((x) => x.dtype === "float64");
  requireCheckable(checked);
  const check = () => {
    const { result: first, replay } = rememberDraws(() => f(...inputs));
    const dy = weightsLike(first);
    dy.requiresGrad = true;
    const variables = dy.dtype === "float64" ? [...checked, dy] : checked;
    const subject = `${name}${first.node ? ` (last op ${first.node.op})` : ""}`;
    const evaluate = () => replay(() => f(...inputs));
    const gradients = (createGraph: boolean) =>
      gradOfSum("checkGrad", [{ result: evaluate(), gradient: dy }], checked, { createGraph });
    const secondGradients = () => {
      const roots = gradients(true).flatMap((result) =>
        result ? [{ result, gradient: weightsLike(result) }] : [],
      );
      return gradOfSum("checkGrad", roots, variables);
    };
    const compare = (kind: string, xs: Tensor[], analytic: () => (Tensor | null)[], value: () => number) =>
      scope(() => {
        const found = analytic();
        xs.forEach((x, i) => {
          const place = inputs.includes(x) ? `input ${inputs.indexOf(x)}` : "by the result's gradient";
          const differences = centralDifferences(value, x, step);
          requireClose(`${subject}, ${kind}, ${place}`, x, found[i], differences, tolerance);
        });
      });
    const total = (ys: (Tensor | null)[]) => ys.reduce((sum, y) => sum + (y ? weighted(y) : 0), 0);
    compare(
      "first order",
      checked,
      () => gradients(false),
      () => total([evaluate()]),
    );
    if (order === 1) return;
    compare("second order", variables, secondGradients, () => total(gradients(false)));
  };
  const required = checked.map((x) => x.requiresGrad);
  for (const x of checked) x.requiresGrad = true;
  try {
    withGrad(true, () => scope(check));
  } finally {
    checked.forEach((x, i) => {
      x.requiresGrad = required[i]!;
    });
  }
}

/** Throws at the first element of the gradient of `x` that is too far from its finite difference. */
function requireClose(
  subject: string,
  x: Tensor,
  gradient: Tensor | null | undefined,
  differences: Float64Array,
  tolerance: number,
): void {
  const found = gradient?.toArray() ?? new Float64Array(x.size);
  differences.forEach((n, element) => {
    const a = found[element]!;
    const error = Math.abs(a - n) / Math.max(1, Math.abs(a), Math.abs(n));
    if (error <= tolerance) return;
    throw new GradientError(
      `checkGrad: ${subject} of shape ${formatShape(x.shape)}, element ${formatShape(position(element, x))}: ` +
        `gradient ${a}, finite difference ${n} (relative error ${error.toExponential(1)}, allowed ${tolerance})`,
    );
  });
}

function requireCheckable(inputs: readonly Tensor[]): void {
  if (inputs.length === 0) {
    throw new ValueError("checkGrad: no input is float64, so there is nothing to check; make one float64");
  }
  for (const { shape, strides, size } of inputs) {
    if (size > 0 && strides.some((stride, axis) => stride === 0 && shape[axis]! > 1)) {
      throw new ValueError(
        `checkGrad: an input of shape ${formatShape(shape)} repeats elements (expand), which cannot be changed one by one; expand it inside the function`,
      );
    }
  }
}
