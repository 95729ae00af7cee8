// The gradient one element at a time: exact enough to check any other method, and far too slow for anything else.

import type { DType } from "../dtype.ts";
import { checkOptions, optionNames } from "../options.ts";
import { Tensor } from "../tensor.ts";
import type { GradientEstimator } from "./estimator.ts";
import { defineEstimator, requirePositive } from "./estimator.ts";

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
  return defineEstimator(name, ({ parameters, evaluate }) => {
    const loss = evaluate();
    const gradients = parameters.map((parameter) => {
      const gradient = Tensor.allocate(parameter.shape, parameter.dtype, "gradient");
      const [x, g] = [parameter.data(), gradient.data()];
      const precision = epsilon[parameter.dtype]!;
      const unit = stepSize ?? (scheme === "forward" ? Math.sqrt(precision) : Math.cbrt(precision));
      /** The rounded element, and the loss there. */
      const look = (i: number, value: number): [place: number, loss: number] => {
        const before = x[i]!;
        x[i] = value;
        try {
          return [x[i]!, evaluate()];
        } finally {
          x[i] = before;
        }
      };
      for (let i = 0; i < x.length; i++) {
        const h = unit * Math.max(1, Math.abs(x[i]!));
        const [above, lossAbove] = look(i, x[i]! + h);
        const [below, lossBelow] = scheme === "forward" ? [x[i]!, loss] : look(i, x[i]! - h);
        g[i] = (lossAbove - lossBelow) / (above - below);
      }
      return gradient;
    });
    return { gradients, loss };
  });
}
