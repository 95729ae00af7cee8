// A job whose matrix products are large enough for any BLAS, with uneven steps and shards.
import { Adam, accuracy, crossEntropy, Linear, ReLU, Sequential } from "@shardgrad/core";
import { defineJob } from "@shardgrad/parallel";
import { clusters } from "./clusters.ts";

export const model = () =>
  new Sequential(new Linear(16, 128), new ReLU(), new Linear(128, 96), new ReLU(), new Linear(96, 8));

export default defineJob({
  dataset: () => ({ train: clusters(330, 4), test: clusters(300, 5) }),
  model,
  loss: (net, batch) => crossEntropy(net.forward(batch.x), batch.y),
  optimizer: (parameters) => new Adam(parameters, { lr: 0.01 }),
  metrics: {
    accuracy: { perSample: (net, batch) => accuracy(net.forward(batch.x), batch.y), direction: "max" },
  },
  batchSize: 97,
  epochs: 2,
  seed: 7,
});
