// Question 3: the methods without backpropagation against backpropagation, on the same network and the same data.
import type { GradientEstimator } from "@shardgrad/core";
import {
  backpropagation,
  coordinateSearch,
  evolutionStrategies,
  finiteDifferences,
  forwardGradient,
  scope,
  spsa,
} from "@shardgrad/core";
import { descend, lossNow, spiralProblem } from "./networks.ts";
import { gradientBy } from "./one-by-one.ts";
import { cosine } from "./vectors.ts";

const seed = 5;

/** A method, and the learning rates that it may try. */
export interface Contender {
  name: string;
  /** The estimator for a learning rate: a coordinate search moves by it. */
  make: (lr: number) => GradientEstimator;
  lrs: readonly number[];
}

export const contenders: readonly Contender[] = [
  { name: "backpropagation", make: () => backpropagation(), lrs: [0.1, 0.3, 1] },
  { name: "forward gradients", make: () => forwardGradient({ seed }), lrs: [0.003, 0.01, 0.03] },
  { name: "SPSA", make: () => spsa({ seed }), lrs: [0.003, 0.01, 0.03] },
  {
    name: "evolution strategies",
    make: () => evolutionStrategies({ seed, population: 32, sigma: 0.05, shaping: "none" }),
    lrs: [0.03, 0.1, 0.3],
  },
  { name: "finite differences", make: () => finiteDifferences({ scheme: "forward" }), lrs: [0.3, 1, 3] },
  {
    name: "one weight at a time",
    make: (lr) => coordinateSearch({ stepSize: lr }),
    lrs: [0.01, 0.03, 0.1],
  },
];

export interface RacePoint {
  ms: number;
  evaluations: number;
  loss: number;
}

/** Trains until the time or the evaluations are used up. Watching the loss costs neither. */
function run(
  { make }: Contender,
  lr: number,
  { widths, ms, evaluations }: { widths: readonly number[]; ms: number; evaluations: number },
): { points: RacePoint[]; runsOfStep: number } {
  const problem = spiralProblem(widths, { samples: 96 });
  const estimator = make(lr);
  const points: RacePoint[] = [{ ms: 0, evaluations: 0, loss: lossNow(problem) }];
  let [spentMs, spent, steps, nextLook] = [0, 0, 0, 0];
  while (spentMs < ms && spent < evaluations) {
    const start = performance.now();
    scope(() => {
      const estimate = estimator.estimate(problem.loss, problem.parameters);
      descend(problem.parameters, estimate.gradients, lr);
      spent += estimate.evaluations;
    });
    spentMs += performance.now() - start;
    steps++;
    if (spent < nextLook) continue;
    nextLook = spent * 1.1;
    points.push({ ms: spentMs, evaluations: spent, loss: lossNow(problem) });
  }
  points.push({ ms: spentMs, evaluations: spent, loss: lossNow(problem) });
  return { points, runsOfStep: spent / steps };
}

/** Every method with the best of its learning rates. */
export function race(limits: { widths: readonly number[]; ms: number; evaluations: number }, goal: number) {
  return contenders.map((contender) => {
    const runs = contender.lrs.map((lr) => ({ lr, ...scope(() => run(contender, lr, limits)) }));
    const lowest = (points: readonly RacePoint[]) => Math.min(...points.map(({ loss }) => loss));
    // A loss that is NaN loses against any other.
    const best = runs.reduce((a, b) => (lowest(b.points) < lowest(a.points) ? b : a));
    const reached = best.points.find(({ loss }) => loss <= goal);
    return { name: contender.name, ...best, lowest: lowest(best.points), reached };
  });
}

/** Methods that give one random direction for each estimate. The mean of several estimates is one of more directions. */
const singleDirections: readonly [name: string, make: () => GradientEstimator][] = [
  ["SPSA", () => spsa({ seed })],
  ["evolution strategies", () => evolutionStrategies({ seed, population: 2, shaping: "none" })],
  ["forward gradients", () => forwardGradient({ seed })],
];

/** How close the mean of more and more estimates comes to the true gradient, by number of evaluations and of weights. */
export function angles(networks: readonly (readonly number[])[], mostEvaluations: number) {
  return networks.map((widths) =>
    scope(() => {
      const problem = spiralProblem(widths);
      const truth = gradientBy(backpropagation(), problem).gradient;
      const curves = singleDirections.map(([name, make]) => {
        const estimator = make();
        const sum = new Float64Array(truth.length);
        const points: { evaluations: number; cosine: number }[] = [];
        let [spent, nextLook] = [0, 2];
        while (spent < mostEvaluations) {
          const { gradient, evaluations } = gradientBy(estimator, problem);
          for (let i = 0; i < sum.length; i++) sum[i]! += gradient[i]!;
          spent += evaluations;
          if (spent < nextLook) continue;
          nextLook *= 2;
          points.push({ evaluations: spent, cosine: cosine(sum, truth) });
        }
        return { name, points };
      });
      const nudged = gradientBy(finiteDifferences({ scheme: "forward" }), problem);
      const differences = { evaluations: nudged.evaluations, cosine: cosine(nudged.gradient, truth) };
      return { weights: problem.weights, curves, differences };
    }),
  );
}

/** Most of question 3; what cannot be differentiated has a file of its own. */
export function measureRace({
  widths = [2, 16, 16, 3],
  ms = 1200,
  evaluations = 100_000,
  goal = 0.3,
  networks = [
    [2, 8, 3],
    [2, 24, 24, 3],
    [2, 64, 64, 3],
  ],
  mostEvaluations = 2048,
} = {}) {
  const { weights } = spiralProblem(widths);
  return {
    weights,
    goal,
    ms,
    methods: race({ widths, ms, evaluations }, goal),
    angles: angles(networks, mostEvaluations),
  };
}
