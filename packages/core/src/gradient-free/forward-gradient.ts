// Forward gradients: the exact slope along a random direction, and that direction.

import { checkOptions, optionNames } from "../options.ts";
import { directionalDerivative } from "./directional-derivative.ts";
import type { GradientEstimator } from "./estimator.ts";
import { defineSharedEstimator, requireCount } from "./estimator.ts";
import { combineDirections, randomDirections } from "./perturbation.ts";

/** Options of `forwardGradient`. */
export interface ForwardGradientOptions {
  /** Decides all directions, together with the step. */
  seed: number;
  /** Directions to average over; default 1. */
  samples?: number;
}

const forwardGradientOptions = optionNames<ForwardGradientOptions>({ seed: true, samples: true });

/**
 * `(∇f · v) v` with a random normal `v`: unbiased. The slope `∇f · v` is a single number from a forward pass. Costs one
 * evaluation per sample. Baydin et al., https://arxiv.org/abs/2202.08587.
 *
 * @throws ValueError for an option out of range
 */
export function forwardGradient(options: ForwardGradientOptions): GradientEstimator {
  checkOptions("forwardGradient", options, forwardGradientOptions);
  const { seed, samples = 1 } = options;
  requireCount("forwardGradient", "samples", samples);
  return defineSharedEstimator("forwardGradient", {
    settings: { seed, samples },
    // The loss, and the slopes.
    count: () => 1 + samples,
    measure({ parameters, step, record }) {
      const directions = randomDirections(parameters, "normal", { seed, step });
      const found = Array.from({ length: samples }, (_, sample) =>
        directionalDerivative(record, parameters, directions(sample)),
      );
      return [found[0]!.value, ...found.map(({ slope }) => slope)];
    },
    lossOf: (numbers) => numbers[0]!,
    gradients(parameters, step, numbers) {
      const directions = randomDirections(parameters, "normal", { seed, step });
      return combineDirections(
        parameters,
        directions,
        Array.from(numbers)
          .slice(1)
          .map((slope) => slope / samples),
      );
    },
  });
}
