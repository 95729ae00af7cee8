// LeNet-5 with BatchNorm after each convolution and the first linear layer, on small pictures of stripes in four
// directions. It has 150 samples in batches of 32: the last batch of an epoch has 22. With batches of 37 it has 2.
import {
  AvgPool2d,
  accuracy,
  BatchNorm1d,
  BatchNorm2d,
  Conv2d,
  crossEntropy,
  Flatten,
  Linear,
  manualSeed,
  ReLU,
  randn,
  Sequential,
  SGD,
  scope,
} from "@shardgrad/core";
import { defineJob } from "@shardgrad/parallel";

const side = 12;

export function stripes(samples: number, seed: number) {
  manualSeed(seed);
  const x = scope(() => randn([samples, side * side]).toArray()) as Float32Array;
  const y = Uint8Array.from({ length: samples }, (_, i) => i % 4);
  for (let i = 0; i < samples; i++) {
    const angle = (y[i]! * Math.PI) / 4;
    for (let j = 0; j < side * side; j++) {
      const along = Math.cos(angle) * (j % side) + Math.sin(angle) * Math.floor(j / side);
      // Far from zero, like pictures: normalization must not lose digits over it.
      x[i * side * side + j] = 3 + 0.4 * x[i * side * side + j]! + Math.sin(along);
    }
  }
  return { x: { data: x, shape: [1, side, side] }, y };
}

export const model = () =>
  new Sequential(
    new Conv2d(1, 4, 3),
    new BatchNorm2d(4, { momentum: 0.3 }),
    new ReLU(),
    new AvgPool2d(2),
    new Conv2d(4, 6, 2),
    new BatchNorm2d(6, { momentum: null }),
    new ReLU(),
    new Flatten(),
    new Linear(96, 17),
    new BatchNorm1d(17, { momentum: 0.3 }),
    new ReLU(),
    new Linear(17, 4),
  );

export default defineJob({
  dataset: () => ({ train: stripes(150, 1), test: stripes(90, 2) }),
  model,
  loss: (net, { x, y }) => crossEntropy(net.forward(x), y),
  optimizer: (parameters) => new SGD(parameters, { lr: 0.05, momentum: 0.9 }),
  metrics: { accuracy: { perSample: (net, { x, y }) => accuracy(net.forward(x), y), direction: "max" } },
  batchSize: 32,
  epochs: 2,
  seed: 3,
});
