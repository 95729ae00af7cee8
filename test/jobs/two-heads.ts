// A job whose model takes two inputs and returns a record with a tuple inside: a class, and a number with its spread.
import type { Tensor } from "@shardgrad/core";
import { Adam, accuracy, add, crossEntropy, Linear, Module, mean, mse, relu, square } from "@shardgrad/core";
import { defineJob } from "@shardgrad/parallel";

const samples = 240;
const a = Float32Array.from({ length: 2 * samples }, (_, i) => Math.sin(3 * i));
const b = Float32Array.from({ length: samples }, (_, i) => Math.cos(5 * i));
const label = Int32Array.from({ length: samples }, (_, i) => Number(a[2 * i]! > b[i]!));
const amount = Float32Array.from({ length: samples }, (_, i) => a[2 * i + 1]! - b[i]!);

interface Output {
  logits: Tensor;
  moments: readonly [mean: Tensor, spread: Tensor];
}

export class TwoHeads extends Module<[a: Tensor, b: Tensor], Output> {
  readonly fromA = new Linear(2, 24);
  readonly fromB = new Linear(1, 24);
  readonly classes = new Linear(24, 2);
  readonly number = new Linear(24, 1);
  readonly spread = new Linear(24, 1);

  forward(x: Tensor, y: Tensor): Output {
    const hidden = relu(add(this.fromA.forward(x), this.fromB.forward(y)));
    return {
      logits: this.classes.forward(hidden),
      moments: [this.number.forward(hidden), this.spread.forward(hidden)],
    };
  }
}

const set = {
  a: { data: a, shape: [2] },
  b: { data: b, shape: [1] },
  label,
  amount: { data: amount, shape: [1] },
};

export default defineJob({
  dataset: { train: set, test: set },
  model: () => new TwoHeads(),
  loss: (model, batch) => {
    const { logits, moments } = model.forward(batch.a, batch.b);
    const [number, spread] = moments;
    return add(add(crossEntropy(logits, batch.label), mse(number, batch.amount)), mean(square(spread)));
  },
  metrics: {
    accuracy: (model, batch) => accuracy(model.forward(batch.a, batch.b).logits, batch.label),
  },
  optimizer: (parameters) => new Adam(parameters, { lr: 0.03 }),
  batchSize: 32,
  epochs: 6,
  seed: 3,
});
