// A model of the layers whose names differ from PyTorch's; a step of training changes all of its state.
import type { Tensor } from "@shardgrad/core";
import {
  Adam,
  BatchNorm1d,
  GRU,
  Linear,
  LSTM,
  Module,
  MultiHeadAttention,
  manualSeed,
  mean,
  mse,
  RNN,
  randn,
  scope,
} from "@shardgrad/core";
import { defineJob } from "@shardgrad/parallel";

export class Layers extends Module {
  lstm = new LSTM(3, 4, { layers: 2, bidirectional: true });
  gru = new GRU(8, 5);
  rnn = new RNN(5, 6);
  attention = new MultiHeadAttention(6, 2);
  batchNorms = [new BatchNorm1d(6)];
  last = new Linear(6, 1);

  override forward(x: Tensor): Tensor {
    const [a] = this.lstm.forward(x);
    const [b] = this.gru.forward(a);
    const [c] = this.rnn.forward(b);
    const d = mean(this.attention.forward(c), 1);
    return this.last.forward(this.batchNorms[0]!.forward(d));
  }
}

/** Sequences of seven steps. */
export function sequences(samples: number): Float32Array {
  manualSeed(5);
  return scope(() => randn([samples, 7, 3]).toArray()) as Float32Array;
}

export default defineJob({
  dataset: () => ({
    train: { x: { data: sequences(12), shape: [7, 3] }, y: { data: new Float32Array(12), shape: [1] } },
  }),
  model: () => new Layers(),
  loss: (model, { x, y }) => mse(model.forward(x), y),
  optimizer: (parameters) => new Adam(parameters, { lr: 0.01 }),
  batchSize: 6,
  epochs: 1,
});
