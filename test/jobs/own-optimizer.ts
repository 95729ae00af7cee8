// A job with its own optimizer and schedule, and parameter groups: AdaBelief in a plain loop.
import type { OptimizerOptions, ParametersOrGroups } from "@shardgrad/core";
import { accuracy, crossEntropy, Linear, Optimizer, ReLU, Sequential } from "@shardgrad/core";
import { defineJob } from "@shardgrad/parallel";
import { clusters } from "./clusters.ts";

interface BeliefOptions extends OptimizerOptions {
  betas?: readonly [number, number];
  eps?: number;
}

/** AdaBelief (https://arxiv.org/abs/2010.07468). */
export class AdaBelief extends Optimizer<BeliefOptions> {
  constructor(parameters: ParametersOrGroups<BeliefOptions>, options: BeliefOptions = {}) {
    super(parameters, options, {
      name: "AdaBelief",
      defaults: { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8 },
      state: () => ({ m: 0, s: 0 }),
    });
  }

  override update(index: number, from: number, to: number): void {
    const { w, g, state, group, lr } = this.stretch(index, from, to);
    const { m, s } = state as { m: Float32Array; s: Float32Array };
    const [beta1, beta2] = group.betas;
    const [rest1, rest2] = [1 - beta1 ** this.stepCount, 1 - beta2 ** this.stepCount];
    for (let i = 0; i < w.length; i++) {
      m[i] = beta1 * m[i]! + (1 - beta1) * g[i]!;
      s[i] = beta2 * s[i]! + (1 - beta2) * (g[i]! - m[i]!) ** 2 + group.eps;
      w[i]! -= (lr * m[i]!) / rest1 / (Math.sqrt(s[i]! / rest2) + group.eps);
    }
  }
}

/** Up in four steps, then down with their root. */
export const schedule = (step: number) => 0.02 * Math.min((step + 1) / 4, 2 / Math.sqrt(step + 1));

export default defineJob({
  dataset: () => ({ train: clusters(500, 4), test: clusters(300, 5) }),
  model: () => new Sequential(new Linear(16, 33), new ReLU(), new Linear(33, 8)),
  loss: (net, batch) => crossEntropy(net.forward(batch.x), batch.y),
  optimizer: ([first, ...others]) =>
    new AdaBelief([{ params: [first!], betas: [0.8, 0.99] }, { params: others }], { lr: schedule }),
  metrics: { accuracy: (net, batch) => accuracy(net.forward(batch.x), batch.y) },
  batchSize: 48,
  epochs: 2,
  seed: 7,
});
