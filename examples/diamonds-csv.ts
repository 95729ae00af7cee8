// Trains on a table: reads a CSV file, turns its columns into numbers, and predicts one of them from the others. Here,
// the prices of 53,940 diamonds, from their weight, cut, colour, clarity and size (the "diamonds" of ggplot2). Run it
// with `shardgrad train examples/diamonds-csv.ts`, or by itself: `node examples/diamonds-csv.ts`.
import { Adam, abs, exp, Linear, mse, mul, ReLU, Sequential, sub } from "@shardgrad/core";
import { decodeTarget, table, targetScale } from "@shardgrad/data";
import { defineJob, train } from "@shardgrad/parallel";

// The logarithm makes an error of 10 % count the same at every price.
const diamonds = table(import.meta.resolve("@observablehq/sample-datasets/diamonds.csv"), {
  target: { column: "price", scale: "log" },
});

export default defineJob({
  dataset: diamonds,
  validation: 0.2,
  // The table decides the number of inputs.
  model: ({ x: [inputs] }) =>
    new Sequential(new Linear(inputs!, 64), new ReLU(), new Linear(64, 64), new ReLU(), new Linear(64, 1)),
  loss: (model, { x, y }) => mse(model.forward(x), y),
  optimizer: (parameters) => new Adam(parameters, { lr: 0.003 }),
  // The relative error of a prediction: 0.1 is about 10 %.
  metrics: {
    error: {
      perSample: (model, { x, y }, { state }) =>
        sub(exp(mul(abs(sub(model.forward(x), y)), targetScale(state))), 1),
      direction: "min",
    },
  },
  decode: decodeTarget,
  batchSize: 256,
  epochs: 15,
});

if (import.meta.main) {
  console.log(await diamonds.describe());
  const run = train(import.meta.url);
  run.on("epoch", ({ epoch, loss, metrics }) => console.log(`epoch ${epoch}`, { loss, ...metrics }));
  const { seconds } = await run;
  console.log(`trained in ${seconds.toFixed(1)} s`);
}
