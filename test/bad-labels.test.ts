// An error about a label that is not a class, or an index out of range, names its sample in the data set. A place in a
// shuffled shard would mean nothing to users.
import { IndexError } from "@shardgrad/core";
import { profileJob, train } from "@shardgrad/parallel";
import { expect, it } from "vitest";
import { writeJob } from "./write-job.ts";

const head = `
import { BatchNorm1d, Embedding, Flatten, Linear, Sequential, SGD, accuracy, crossEntropy, reshape, transpose } from "@shardgrad/core";
import { accuracyScore, computed, defineJob, f1Score, logLoss, perplexity, topKAccuracyScore } from "@shardgrad/parallel";
const n = 400;
const x = Float32Array.from({ length: n }, (_, i) => Math.sin(i));
const label = Int32Array.from({ length: n }, (_, i) => i % 3);
const good = { x: { data: x, shape: [1] }, label };
const bad = { ...good, label: label.with(390, 3) };
const job = {
  dataset: { train: bad },
  model: () => new Linear(1, 3),
  loss: (m, b) => crossEntropy(m.forward(b.x), b.label),
  optimizer: (p) => new SGD(p, { lr: 0.1 }),
  batchSize: 20, epochs: 2, shards: 2,
};
`;

const inTrain = "crossEntropy: index 3 in sample 390 of dataset.train (column label), expected 0 to 2";

it.each<[name: string, source: string, message: string, options?: object]>([
  ["recorded or replayed", "{ ...job }", inTrain],
  ["run anew in each step", "{ ...job }", inTrain, { capture: false }],
  ["in the first batch", "{ ...job, batchSize: 400 }", inTrain],
  [
    "with BatchNorm",
    "{ ...job, model: () => new Sequential(new Linear(1, 3), new BatchNorm1d(3)) }",
    inTrain,
  ],
  ["training apart", "{ ...job }", inTrain, { syncEvery: 5 }],
  ["with augmentation", "{ ...job, augment: () => {} }", inTrain],
  [
    "in a metric",
    "{ ...job, dataset: { train: good, test: bad }, metrics: { right: (m, b) => crossEntropy(m.forward(b.x), b.label, { reduction: 'none' }) } }",
    "crossEntropy: index 3 in sample 390 of dataset.test (column label)",
  ],
  ...[
    "accuracyScore()",
    "topKAccuracyScore({ k: 2 })",
    "f1Score({ average: 'macro' })",
    "logLoss({ logits: true })",
    "perplexity()",
  ].map((score): [string, string, string] => [
    `in ${score}`,
    `{ ...job, dataset: { train: good, test: bad }, metrics: { right: { outputs: (m, b) => [m.forward(b.x), b.label], score: ${score} } } }`,
    "metrics.right: labels: index 3 in sample 390 of dataset.test (column label), expected integers from 0 to 2",
  ]),
  [
    "in accuracy",
    "{ ...job, dataset: { train: good, test: bad }, metrics: { right: (m, b) => accuracy(m.forward(b.x), b.label) } }",
    "accuracy: index 3 in sample 390 of dataset.test (column label), expected 0 to 2",
  ],
  [
    "a negative one",
    "{ ...job, dataset: { train: good, test: { ...good, label: label.with(390, -1) } }, metrics: { right: (m, b) => accuracy(m.forward(b.x), b.label) } }",
    "accuracy: index -1 in sample 390 of dataset.test (column label), expected 0 to 2",
  ],
  [
    "a fraction",
    "{ ...job, dataset: { train: { ...good, y: Float32Array.from(label) }, test: { ...good, y: Float32Array.from(label).with(390, 1.5) } }, metrics: { right: { outputs: (m, b) => [m.forward(b.x), b.y], score: accuracyScore() } } }",
    "metrics.right: labels: index 1.5 in sample 390 of dataset.test, expected integers from 0 to 2",
  ],
  [
    "among the samples that metrics are tried on",
    "{ ...job, dataset: { train: good, test: { ...good, label: label.with(1, 3) } }, metrics: { right: (m, b) => accuracy(m.forward(b.x), b.label) } }",
    "accuracy: index 3 in sample 1 of dataset.test (column label), expected 0 to 2",
  ],
  [
    "in a metric over samples that were held out",
    `{ ...job, dataset: { train: { ...good, other: bad.label } }, validation: { folds: 2, fold: 1 }, seed: 0,
      metrics: { right: (m, b) => crossEntropy(m.forward(b.x), b.other, { reduction: 'none' }) } }`,
    "crossEntropy: index 3 in sample 390 of dataset.train (column other)",
  ],
  [
    "of a computed set",
    "{ ...job, dataset: { train: computed({ samples: n, columns: { x: { shape: [1] }, label: { dtype: 'int32' } }, sample: (i) => ({ x: x[i], label: bad.label[i] }) }) } }",
    inTrain,
  ],
  [
    "an index of an embedding, among several of a sample",
    `{ ...job, dataset: { train: { tokens: { data: Int32Array.from({ length: 4 * n }, (_, i) => (i === 1562 ? 9 : i % 5)), shape: [4] }, label } },
      model: () => new Sequential(new Embedding(5, 2), new Flatten(), new Linear(8, 3)), loss: (m, b) => crossEntropy(m.forward(b.tokens), b.label) }`,
    "embedding: index 9 in sample 390 of dataset.train (column tokens, number 2 of 4)",
  ],
  [
    "of labels whose axes were exchanged and joined",
    `{ ...job, dataset: { train: { x: { data: Float32Array.from({ length: 4 * n }, (_, i) => Math.sin(i)), shape: [4, 1] },
        label: { data: Int32Array.from({ length: 4 * n }, (_, i) => (i === 1561 ? 3 : i % 3)), shape: [4] } } },
      loss: (m, b) => crossEntropy(reshape(m.forward(transpose(b.x, 0, 1)), [-1, 3]), reshape(transpose(b.label, 0, 1), [-1])) }`,
    "crossEntropy: index 3 in sample 390 of dataset.train (column label, number 1 of 4)",
  ],
])("%s", async (_, source, message, options = {}) => {
  const path = writeJob(`${head}export default defineJob(${source});`);
  await expect(train(path, { workers: 2, restarts: 0, ...options })).rejects.toThrow(message);
});

it("in what is profiled", async () => {
  const path = writeJob(`${head}export default defineJob({ ...job, batchSize: 400, shards: 1 });`);
  await expect(profileJob(path, { workers: 1 })).rejects.toThrow(inTrain);
});

it("an error of core says where in its tensor the element is, and can say it otherwise", () => {
  const error = new IndexError("f", { value: 7, place: 5, shape: [2, 3] }, "0 to 4; look");
  expect(error.message).toBe("f: index 7 at position [1,2], expected 0 to 4; look");
  const other = error.at("in sample 3");
  expect(other).toBeInstanceOf(IndexError);
  expect(other.message).toBe("f: index 7 in sample 3, expected 0 to 4; look");
  expect(other.stack).toContain("in sample 3");
});
