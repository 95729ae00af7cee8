// A loss must be the mean over the samples, or results would depend on the split into shards: checked before step 1.
import { JobError, train } from "@shardgrad/parallel";
import { describe, expect, it } from "vitest";
import { writeJob } from "./write-job.ts";

/** A job with three classes of unequal frequency, and with sequences with holes; `parts` override it. */
const job = (parts: string) =>
  writeJob(`
import { add, buffer, BatchNorm1d, crossEntropy, div, Dropout, dropout, exp, Linear, log, matmul, mean, Module, mul, relu, reshape, SGD, sqrt, square, sub, sum, tensor, transpose } from "@shardgrad/core";
import { defineJob } from "@shardgrad/parallel";
const n = 96;
const x = Float32Array.from({ length: n * 3 }, (_, i) => Math.sin(i * i));
const y = Int32Array.from({ length: n }, (_, i) => i % 3);
const classWeights = [1, 5, 25];
const w = Float32Array.from(y, (label) => classWeights[label]);
const tokens = Int32Array.from({ length: n * 4 }, (_, i) => (i % 4 <= Math.floor(i / 4) % 3 ? i % 3 : -100));
const counts = Float32Array.from({ length: n }, (_, i) => tokens.slice(4 * i, 4 * i + 4).filter((token) => token >= 0).length);
const columns = { x: { data: x, shape: [3] }, y, w, tokens: { data: tokens, shape: [4] }, counts };
class Net extends Module {
  body = new Linear(3, 12);
  norm = new BatchNorm1d(12);
  drop = new Dropout(0.3);
  head = new Linear(12, 3);
  weights = buffer(tensor(classWeights));
  perToken = new Linear(12, 12);
  forward(x) { return this.head.forward(this.hidden(x)); }
  hidden(x) { return this.drop.forward(relu(this.norm.forward(this.body.forward(x)))); }
  logits(x) { return reshape(this.perToken.forward(this.hidden(x)), [-1, 3]); }
}
const none = { reduction: "none" };
const weighted = (losses, w) => div(sum(mul(losses, w)), sum(w));
const touch = (model) => add(mul(sum(model.perToken.weight), 0), add(mul(sum(model.perToken.bias), 0), add(mul(sum(model.head.weight), 0), mul(sum(model.head.bias), 0))));
export default defineJob({
  dataset: { train: columns },
  model: () => new Net(),
  optimizer: (parameters) => new SGD(parameters, { lr: 0.01 }),
  batchSize: 32, epochs: 1, shards: 4, seed: 2,
  ${parts}
});`);

const run = (parts: string) => train(job(parts), { workers: 1, kernels: "wasm", steps: 1 });
const loss = (value: string) =>
  `loss: (model, { x, y, w, tokens, counts }) => { const losses = crossEntropy(model.forward(x), y, none); return add(${value}, touch(model)); },`;

/** InfoNCE of each sample with itself, against the others. */
const contrast =
  "mean(sub(log(sum(exp(matmul(model.body.forward(x), transpose(model.body.forward(x)))), 1)), sum(square(model.body.forward(x)), 1)))";

describe("what is no mean over the samples is refused, with both values", () => {
  it.each<[what: string, parts: string]>([
    ["a sum", loss("sum(losses)")],
    ["a sum over a number of the job's own", loss("div(sum(losses), 32)")],
    ["each loss with the weights of all samples", loss("mean(mul(reshape(losses, [-1, 1]), w))")],
    ["weights of classes", loss("crossEntropy(model.forward(x), y, { weight: model.weights })")],
    ["a mean over tokens", loss("crossEntropy(model.logits(x), reshape(tokens, [-1]))")],
    ["the root of a mean", loss("sqrt(mean(square(losses)))")],
    ["samples that are compared with each other", loss(contrast)],
    ["a weighted mean without sampleWeight", loss("weighted(losses, w)")],
    ["a mean without the weights that the job names", `sampleWeight: "w", ${loss("mean(losses)")}`],
  ])("%s", async (_, parts) => {
    const error: unknown = await run(parts).then(
      () => undefined,
      (error) => error,
    );
    expect(error).toBeInstanceOf(JobError);
    const number = "-?[\\d.e-]+";
    expect((error as Error).message).toMatch(
      new RegExp(
        `^train: loss is no mean over the samples: of 8 of them it is ${number}, and the mean of parts of them ${number}; .*sampleWeight.*lossOver: "shard"`,
      ),
    );
  });
});

describe("what is one is not, and trains", () => {
  it.each<[what: string, parts: string]>([
    ["a mean, with BatchNorm and dropout in the model", loss("mean(losses)")],
    ["a weight decay of its own", loss("add(mean(losses), mul(sum(square(model.head.weight)), 0.1))")],
    ["dropout in the loss", loss("mean(mul(dropout(losses, 0.5), dropout(losses, 0.5)))")],
    ["weights of classes by sampleWeight", `sampleWeight: "w", ${loss("weighted(losses, w)")}`],
    [
      "a mean over tokens by sampleWeight",
      `sampleWeight: "counts", ${loss("crossEntropy(model.logits(x), reshape(tokens, [-1]))")}`,
    ],
    ["one that is nearly 0", loss("mul(sum(losses), 1e-9)")],
    ["samples that are compared, if the job says so", `lossOver: "shard", ${loss(contrast)}`],
    ["samples that are compared in a batch that is not split", `shards: 1, ${loss(contrast)}`],
  ])("%s", async (_, parts) => {
    expect((await run(parts)).steps).toBe(1);
  });

  it("lossOver is one of two", async () => {
    await expect(run(`lossOver: "batch", ${loss("mean(losses)")}`)).rejects.toThrow(
      'defineJob: lossOver is "batch", expected "samples" or "shard"',
    );
  });
});
