// Simultaneous perturbation: all weights at once, in two evaluations, however many there are.
import { checkOptions, optionNames } from "../options.ts";
import type { GradientEstimator } from "./estimator.ts";
import { defineSharedEstimator, meanOf, requireCount, requirePositive } from "./estimator.ts";
import { combineDirections, lossesOnBothSides, randomDirections } from "./perturbation.ts";

/** Options of `spsa`. */
export interface SPSAOptions {
  /** Decides all directions, together with the step. */
  seed: number;
  /** Half the distance between the two points, for each element; default 0.001. */
  perturbation?: number;
  /** Directions to average over; default 1. */
  samples?: number;
}

const spsaOptions = optionNames<SPSAOptions>({ seed: true, perturbation: true, samples: true });

/**
 * `(f(x + cΔ) - f(x - cΔ)) / 2c · Δ` with random `Δ = ±1`, for which division and multiplication are the same. Unbiased
 * except for the curvature within `c`. Costs two evaluations per sample. Spall 1992, https://doi.org/10.1109/9.119632.
 *
 * @throws ValueError for an option out of range
 */
export function spsa(options: SPSAOptions): GradientEstimator {
  checkOptions("spsa", options, spsaOptions);
  const { seed, perturbation = 1e-3, samples = 1 } = options;
  requirePositive("spsa", "perturbation", perturbation);
  requireCount("spsa", "samples", samples);
  return defineSharedEstimator("spsa", {
    settings: { seed, perturbation, samples },
    count: () => 2 * samples,
    measure({ parameters, step, evaluate }) {
      const directions = randomDirections(parameters, "sign", { seed, step });
      return lossesOnBothSides(parameters, directions, samples, perturbation, evaluate);
    },
    lossOf: meanOf,
    gradients(parameters, step, losses) {
      const directions = randomDirections(parameters, "sign", { seed, step });
      const factors = Array.from(
        { length: samples },
        (_, sample) => (losses[2 * sample]! - losses[2 * sample + 1]!) / (2 * perturbation * samples),
      );
      return combineDirections(parameters, directions, factors);
    },
  });
}
