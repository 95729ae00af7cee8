// The first job that the README had: points on three arms of a spiral.
import { Adam, accuracy, crossEntropy, Linear, ReLU, Sequential } from "@shardgrad/core";
import { defineJob } from "@shardgrad/parallel";

/** Points on three arms of a spiral: which arm is a point on? */
function spiral(samples: number) {
  const points = new Float32Array(samples * 2);
  const arms = new Int32Array(samples).map((_, i) => i % 3);
  for (let i = 0; i < samples; i++) {
    const angle = (arms[i]! * 2 * Math.PI) / 3 + (i / samples) * 5;
    points.set([(i / samples) * Math.cos(angle), (i / samples) * Math.sin(angle)], i * 2);
  }
  return { points: { data: points, shape: [2] }, arms };
}

export default defineJob({
  dataset: () => ({ train: spiral(3000), test: spiral(999) }),
  model: () =>
    new Sequential(new Linear(2, 64), new ReLU(), new Linear(64, 64), new ReLU(), new Linear(64, 3)),
  loss: (model, { points, arms }) => crossEntropy(model.forward(points), arms),
  optimizer: (parameters) => new Adam(parameters, { lr: 0.01 }),
  metrics: { accuracy: (model, { points, arms }) => accuracy(model.forward(points), arms) },
  batchSize: 100,
  epochs: 10,
});
