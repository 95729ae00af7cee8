// A job that uses everything between the averaged gradient and the next step. Uneven batches, clipping by norm and
// value, an average of the weights, two parameter groups with schedules.
import { Adam, accuracy, crossEntropy, Linear, ReLU, Sequential, stepSchedule } from "@shardgrad/core";
import { defineJob } from "@shardgrad/parallel";
import { clusters } from "./clusters.ts";

export const model = () =>
  new Sequential(new Linear(16, 128), new ReLU(), new Linear(128, 96), new ReLU(), new Linear(96, 8));

export default defineJob({
  dataset: () => ({ train: clusters(330, 4), test: clusters(300, 5) }),
  model,
  loss: (net, batch) => crossEntropy(net.forward(batch.x), batch.y),
  optimizer: ([first, ...others]) =>
    new Adam([{ params: [first!], lr: 0.003 }, { params: others }], {
      lr: stepSchedule({ lr: 0.02, stepSize: 3 }),
    }),
  metrics: {
    accuracy: { perSample: (net, batch) => accuracy(net.forward(batch.x), batch.y), direction: "max" },
  },
  batchSize: 97,
  clipGradNorm: 0.7,
  clipGradValue: 0.02,
  ema: { decay: 0.8 },
  onNonFinite: "stop",
  epochs: 2,
  seed: 7,
});
