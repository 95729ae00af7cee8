// Parts of the small jobs for simulated runs: 22 samples in batches of 8, so three steps per epoch, the last one
// uneven.
import type { Tensor } from "@shardgrad/core";
import {
  Adam,
  buffer,
  Dropout,
  Linear,
  Module,
  mse,
  ReLU,
  Sequential,
  square,
  sub,
  zeros,
} from "@shardgrad/core";

const samples = 22;
const x = Float32Array.from({ length: 3 * samples }, (_, i) => Math.sin(i * i));
const y = Float32Array.from({ length: samples }, (_, i) => x[3 * i]! - 2 * x[3 * i + 1]! + Math.cos(i));
const columns = { x: { data: x, shape: [3] }, y: { data: y, shape: [1] } };

interface Rows {
  readonly x: Tensor;
  readonly y: Tensor;
}

/** Its buffer follows the last layer in the job that has `afterStep`. */
export class Net extends Module {
  readonly layers: Module;
  readonly last = new Linear(4, 1);
  readonly teacher = buffer(zeros([1, 4]));

  constructor(middle: Module) {
    super();
    this.layers = new Sequential(new Linear(3, 4), middle, new ReLU());
  }

  forward(rows: Tensor): Tensor {
    return this.last.forward(this.layers.forward(rows));
  }
}

export const parts = {
  dataset: { train: columns, test: columns },
  model: () => new Net(new Dropout(0.25)),
  loss: (net: Net, { x, y }: Rows) => mse(net.forward(x), y),
  optimizer: (parameters: readonly Tensor[]) => new Adam(parameters, { lr: 0.05 }),
  metrics: {
    error: { perSample: (net: Net, { x, y }: Rows) => square(sub(net.forward(x), y)), direction: "min" },
  },
  batchSize: 8,
  epochs: 100,
  seed: 5,
} as const;
