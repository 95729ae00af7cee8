// Question 3, the other side: a loss that has no useful gradient, and who can train on it.
import type { Tensor } from "@shardgrad/core";
import {
  accuracy,
  backpropagation,
  evolutionStrategies,
  Linear,
  Module,
  mean,
  Sequential,
  ShardgradError,
  scope,
  sign,
  sub,
  tensor,
} from "@shardgrad/core";
import type { Problem } from "./networks.ts";
import { descend, lossNow, perceptron, spiralProblem, spirals } from "./networks.ts";

/** Every activation is rounded to -1 or 1, as in hardware of one bit. Its derivative is 0 wherever it exists. */
class Rounded extends Module {
  forward(x: Tensor): Tensor {
    return sign(x);
  }
}

/** Minimizes the share of wrong answers itself: it counts, so it is flat with steps. */
function roundedProblem(widths: readonly number[], samples: number): Problem {
  const layers = perceptron(widths).layers.map((layer) => (layer instanceof Linear ? layer : new Rounded()));
  const { points, arms } = spirals(samples);
  const model = new Sequential(...layers);
  const [input, labels] = [tensor(points), tensor(Int32Array.from(arms))];
  const lossOf = (output: Tensor) => sub(1, mean(accuracy(output, labels)));
  const parameters = model.parameters();
  const weights = parameters.reduce((sum, { size }) => sum + size, 0);
  return { model, parameters, weights, input, lossOf, loss: () => lossOf(model.forward(input)) };
}

/** What backpropagation says of such a loss. */
function whatBackpropagationSays(problem: Problem): string {
  try {
    const { gradients } = scope(() => backpropagation().estimate(problem.loss, problem.parameters));
    return gradients.every((gradient) => gradient.toArray().every((value) => value === 0))
      ? "0"
      : "a gradient";
  } catch (error) {
    if (error instanceof ShardgradError) return error.message;
    throw error;
  }
}

/** All of it. */
export function measureNotDifferentiable({
  widths = [2, 24, 3],
  samples = 96,
  population = 64,
  steps = 300,
  sigma = 0.1,
  lr = 0.1,
} = {}) {
  return scope(() => {
    const problem = roundedProblem(widths, samples);
    const says = whatBackpropagationSays(problem);
    const estimator = evolutionStrategies({ seed: 5, population, sigma });
    const points = [{ evaluations: 0, wrong: lossNow(problem) }];
    for (let step = 1; step <= steps; step++) {
      scope(() =>
        descend(problem.parameters, estimator.estimate(problem.loss, problem.parameters).gradients, lr),
      );
      points.push({ evaluations: step * population, wrong: lossNow(problem) });
    }
    // The way out that people take: a smooth network and a smooth loss in place of the ones that are meant.
    const smooth = spiralProblem(widths, { samples });
    const exact = backpropagation();
    for (let step = 0; step < steps; step++) {
      scope(() => descend(smooth.parameters, exact.estimate(smooth.loss, smooth.parameters).gradients, 1));
    }
    const labels = tensor(Int32Array.from(spirals(samples).arms));
    const smoothWrong = 1 - scope(() => mean(accuracy(smooth.model.forward(smooth.input), labels)).item());
    return { weights: problem.weights, says, points, smooth: { evaluations: steps, wrong: smoothWrong } };
  });
}
