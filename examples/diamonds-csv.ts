// Trains on a table: reads a CSV file, turns its columns into numbers, and predicts one of them from the others. Here,
// the prices of 53,940 diamonds, from their weight, cut, colour, clarity and size (the "diamonds" of ggplot2). Run it
// with `shardgrad train examples/diamonds-csv.ts`, or by itself: `node examples/diamonds-csv.ts`.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Adam, abs, exp, Linear, mse, ReLU, Sequential, sub } from "@shardgrad/core";
import { defineJob, train } from "@shardgrad/parallel";
import { parse } from "csv-parse/sync";

const file = fileURLToPath(import.meta.resolve("@observablehq/sample-datasets/diamonds.csv"));
const target = "price";

type Row = Record<string, string>;

/** Encodes a column: numbers are standardized, words become one 0/1 input each. */
function inputsOf(rows: readonly Row[], name: string): ((row: Row) => number)[] {
  const values = rows.map((row) => row[name]!);
  const numbers = values.map(Number);
  if (numbers.some(Number.isNaN)) {
    const words = [...new Set(values)].sort();
    return words.map((word) => (row) => Number(row[name] === word));
  }
  const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  const deviation = Math.sqrt(numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0) / numbers.length);
  return [(row) => (Number(row[name]) - mean) / deviation];
}

/** Runs on the main thread only: workers find the columns in shared memory. */
async function loadTable() {
  const rows: Row[] = parse(await readFile(file), { columns: true });
  const names = Object.keys(rows[0]!).filter((name) => name !== target);
  const inputs = names.flatMap((name) => inputsOf(rows, name));
  const x = Float32Array.from(rows.flatMap((row) => inputs.map((input) => input(row))));
  // The logarithm makes an error of 10 % count the same at every price.
  const logPrice = Float32Array.from(rows, (row) => Math.log(Number(row[target])));
  // `shape` describes one row.
  return { train: { x: { data: x, shape: [inputs.length] }, logPrice: { data: logPrice, shape: [1] } } };
}

export default defineJob({
  dataset: loadTable,
  validation: 0.2,
  // The table decides the number of inputs.
  model: ({ x: [inputs] }) =>
    new Sequential(new Linear(inputs!, 64), new ReLU(), new Linear(64, 64), new ReLU(), new Linear(64, 1)),
  loss: (model, { x, logPrice }) => mse(model.forward(x), logPrice),
  optimizer: (parameters) => new Adam(parameters, { lr: 0.003 }),
  // The relative error of a prediction: 0.1 is about 10 %.
  metrics: {
    error: {
      perSample: (model, { x, logPrice }) => sub(exp(abs(sub(model.forward(x), logPrice))), 1),
      direction: "min",
    },
  },
  batchSize: 256,
  epochs: 15,
});

if (import.meta.main) {
  const run = train(import.meta.url);
  run.on("epoch", ({ epoch, loss, metrics }) => console.log(`epoch ${epoch}`, { loss, ...metrics }));
  const { seconds } = await run;
  console.log(`trained in ${seconds.toFixed(1)} s`);
}
