// Tells drawings of circles, squares and crosses apart with a small convolutional network. Replace the drawings by your
// own images: bytes of one image after the other, with `shape: [channels, height, width]`; readImages("folder") reads
// PNG and JPEG files from a folder for each class.
//
//   npx shardgrad train job.ts
import {
  Adam,
  accuracy,
  Conv2d,
  crossEntropy,
  defineJob,
  Flatten,
  Linear,
  MaxPool2d,
  ReLU,
  Sequential,
} from "shardgrad";

const side = 16;
const kinds = ["circle", "square", "cross"];

/** Whether the shape of this kind and size covers a point, seen from its middle. */
function covers(kind: number, size: number, dx: number, dy: number): boolean {
  const [x, y] = [Math.abs(dx), Math.abs(dy)];
  if (kind === 0) return Math.hypot(x, y) <= size;
  if (kind === 1) return Math.max(x, y) <= size * 0.85;
  return Math.min(x, y) <= 1 && Math.max(x, y) <= size;
}

/** The same drawings each time: places and sizes from a simple sequence of numbers. */
function drawings(count: number, seed: number) {
  const x = new Uint8Array(count * side * side);
  const y = new Uint8Array(count);
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  for (let i = 0; i < count; i++) {
    y[i] = i % kinds.length;
    const size = 3 + 3 * random();
    const [left, top] = [size + (side - 2 * size) * random(), size + (side - 2 * size) * random()];
    for (let pixel = 0; pixel < side * side; pixel++) {
      const isInk = covers(y[i]!, size, (pixel % side) - left, Math.floor(pixel / side) - top);
      x[i * side * side + pixel] = Math.min(255, (isInk ? 160 : 0) + 90 * random());
    }
  }
  // Bytes take a quarter of the memory; `scale` makes them numbers from 0 to 1.
  return { x: { data: x, shape: [1, side, side], scale: 1 / 255 }, y };
}

export default defineJob({
  params: { channels: 8, lr: 0.003 },
  dataset: () => ({ train: drawings(1500, 1), test: drawings(300, 2) }),
  model: (_, { params: { channels } }) =>
    new Sequential(
      new Conv2d(1, channels, 3, { padding: 1 }),
      new ReLU(),
      new MaxPool2d(2),
      new Conv2d(channels, 2 * channels, 3, { padding: 1 }),
      new ReLU(),
      new MaxPool2d(2),
      new Flatten(),
      new Linear((2 * channels * side * side) / 16, kinds.length),
    ),
  loss: (model, { x, y }) => crossEntropy(model.forward(x), y),
  optimizer: (parameters, { params }) => new Adam(parameters, { lr: params.lr }),
  metrics: {
    accuracy: { perSample: (model, { x, y }) => accuracy(model.forward(x), y), direction: "max" },
  },
  batchSize: 50,
  epochs: 10,
  seed: 1,
});
