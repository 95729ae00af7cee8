// A job that draws random numbers in every step: dropout in the model, noise in the loss.
import type { Tensor } from "@shardgrad/core";
import { Adam, accuracy, add, crossEntropy, dropout, Linear, Module, randn, relu } from "@shardgrad/core";
import { defineJob } from "@shardgrad/parallel";
import { clusters } from "./clusters.ts";

class Noisy extends Module {
  readonly first = new Linear(16, 32);
  readonly second = new Linear(32, 8);

  forward(x: Tensor): Tensor {
    return this.second.forward(dropout(relu(this.first.forward(x)), 0.2, this.training));
  }
}

export default defineJob({
  dataset: () => ({ train: clusters(200, 4), test: clusters(300, 5) }),
  model: () => new Noisy(),
  loss: (net, { x, y }) => crossEntropy(net.forward(add(x, randn(x.shape, { std: 0.1 }))), y),
  optimizer: (parameters) => new Adam(parameters, { lr: 0.01 }),
  metrics: { accuracy: { perSample: (net, { x, y }) => accuracy(net.forward(x), y), direction: "max" } },
  batchSize: 40,
  epochs: 2,
});
