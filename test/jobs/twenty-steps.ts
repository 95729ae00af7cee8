// A program for other runtimes and for bundles: trains a small network for twenty steps, once with each of the kernels
// that its argument names, and prints the hashes of the weights.
import { isMainThread } from "node:worker_threads";
import { Adam, crossEntropy, Linear, ReLU, Sequential } from "@shardgrad/core";
import { defineJob, train } from "@shardgrad/parallel";

const samples = 160;
const points = Float32Array.from({ length: samples * 4 }, (_, i) =>
  Math.fround(((i * 48271) % 1000) / 500 - 1),
);
const labels = Int32Array.from({ length: samples }, (_, i) => (points[4 * i]! > points[4 * i + 1]! ? 1 : 0));

export default defineJob({
  dataset: { train: { points: { data: points, shape: [4] }, labels } },
  model: () => new Sequential(new Linear(4, 16), new ReLU(), new Linear(16, 2)),
  loss: (model, { points, labels }) => crossEntropy(model.forward(points), labels),
  optimizer: (parameters) => new Adam(parameters, { lr: 0.01 }),
  batchSize: 32,
  epochs: 4,
});

// Not import.meta.main, which Node.js 22 lacks.
if (isMainThread) {
  const { workers = 2, kernels = ["wasm"] } = JSON.parse(process.argv[2] ?? "{}");
  const hashes: Record<string, string> = {};
  for (const set of kernels)
    hashes[set] = (await train(import.meta.url, { workers, shards: 4, kernels: set })).weightsSha256;
  console.log(JSON.stringify(hashes));
}
