// The gradient one element at a time: exact enough to check any other method, and far too slow for anything else.

import type { DType } from "../dtype.ts";
import { checkOptions, optionNames } from "../options.ts";
import { Tensor } from "../tensor.ts";
import type { GradientEstimator } from "./estimator.ts";
import { defineSharedEstimator, requirePositive } from "./estimator.ts";

/** Options of `finiteDifferences`. */
export interface FiniteDifferencesOptions {
  /** `(f(x+h) - f(x)) / h`, or `(f(x+h) - f(x-h)) / 2h`; default "central". */
  scheme?: "forward" | "central";
  /** h for elements up to 1, relative beyond. By default the power of the dtype's precision with the least error. */
  stepSize?: number;
}

const finiteDifferencesOptions = optionNames<FiniteDifferencesOptions>({ scheme: true, stepSize: true });

/** Distance from 1 to the next number. */
const epsilon: Partial<Record<DType, number>> = { float32: 2 ** -23, float64: 2 ** -52 };

/**
 * Differences of the loss along each axis. `n` parameters cost `n + 1` evaluations forward, and `2n + 1` central. The
 * best `h` balances the rounding of the loss against its curvature: √ε forward, ∛ε central
 * (https://doi.org/10.1007/978-0-387-40065-5, section 8.1).
 *
 * @throws ValueError for a step size that is not positive
 */
export function finiteDifferences(options: FiniteDifferencesOptions = {}): GradientEstimator {
  checkOptions("finiteDifferences", options, finiteDifferencesOptions);
  const { scheme = "central", stepSize } = options;
  const name = `finiteDifferences (${scheme})`;
  if (stepSize !== undefined) requirePositive(name, "stepSize", stepSize);
  const sides = scheme === "forward" ? [1] : [1, -1];
  /** How far each element of a parameter is moved, before rounding. */
  const distancesOf = ({ dtype }: Tensor) => {
    const precision = epsilon[dtype]!;
    const unit = stepSize ?? (scheme === "forward" ? Math.sqrt(precision) : Math.cbrt(precision));
    return (x: number) => unit * Math.max(1, Math.abs(x));
  };
  return defineSharedEstimator(name, {
    settings: { scheme, stepSize: stepSize ?? "by dtype" },
    // The loss, and that of each element on one side or on both.
    count: (elements) => 1 + sides.length * elements,
    measure({ parameters, evaluate }) {
      const losses = [evaluate()];
      for (const parameter of parameters) {
        const x = parameter.data();
        const distanceAt = distancesOf(parameter);
        for (let i = 0; i < x.length; i++) {
          const before = x[i]!;
          try {
            for (const side of sides) {
              x[i] = before + side * distanceAt(before);
              losses.push(evaluate());
            }
          } finally {
            x[i] = before;
          }
        }
      }
      return losses;
    },
    lossOf: (losses) => losses[0]!,
    gradients(parameters, _step, losses) {
      let next = 1;
      return parameters.map((parameter) => {
        const gradient = Tensor.allocate(parameter.shape, parameter.dtype, "gradient");
        const [x, g] = [parameter.data(), gradient.data()];
        const distanceAt = distancesOf(parameter);
        const round = parameter.dtype === "float32" ? Math.fround : Number;
        for (let i = 0; i < x.length; i++) {
          const here = x[i]!;
          const h = distanceAt(here);
          const above = round(here + h);
          const [below, lossBelow] =
            scheme === "forward" ? [here, losses[0]!] : [round(here - h), losses[next + 1]!];
          g[i] = (losses[next]! - lossBelow) / (above - below);
          next += sides.length;
        }
        return gradient;
      });
    },
  });
}
