// A small, quick job: points around eight centres in sixteen dimensions. 500 samples in batches of 48, so that the
// last batch of an epoch is uneven.
import type { Tensor } from "@shardgrad/core";
import {
  Adam,
  accuracy,
  crossEntropy,
  Linear,
  manualSeed,
  ReLU,
  randn,
  Sequential,
  scope,
  tensor,
} from "@shardgrad/core";
import { defineJob } from "@shardgrad/parallel";

const classes = 8;
const features = 16;

export function clusters(samples: number, seed: number) {
  const normal = (shape: number[], from: number) => {
    manualSeed(from);
    return scope(() => randn(shape).toArray());
  };
  const centres = normal([classes, features], 3);
  const noise = normal([samples, features], seed);
  const x = new Float32Array(samples * features);
  const y = new Uint8Array(samples);
  for (let i = 0; i < samples; i++) {
    y[i] = i % classes;
    for (let j = 0; j < features; j++) {
      x[i * features + j] = centres[y[i]! * features + j]! + 0.8 * noise[i * features + j]!;
    }
  }
  return { x: { data: x, shape: [features] }, y };
}

/** Some of the samples as a batch. */
export function batchOf(rows: readonly number[], x: { data: Float32Array }, y: Uint8Array): [Tensor, Tensor] {
  const inputs = rows.map((row) => [...x.data.subarray(row * features, (row + 1) * features)]);
  const labels = rows.map((row) => y[row]!);
  return [tensor(inputs), tensor(labels, { dtype: "int32" })];
}

export const model = () => new Sequential(new Linear(features, 33), new ReLU(), new Linear(33, classes));

export default defineJob({
  dataset: () => ({ train: clusters(500, 4), test: clusters(300, 5) }),
  model,
  loss: (net, batch) => crossEntropy(net.forward(batch.x), batch.y),
  optimizer: (parameters) => new Adam(parameters, { lr: 0.01 }),
  metrics: {
    accuracy: { perSample: (net, batch) => accuracy(net.forward(batch.x), batch.y), direction: "max" },
  },
  batchSize: 48,
  epochs: 2,
  seed: 7,
});
