// Coordinate search: move one weight at a time, and keep the move if the loss falls.
import { checkOptions, optionNames } from "../options.ts";
import { Tensor } from "../tensor.ts";
import type { GradientEstimator } from "./estimator.ts";
import { defineEstimator, requirePositive } from "./estimator.ts";

/** Options of `coordinateSearch`. */
export interface CoordinateSearchOptions {
  /** How far a weight is moved; default 0.001. */
  stepSize?: number;
}

const coordinateSearchOptions = optionNames<CoordinateSearchOptions>({ stepSize: true });

/**
 * For each element in turn, tries `x + h` and, if the loss does not fall, `x - h`; keeps what lowers the loss for the
 * next elements. The "gradient" is the way back divided by `h`, each element -1, 0 or 1, so that `new SGD(parameters, {
 * lr: h })` ends where the search did. For small `h` it is the sign of the gradient. Costs `n + 1` to `2n + 1`
 * evaluations for `n` elements. Hooke and Jeeves 1961, https://doi.org/10.1145/321062.321069.
 *
 * @throws ValueError for a step size that is not positive
 */
export function coordinateSearch(options: CoordinateSearchOptions = {}): GradientEstimator {
  checkOptions("coordinateSearch", options, coordinateSearchOptions);
  const { stepSize = 1e-3 } = options;
  requirePositive("coordinateSearch", "stepSize", stepSize);
  return defineEstimator("coordinateSearch", ({ parameters, evaluate }) => {
    const loss = evaluate();
    let best = loss;
    const start = parameters.map((parameter) => parameter.toArray());
    try {
      const gradients = parameters.map((parameter) => {
        const gradient = Tensor.allocate(parameter.shape, parameter.dtype, "gradient");
        const [x, g] = [parameter.data(), gradient.data()];
        for (let i = 0; i < x.length; i++) {
          const before = x[i]!;
          const kept = [1, -1].find((sign) => {
            x[i] = before + sign * stepSize;
            const there = evaluate();
            if (!(there < best)) return false;
            best = there;
            return true;
          });
          if (kept === undefined) x[i] = before;
          g[i] = kept ? -kept : 0;
        }
        return gradient;
      });
      return { gradients, loss };
    } finally {
      parameters.forEach((parameter, p) => {
        parameter.copyFrom(start[p]!);
      });
    }
  });
}
