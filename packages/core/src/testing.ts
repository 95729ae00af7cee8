// Checking gradients against finite differences: for tests of new ops, here and in other people's code.
import { GradientError } from "./errors.ts";
import { mul } from "./ops/arithmetic.ts";
import { sum } from "./ops/broadcast.ts";
import { scope } from "./scope.ts";
import { formatShape } from "./shape.ts";
import { grad } from "./tape.ts";
import { Tensor } from "./tensor.ts";

export interface GradientCheckOptions {
  /** Half the distance of the two points of the central difference; 1e-5 if absent. */
  step?: number;
  /** Largest relative error allowed; 1e-6 if absent. */
  tolerance?: number;
  /** Named in the error. */
  name?: string;
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
  const x = inputs[index]!.data();
  const gradient = new Float64Array(x.length);
  // Recorded, although no one asks for it here: `f` may itself call `grad`.
  const evaluate = () => scope(() => f(...inputs).item());
  for (let i = 0; i < x.length; i++) {
    const value = x[i]!;
    x[i] = value + step;
    const above = evaluate();
    x[i] = value - step;
    const below = evaluate();
    x[i] = value;
    gradient[i] = (above - below) / (2 * step);
  }
  return gradient;
}

/**
 * Checks the gradients of `f` with respect to all its float64 inputs against central differences. A result that is
 * not a scalar is reduced with fixed weights first, so that every element of its gradient counts.
 * Relative error is `|a - n| / max(1, |a|, |n|)`.
 *
 * @throws GradientError at the first element beyond the tolerance, with both values
 */
export function checkGrad(
  f: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  options: GradientCheckOptions = {},
): void {
  const { step = 1e-5, tolerance = 1e-6, name = f.name || "function" } = options;
  const objective = (...args: Tensor[]) => {
    const y = f(...args);
    return y.size === 1 ? y : sum(mul(y, weightsLike(y)));
  };
  scope(() => {
    const checked = inputs.map((x, index) => ({ x, index })).filter(({ x }) => x.dtype === "float64");
    for (const { x } of checked) x.requiresGrad = true;
    const gradients = grad(
      objective(...inputs),
      checked.map(({ x }) => x),
    );
    checked.forEach(({ x, index }, i) => {
      const analytic = gradients[i]?.toArray() ?? new Float64Array(x.size);
      const numeric = numericalGrad(objective, inputs, index, step);
      for (let element = 0; element < numeric.length; element++) {
        const a = analytic[element]!;
        const n = numeric[element]!;
        const error = Math.abs(a - n) / Math.max(1, Math.abs(a), Math.abs(n));
        if (!(error <= tolerance)) {
          throw new GradientError(
            `checkGrad: ${name}, input ${index} of shape ${formatShape(x.shape)}, element ${element}: ` +
              `gradient ${a}, finite difference ${n} (relative error ${error.toExponential(1)}, allowed ${tolerance})`,
          );
        }
      }
    });
  });
}

/** Weights that differ from element to element, none of them 0. */
function weightsLike(y: Tensor): Tensor {
  const weights = Tensor.allocate(y.shape, y.dtype, "checkGrad");
  const data = weights.data();
  for (let i = 0; i < data.length; i++) data[i] = 0.5 + ((i * 0.618_033_988_749_895) % 1);
  return weights;
}
