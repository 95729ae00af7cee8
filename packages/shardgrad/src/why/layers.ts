// Question 2: layer by layer, or the gradient of the whole network at once.
import type { Tensor } from "@shardgrad/core";
import {
  backpropagation,
  compile,
  detach,
  grad,
  layerByLayer,
  noGrad,
  profile,
  scope,
} from "@shardgrad/core";
import type { Problem } from "./networks.ts";
import { descend, lossNow, noiseProblem, spiralProblem } from "./networks.ts";
import { gradientBy } from "./one-by-one.ts";
import { cosine, differingBits, flat } from "./vectors.ts";

/** The same gradient in both ways, compared bit by bit. */
export function sameVector(widths: readonly number[]) {
  const problem = spiralProblem(widths);
  const whole = gradientBy(backpropagation(), problem).gradient;
  const byLayer = gradientBy(layerByLayer(problem.model.layers), problem).gradient;
  return {
    layers: problem.model.layers.length,
    weights: problem.weights,
    differing: differingBits(whole, byLayer),
  };
}

/** Kernel calls, multiplications and additions of one replay of `body`. */
function work(body: () => void): { calls: number; flops: number } {
  const compiled = compile(body);
  for (let call = 0; call < 4; call++) compiled();
  const { rows } = profile(compiled, { rounds: 1 });
  compiled.dispose();
  return {
    calls: rows.reduce((sum, row) => sum + row.calls, 0),
    flops: rows.reduce((sum, row) => sum + row.flops, 0),
  };
}

export interface Sharing {
  /** Fully connected layers. */
  depth: number;
  /** One walk back, which hands each layer's result to the layer before it. */
  shared: { calls: number; flops: number };
  /** For each layer a walk of its own, from the loss to that layer. */
  separate: { calls: number; flops: number };
  /** Ways from one input through the network to the loss: products to add up if the derivative is written out. */
  paths: number;
}

/** What the backward pass costs with and without sharing, counted. */
export function sharing(depth: number, width: number): Sharing {
  return scope(() => {
    const { loss, parameters } = noiseProblem(new Array<number>(depth + 1).fill(width), 8);
    const layers = Array.from({ length: depth }, (_, k) => parameters.slice(2 * k, 2 * k + 2));
    const forward = work(() => scope(() => noGrad(loss)));
    const backward = (walks: readonly (readonly Tensor[])[]) => {
      const all = work(() =>
        scope(() => {
          const value = loss();
          for (const wanted of walks) grad(value, wanted, { retainGraph: true });
        }),
      );
      return { calls: all.calls - forward.calls, flops: all.flops - forward.flops };
    };
    return { depth, shared: backward([parameters]), separate: backward(layers), paths: width ** depth };
  });
}

/**
 * One walk from the last layer to the first that updates each layer before it computes the gradient of the layer before.
 * Returns the gradients that it used. The activations are those of the forward pass, as in any walk back.
 */
function descendOnTheWay({ model, input, lossOf }: Problem, lr: number): Tensor[] {
  const inputs = [input];
  for (const layer of model.layers) inputs.push(noGrad(() => layer.forward(inputs.at(-1)!)));
  const variable = (x: Tensor): Tensor => {
    const leaf = detach(x);
    leaf.requiresGrad = true;
    return leaf;
  };
  const output = variable(inputs.pop()!);
  let dy = grad(lossOf(output), [output])[0]!;
  const used: Tensor[] = [];
  for (const [k, layer] of [...model.layers.entries()].reverse()) {
    const x = variable(inputs[k]!);
    const parameters = layer.parameters();
    if (parameters.length > 0) {
      const gradients = grad(layer.forward(x), parameters, { gradient: dy }) as Tensor[];
      descend(parameters, gradients, lr);
      used.unshift(...gradients);
    }
    dy = grad(layer.forward(x), [x], { gradient: dy })[0]!;
  }
  return used;
}

/** What is different if a layer is updated before the gradient of the one before it, by learning rate. */
export function earlyUpdates(lrs: readonly number[], widths: readonly number[], steps: number) {
  const make = () => spiralProblem(widths);
  return scope(() => {
    const start = make();
    const truth = gradientBy(backpropagation(), start).gradient;
    const before = lossNow(start);
    const rightly = (problem: Problem, lr: number) =>
      scope(() => descend(problem.parameters, grad(problem.loss(), problem.parameters) as Tensor[], lr));
    const rows = lrs.map((lr) => {
      const [right, early] = [make(), make()];
      rightly(right, lr);
      const used = scope(() => flat(descendOnTheWay(early, lr)));
      const afterOne = { right: lossNow(right), early: lossNow(early) };
      for (let step = 1; step < steps; step++) {
        rightly(right, lr);
        scope(() => {
          descendOnTheWay(early, lr);
        });
      }
      const degrees = (Math.acos(Math.min(1, cosine(used, truth))) * 180) / Math.PI;
      return { lr, degrees, afterOne, afterAll: { right: lossNow(right), early: lossNow(early) } };
    });
    return { before, steps, rows };
  });
}

/** All of question 2. */
export function measureLayers({
  depths = [2, 4, 8, 16, 32],
  width = 16,
  lrs = [0.01, 0.1, 0.3, 1, 3],
  widths = [2, 16, 16, 16, 3],
  steps = 200,
} = {}) {
  return {
    same: sameVector(widths),
    width,
    sharing: depths.map((depth) => sharing(depth, width)),
    early: earlyUpdates(lrs, widths, steps),
  };
}
