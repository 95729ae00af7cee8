// Columns as users have them: int64 labels, test columns in another order, masks as bytes, float labels.
import { Linear, mse, SGD } from "@shardgrad/core";
import { defineJob, train } from "@shardgrad/parallel";
import { describe, expect, test } from "vitest";
import { writeJob } from "./write-job.ts";

const head = `
import { accuracy, cast, crossEntropy, Linear, mean, Module, MultiHeadAttention, reshape, SGD, slice, square } from "@shardgrad/core";
import { defineJob } from "@shardgrad/parallel";
const n = 96;
const x = Float32Array.from({ length: 2 * n }, (_, i) => Math.sin(7 * i));
const class0 = Array.from({ length: n }, (_, i) => Number(x[2 * i] > 0));
const common = {
  model: () => new Linear(2, 2),
  loss: (model, batch) => crossEntropy(model.forward(batch.x), batch.label),
  metrics: { accuracy: (model, batch) => accuracy(model.forward(batch.x), batch.label) },
  optimizer: (parameters) => new SGD(parameters, { lr: 0.5 }),
  batchSize: 32, epochs: 2, shards: 2,
};
`;

const run = (source: string, workers = 2) => train(writeJob(head + source), { workers });

const withLabels = (labels: string) =>
  run(`const set = { x: { data: x, shape: [2] }, label: ${labels} };
export default defineJob({ ...common, dataset: { train: set, test: set } });`);

describe("labels", () => {
  test("int64 and int32 give the same bits", async () => {
    const [wide, plain] = [
      await withLabels("BigInt64Array.from(class0, BigInt)"),
      await withLabels("Int32Array.from(class0)"),
    ];
    expect(wide.weightsSha256).toBe(plain.weightsSha256);
    expect(wide.metrics).toEqual(plain.metrics);
  });

  test("floats are refused, and what the error says to write trains", async () => {
    const floats = "Float32Array.from(class0)";
    const advice = 'write cast(labels, "int32"), or keep them in an Int32Array from the start';
    await expect(withLabels(floats)).rejects.toThrow(
      `accuracy: labels are float32, expected int32; ${advice}`,
    );
    const trained = (loss: string) =>
      run(`const set = { x: { data: x, shape: [2] }, label: ${floats} };
export default defineJob({ ...common, dataset: { train: set }, metrics: {}, loss: ${loss} });`);
    await expect(trained("common.loss")).rejects.toThrow(
      `crossEntropy: labels are float32, expected int32 class indices; ${advice}`,
    );
    const cast = await trained(
      '(model, batch) => crossEntropy(model.forward(batch.x), cast(batch.label, "int32"))',
    );
    expect(cast.weightsSha256).toBe((await withLabels("Int32Array.from(class0)")).weightsSha256);
  });
});

test("the order of columns in train and test does not matter", async () => {
  const dataset = (test: string) => `
const train = { x: { data: x, shape: [2] }, label: Int32Array.from(class0) };
export default defineJob({ ...common, dataset: { train, test: ${test} } });`;
  const same = await run(dataset("{ x: train.x, label: train.label }"));
  const other = await run(dataset("{ label: train.label, x: train.x }"));
  expect(other.metrics).toEqual(same.metrics);
  expect(other.weightsSha256).toBe(same.weightsSha256);
  await expect(run(dataset("{ label: train.x, x: train.label }"))).rejects.toThrow(
    /test columns are .* they must agree/,
  );
});

test("a column of bytes is a mask as it is: 0 hides a key, whatever is there", async () => {
  const job = (hidden: number) =>
    run(`
class Masked extends Module {
  attention = new MultiHeadAttention(2, 1);
  forward(x, mask) { return this.attention.forward(x, x, x, { mask: reshape(mask, [mask.shape[0], 1, 1, 3]) }); }
}
const tokens = Float32Array.from({ length: 6 * n }, (_, i) => (i % 6 >= 4 ? ${hidden} : Math.sin(i)));
const mask = Uint8Array.from({ length: 3 * n }, (_, i) => (i % 3 === 2 ? 0 : 1));
export default defineJob({
  dataset: { train: { tokens: { data: tokens, shape: [3, 2] }, mask: { data: mask, shape: [3] } } },
  model: () => new Masked(),
  // The third token is hidden as a key; as a query it is left out here.
  loss: (model, { tokens, mask }) => mean(square(slice(reshape(model.forward(tokens, mask), [-1, 6]), [[], [0, 4]]))),
  optimizer: (parameters) => new SGD(parameters, { lr: 0.1 }),
  batchSize: 32, epochs: 1, shards: 2,
});`);
  const [a, b] = [await job(5), await job(-7)];
  expect(a.weightsSha256).toBe(b.weightsSha256);
});

test("types: int64 columns are columns, and give int32 samples", () => {
  const job = defineJob({
    dataset: { train: { x: new Float32Array(4), label: new BigInt64Array(4) } },
    model: () => new Linear(1, 1),
    augment: ({ label }) => {
      const numbers: Int32Array = label;
      numbers[0] = 0;
    },
    loss: (model, { x }) => mse(model.forward(x), x),
    optimizer: (parameters) => new SGD(parameters),
    batchSize: 2,
    epochs: 1,
  });
  expect(job.batchSize).toBe(2);
});
