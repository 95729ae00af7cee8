// Question 4: the two passes and the update, layer by layer, and the loss along the step.
import type { Tensor } from "@shardgrad/core";
import { backpropagation, detach, grad, Linear, noGrad, Sequential, scope } from "@shardgrad/core";
import { heap } from "@shardgrad/core/engine";
import { medianMs } from "./clock.ts";
import type { Problem } from "./networks.ts";
import { descend, lossNow, noiseProblem, spiralProblem } from "./networks.ts";
import { flat, lengthOf } from "./vectors.ts";

export interface LayerCost {
  name: string;
  outputs: number;
  weights: number;
  forwardMs: number;
  backwardMs: number;
  updateMs: number;
  /** What the forward pass keeps for the backward pass. */
  keptBytes: number;
  weightBytes: number;
  gradientBytes: number;
}

const bytesOf = (tensors: readonly Tensor[]): number => tensors.reduce((sum, { size }) => sum + 4 * size, 0);

/** Time and memory by layer: a `Linear` and the activation after it count as one layer. */
export function costByLayer(widths: readonly number[], batch: number, leastMs: number): LayerCost[] {
  return scope(() => {
    const { model, input } = noiseProblem(widths, batch);
    let x = input;
    return layersWithActivations(model).map((layer, k) => {
      const leaf = detach(x);
      leaf.requiresGrad = k > 0;
      const parameters = layer.parameters();
      const wanted = k > 0 ? [leaf, ...parameters] : parameters;
      const before = heap().arena.live;
      const y = layer.forward(leaf);
      const keptBytes = heap().arena.live - before;
      const forwardMs = medianMs(() => scope(() => noGrad(() => layer.forward(leaf))), leastMs);
      const gradient = detach(y);
      const backward = () => grad(y, wanted, { gradient, retainGraph: true }) as Tensor[];
      const backwardMs = medianMs(() => scope(backward), leastMs);
      const gradients = backward().slice(-parameters.length);
      const updateMs = medianMs(() => descend(parameters, gradients, 0), leastMs);
      x = y;
      return {
        name: `${leaf.shape[1]} → ${y.shape[1]}`,
        outputs: y.shape[1]!,
        weights: parameters.reduce((sum, { size }) => sum + size, 0),
        forwardMs,
        backwardMs,
        updateMs,
        keptBytes,
        weightBytes: bytesOf(parameters),
        gradientBytes: bytesOf(gradients),
      };
    });
  });
}

function layersWithActivations(model: Sequential): Sequential[] {
  const groups: (typeof model.layers)[number][][] = [];
  for (const layer of model.layers) {
    if (layer instanceof Linear) groups.push([layer]);
    else groups.at(-1)!.push(layer);
  }
  return groups.map((group) => new Sequential(...group));
}

/** The loss at `w − α g` for one gradient and many α, from the same start. */
export function lossAlong(problem: Problem, alphas: readonly number[]) {
  return scope(() => {
    const { gradients, loss } = backpropagation().estimate(problem.loss, problem.parameters);
    const start = problem.parameters.map((w) => w.toArray());
    const points = alphas.map((alpha) => {
      descend(problem.parameters, gradients, alpha);
      const there = lossNow(problem);
      problem.parameters.forEach((w, i) => {
        w.copyFrom(start[i]!);
      });
      return { alpha, loss: there };
    });
    return { start: loss, squaredLength: lengthOf(flat(gradients)) ** 2, points };
  });
}

/** The loss after each of so many steps. */
function descent(widths: readonly number[], lr: number, steps: number): number[] {
  return scope(() => {
    const problem = spiralProblem(widths, { samples: 96 });
    const losses = [lossNow(problem)];
    for (let step = 0; step < steps; step++) {
      scope(() => descend(problem.parameters, grad(problem.loss(), problem.parameters) as Tensor[], lr));
      losses.push(lossNow(problem));
    }
    return losses;
  });
}

/** From 0.001 to 1000, ten for each power of ten. */
const usualAlphas = Array.from({ length: 61 }, (_, i) => 10 ** (-3 + i / 10));

/** All of question 4. */
export function measureOneStep({
  layers = [256, 256, 256, 10],
  batch = 64,
  leastMs = 100,
  widths = [2, 16, 16, 3],
  alphas = usualAlphas,
  lrs = [0.01, 1, 30],
  steps = 100,
} = {}) {
  const along = lossAlong(spiralProblem(widths, { samples: 96 }), alphas);
  return {
    batch,
    layers: costByLayer(layers, batch, leastMs),
    along,
    best: along.points.reduce((a, b) => (b.loss < a.loss ? b : a)),
    descents: lrs.map((lr) => ({ lr, losses: descent(widths, lr, steps) })),
  };
}
