// A job with metrics of every kind: a line through 600 points, which are three chunks of an evaluation, some with
// weight 0.
import { div, Linear, mse, mul, reshape, SGD, square, sub, sum, tensor } from "@shardgrad/core";
import { defineJob } from "@shardgrad/parallel";

const samples = 600;
const a = Float32Array.from({ length: samples }, (_, i) => Math.sin(i));
/** The mean differs in each chunk, so averaging by chunk would be wrong. */
const y = a.map((value, i) => value + (i < 256 ? 0 : i < 512 ? 3 : 9));
const w = Float32Array.from({ length: samples }, (_, i) => i % 3);

export const columns = { a: { data: a, shape: [1] }, y: { data: y, shape: [1] }, w };

/** The number in the middle. */
const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

export default defineJob({
  dataset: { train: columns, test: columns },
  model: () => new Linear(1, 1),
  sampleWeight: "w",
  loss: (model, { a, y, w }) => {
    const losses = reshape(mse(model.forward(a), y, { reduction: "none" }), w.shape);
    return div(sum(mul(losses, w)), sum(w));
  },
  optimizer: (parameters) => new SGD(parameters, { lr: 0.01 }),
  metrics: {
    plain: (model, batch) => mse(model.forward(batch.a), batch.y, { reduction: "none" }),
    mse: {
      perSample: (model, batch) => mse(model.forward(batch.a), batch.y, { reduction: "none" }),
      direction: "min",
    },
    /** Best in the first epoch. */
    backwards: {
      perSample: (model, batch) => mse(model.forward(batch.a), batch.y, { reduction: "none" }),
      direction: "max",
    },
    rmse: {
      sums: (model, batch) => [sum(square(sub(model.forward(batch.a), batch.y))), tensor(batch.y.size)],
      finish: (squares, count) => Math.sqrt(squares / count),
      direction: "min",
    },
    medianError: {
      outputs: (model, batch) => [model.forward(batch.a), batch.y],
      score: ([{ data }, targets]) =>
        median(Array.from(data, (value, i) => Math.abs(value - targets.data[i]!))),
      direction: "min",
    },
    extremes: {
      outputs: (model, batch) => [model.forward(batch.a), batch.y],
      score: (outputs, { weights }) => [
        ...outputs.map(({ data }) => [Math.min(...data), Math.max(...data)]),
        [Math.min(...weights!), Math.max(...weights!)],
      ],
    },
  },
  batchSize: 64,
  epochs: 2,
  shards: 4,
});
