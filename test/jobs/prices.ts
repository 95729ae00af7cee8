// A job on rows: a price from a size and a city, with dropout, a metric that keeps all outputs, and an answer in money.
import { Dropout, Linear, mse, Sequential, SGD, Tanh } from "@shardgrad/core";
import { defineJob, meanAbsoluteError } from "@shardgrad/parallel";

const cities = ["Rome", "Oslo", "Bern"];
const samples = 700;

/** Rows in which the price follows from the rest. */
export const houses = (count = samples) => ({
  size: Array.from({ length: count }, (_, i) => 20 + ((i * 37) % 101)),
  city: Array.from({ length: count }, (_, i) => cities[(i * 7) % 3]!),
  price: Array.from({ length: count }, (_, i) => 3 * (20 + ((i * 37) % 101)) + 50 * ((i * 7) % 3)),
});

const mean = (values: ArrayLike<unknown>) =>
  Array.from(values, Number).reduce((sum, x) => sum + x, 0) / values.length;

export default defineJob({
  params: { hidden: 8 },
  dataset: {
    load: () => {
      if (process.env.SHARDGRAD_NO_DATA) throw new Error("dataset() was called");
      return houses();
    },
    fit: ({ size, city, price }) => ({
      means: Float64Array.of(mean(size), mean(price)),
      cities: [...new Set(Array.from(city, String))],
    }),
    encode: ({ size, city, price }, { means, cities }) => ({
      x: {
        data: Float32Array.from(
          Array.from(size).flatMap((one, row) => [
            (Number(one) - means[0]!) / 30,
            ...cities.map((name) => Number(name === city[row])),
          ]),
        ),
        shape: [1 + cities.length],
      },
      ...(price && {
        y: { data: Float32Array.from(price, (one) => (Number(one) - means[1]!) / 100), shape: [1] },
      }),
    }),
  },
  validation: { fraction: 0.4, stratify: "city" },
  model: ({ x: [inputs] }, { params }) =>
    new Sequential(
      new Linear(inputs!, params.hidden),
      new Tanh(),
      new Dropout(0.2),
      new Linear(params.hidden, 1),
    ),
  loss: (model, { x, y }) => mse(model.forward(x), y!),
  optimizer: (parameters) => new SGD(parameters, { lr: 0.1 }),
  metrics: {
    mae: {
      outputs: (model, { x, y }) => [model.forward(x), y!],
      score: meanAbsoluteError(),
    },
  },
  decode: (output, { means }) => Array.from(output.toArray(), (one) => Math.fround(one * 100 + means[1]!)),
  batchSize: 50,
  epochs: 2,
  seed: 3,
});
