// Tells two spirals of points apart with a small network. Replace the points by your own data: columns of numbers, with
// `shape` for one row of each.
//
//   npx shardgrad train job.ts
import { Adam, accuracy, crossEntropy, defineJob, Linear, ReLU, Sequential } from "shardgrad";

/** Points on two arms of a spiral, and the number of the arm. */
function spirals(points: number) {
  const x = new Float32Array(points * 2);
  const y = new Uint8Array(points);
  for (let i = 0; i < points; i++) {
    y[i] = i % 2;
    const turn = (i / points) * 3;
    const angle = 2 * Math.PI * (turn / 2 + y[i]! / 2);
    x[2 * i] = turn * Math.cos(angle);
    x[2 * i + 1] = turn * Math.sin(angle);
  }
  return { x: { data: x, shape: [2] }, y };
}

export default defineJob({
  // `--set width=128` tries another value.
  params: { width: 64, lr: 0.01 },
  // A function here runs on the main thread only; it may be asynchronous, to read a file.
  dataset: () => ({ train: spirals(2000) }),
  // A fifth of the samples is not trained on, but evaluated after each epoch.
  validation: 0.2,
  model: ({ x: [inputs] }, { params: { width } }) =>
    new Sequential(
      new Linear(inputs!, width),
      new ReLU(),
      new Linear(width, width),
      new ReLU(),
      new Linear(width, 2),
    ),
  loss: (model, { x, y }) => crossEntropy(model.forward(x), y),
  optimizer: (parameters, { params }) => new Adam(parameters, { lr: params.lr }),
  metrics: {
    accuracy: { perSample: (model, { x, y }) => accuracy(model.forward(x), y), direction: "max" },
  },
  batchSize: 64,
  epochs: 30,
  seed: 1,
});
