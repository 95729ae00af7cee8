// Mistakes in a job are answered by one line that says what was got and what to do. The command shows that line:
// cli-mistakes.test.ts.

import { fileURLToPath } from "node:url";
import { ShardgradError } from "@shardgrad/core";
import type { TrainOptions } from "@shardgrad/parallel";
import { JobError, train } from "@shardgrad/parallel";
import { expect, it } from "vitest";
import { smallJob, writeJob, writeTable } from "./write-job.ts";

const job = fileURLToPath(new URL("./jobs/clusters.ts", import.meta.url));

const jobWith = (change: string) =>
  writeJob(`${smallJob}\nexport default defineJob({ ...parts, ${change} });`);

/** These mistakes show only once the run has begun. */
const foundInTheFirstStep = ["a loss that is no scalar", "a loss without the model", "a loss that is async"];

it.each<[name: string, path: () => string, message: RegExp, options?: TrainOptions]>([
  ["no job exported", () => writeJob("export const job = 1;"), /has no job as its default export/],
  ["a missing part", () => jobWith("model: undefined"), /defineJob: model is undefined, expected a function/],
  [
    "a loss that is no scalar",
    () => jobWith("loss: (model, { x }) => model.forward(x)"),
    /worker \d failed in step 1 \(forward\): loss: got a tensor of shape \[5,3\], expected a scalar/,
  ],
  [
    "more shards than samples in a batch",
    () => jobWith("shards: 11"),
    /11 shards for batches of 10 samples; .*use fewer shards or a larger batchSize/,
  ],
  [
    "columns of different length",
    () =>
      jobWith("dataset: { train: { x: { data: new Float32Array(40), shape: [2] }, y: new Uint8Array(19) } }"),
    /train column y has 19 samples, column x has 20/,
  ],
  [
    "a job that trains whenever it is imported",
    () =>
      writeJob(
        `${smallJob}\nexport default defineJob(parts);\nimport { train } from "@shardgrad/parallel";\nawait train(import.meta.url);`,
      ),
    /called by a job module while it is imported; .* write: if \(import\.meta\.main\)/,
  ],
  [
    "a loss without the model",
    () => jobWith("loss: () => mean(new Linear(2, 3).weight)"),
    /\(backward\): loss: it does not depend on any parameter/,
  ],
  [
    "names for classes",
    () => jobWith('dataset: { train: { x: new Float32Array(2), y: ["a", "b"] } }'),
    /train column y is an array of 2 that begins with "a"; make numbers of it: names of classes become integers/,
  ],
  [
    "metrics without a test set",
    () => jobWith("metrics: { m: () => 0 }"),
    /has metrics, .* no `test` columns/,
  ],
  [
    "an unknown part",
    () => jobWith("epoch: 3"),
    /there is no part "epoch"; did you mean epochs\? There are params, dataset, .*epochs/,
  ],
  [
    "no optimizer",
    () => jobWith("optimizer: () => ({})"),
    /optimizer\(\) returned object, expected an optimizer/,
  ],
  [
    "a file in a folder that does not exist",
    () => job,
    /cannot write \/no\/such\/folder\/model\.safetensors: its folder does not exist/,
    { out: "/no/such/folder/model.safetensors" },
  ],
  ["a folder as a job", () => ".", /cannot load the job \/.*: it is a folder; name a file/],
  ["a table as a job", () => writeTable(), /cannot load the job \/.*: expected a \.ts or \.js module/],
  [
    "a column that there is not",
    () => jobWith("loss: (model, { x, label }) => crossEntropy(model.forward(x), label)"),
    /train: the batch has no column "label", but x, y$/m,
  ],
  [
    "a column that there is not, in a metric",
    () => jobWith("validation: 0.2, metrics: { m: (model, { z }) => mean(z) }"),
    /train: the batch has no column "z", but x, y$/m,
  ],
  [
    "a column that there is not, in model()",
    () => jobWith("model: ({ z: [inputs] }) => new Linear(inputs, 3)"),
    /train: what model\(\) is called with has no column "z", but x, y$/m,
  ],
  [
    "a loss that is async",
    () => jobWith("loss: async (model, { x, y }) => crossEntropy(model.forward(x), y)"),
    /loss: got a promise, expected a scalar tensor; a step cannot wait/,
  ],
  [
    "an optimizer of other tensors",
    () => jobWith("optimizer: () => new SGD(new Linear(2, 3).parameters(), { lr: 0.1 })"),
    /train: the job's optimizer\(\) has tensors that are not parameters of the model/,
  ],
  [
    "a dataset that cannot be loaded",
    () => jobWith("dataset: () => { throw new Error('no such table') }"),
    /dataset\(\) failed: no such table/,
  ],
])("%s", async (name, path, message, options = {}) => {
  const error = await train(path(), { workers: 2, ...options }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ShardgradError);
  expect((error as Error).message).toMatch(message);
  expect((error as Error).message).not.toContain("\n");
  expect(error instanceof JobError).toBe(!foundInTheFirstStep.includes(name));
});
