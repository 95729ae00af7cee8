// Evolution strategies: the weights move towards the better members of a population around them.

import { ValueError } from "../errors.ts";
import { checkOptions, optionNames } from "../options.ts";
import type { GradientEstimator } from "./estimator.ts";
import { defineSharedEstimator, meanOf, requireCount, requirePositive } from "./estimator.ts";
import { combineDirections, lossesOnBothSides, randomDirections } from "./perturbation.ts";

/** Options of `evolutionStrategies`. */
export interface EvolutionStrategiesOptions {
  /** Decides all directions, together with the step. */
  seed: number;
  /** Losses per estimate, two for each direction; default 64. */
  population?: number;
  /** Standard deviation of the population around the weights; default 0.02. */
  sigma?: number;
  /** Whether losses count by rank, which resists outliers, or by value; default "ranks". */
  shaping?: "ranks" | "none";
}

const evolutionStrategiesOptions = optionNames<EvolutionStrategiesOptions>({
  seed: true,
  population: true,
  sigma: true,
  shaping: true,
});

/**
 * `1/(N σ) · sum over i of (u(f(x + σεᵢ)) - u(f(x - σεᵢ))) εᵢ` over N/2 normal directions `ε`. Without shaping `u(f) =
 * f`, and the estimate of the gradient of the population-averaged loss is unbiased. With shaping, `u` is the rank of
 * the loss among all, from -½ to ½, so only the direction has a meaning, not the length. Costs N evaluations. Salimans
 * et al., https://arxiv.org/abs/1703.03864.
 *
 * @throws ValueError for an option out of range
 */
export function evolutionStrategies(options: EvolutionStrategiesOptions): GradientEstimator {
  checkOptions("evolutionStrategies", options, evolutionStrategiesOptions);
  const { seed, population = 64, sigma = 0.02, shaping = "ranks" } = options;
  requireCount("evolutionStrategies", "population", population);
  requirePositive("evolutionStrategies", "sigma", sigma);
  if (population % 2 !== 0) {
    throw new ValueError(
      `evolutionStrategies: population is ${population}, expected an even number; losses come in pairs`,
    );
  }
  const pairs = population / 2;
  return defineSharedEstimator("evolutionStrategies", {
    settings: { seed, population, sigma, shaping },
    count: () => population,
    measure({ parameters, step, evaluate }) {
      const directions = randomDirections(parameters, "normal", { seed, step });
      return lossesOnBothSides(parameters, directions, pairs, sigma, evaluate);
    },
    lossOf: meanOf,
    gradients(parameters, step, losses) {
      const directions = randomDirections(parameters, "normal", { seed, step });
      const values = shaping === "ranks" ? centredRanks(Array.from(losses)) : losses;
      const factors = Array.from(
        { length: pairs },
        (_, pair) => (values[2 * pair]! - values[2 * pair + 1]!) / (population * sigma),
      );
      return combineDirections(parameters, directions, factors);
    },
  });
}

/** The rank of each value, from -½ to ½; ties share the mean of their ranks. NaN ranks highest. */
export function centredRanks(values: readonly number[]): number[] {
  const sortable = values.map((value) => (Number.isNaN(value) ? Number.POSITIVE_INFINITY : value));
  const order = sortable
    .map((_, i) => i)
    .sort((a, b) => (sortable[a]! < sortable[b]! ? -1 : sortable[a]! > sortable[b]! ? 1 : 0));
  const ranks = new Array<number>(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && sortable[order[end]!] === sortable[order[start]!]) end++;
    for (let i = start; i < end; i++)
      ranks[order[i]!] = (start + end - 1) / 2 / Math.max(1, values.length - 1) - 0.5;
    start = end;
  }
  return ranks;
}
