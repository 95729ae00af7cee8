// The last step of the first epoch has a finite loss and a NaN gradient: the root has infinite slope at 0.
import { add, Linear, mean, mse, mul, SGD, sqrt, square, sum } from "@shardgrad/core";
import { defineJob } from "@shardgrad/parallel";

const a = Float32Array.from({ length: 40 }, (_, i) => Math.sin(i));
const y = a.map((value) => 3 * value + 1);
const notLast = a.map((_, i) => Number(i < 32));

export default defineJob({
  dataset: { train: { a: { data: a, shape: [1] }, y: { data: y, shape: [1] }, notLast } },
  sampling: { shuffle: false },
  model: () => new Linear(1, 1),
  loss: (model, batch) =>
    add(mse(model.forward(batch.a), batch.y), mean(sqrt(mul(batch.notLast, sum(square(model.weight)))))),
  optimizer: (parameters) => new SGD(parameters, { lr: 0.1 }),
  batchSize: 8,
  epochs: 2,
});
