// 75 million parameters in two wide layers, 302 MB of weights, for snapshot-memory.ts.
import { AdamW, GELU, Linear, mse, Sequential } from "@shardgrad/core";
import { defineJob } from "@shardgrad/parallel";

const [width, hidden] = [4096, 9216];
const samples = 64;

export default defineJob({
  dataset: () => {
    const x = Float32Array.from({ length: samples * width }, (_, i) => Math.sin(i * 0.37));
    return {
      train: { x: { data: x, shape: [width] }, y: { data: x.map((value) => value * value), shape: [width] } },
    };
  },
  model: () => new Sequential(new Linear(width, hidden), new GELU(), new Linear(hidden, width)),
  loss: (model, { x, y }) => mse(model.forward(x), y),
  optimizer: (parameters) => new AdamW(parameters, { lr: 1e-4 }),
  batchSize: 16,
  epochs: 1000,
  shards: 2,
});
