// The loss over the evaluated set: computed without a metric, the same for any number of workers, and fit to steer.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sequential } from "@shardgrad/core";
import { crossEntropy, scope } from "@shardgrad/core";
import type { EpochEvent, Evaluation, TrainOptions } from "@shardgrad/parallel";
import { train } from "@shardgrad/parallel";
import { describe, expect, it, onTestFinished } from "vitest";
import { batchOf, clusters } from "./jobs/clusters.ts";
import { writeChangedJob } from "./write-job.ts";

const jobWith = (parts: string) => writeChangedJob(new URL("./jobs/clusters.ts", import.meta.url), parts);
const base = { kernels: "wasm", shards: 4 } as const;

async function lossesOf(job: string | URL, options: TrainOptions) {
  const epochs: EpochEvent[] = [];
  const told: Evaluation[] = [];
  const run = train<Sequential>(job, {
    ...base,
    ...options,
    onEvaluate: (evaluation) => void told.push(evaluation),
  });
  const result = await run.on("epoch", (epoch) => epochs.push(epoch));
  return { ...result, losses: epochs.map(({ testLoss }) => testLoss), told };
}

it("is the job's loss over the test set, in evaluation mode, without being a metric", async () => {
  const { model, metrics, testLoss, losses, told } = await lossesOf(jobWith("metrics: {}"), { workers: 1 });
  const { x, y } = clusters(300, 5);
  const rows = Array.from({ length: 300 }, (_, row) => row);
  const expected = scope(() => {
    const [inputs, labels] = batchOf(rows, x, y);
    return crossEntropy(model.forward(inputs), labels).item();
  });
  expect(testLoss).toBeCloseTo(expected, 6);
  expect([metrics, losses.length, losses.at(-1)]).toEqual([{}, 2, testLoss]);
  expect(told.map(({ testLoss }) => testLoss)).toEqual(losses);
  expect((await lossesOf(jobWith("metrics: {}"), { workers: 2 })).losses).toEqual(losses);
});

it("is the mean by sampleWeight, without samples of weight 0", async () => {
  const weighted = `dataset: () => {
      const sets = job.dataset();
      for (const set of [sets.train, sets.test]) set.w = Float32Array.from(set.y, (label) => label % 2);
      return sets;
    },
    sampleWeight: "w", metrics: {},
    loss: (net, { x, y, w }) => div(sum(mul(crossEntropy(net.forward(x), y, { reduction: "none" }), w)), sum(w)),`;
  const { model, testLoss } = await lossesOf(jobWith(weighted), { workers: 2 });
  const { x, y } = clusters(300, 5);
  const rows = Array.from({ length: 300 }, (_, row) => row).filter((row) => y[row]! % 2 === 1);
  const expected = scope(() => {
    const [inputs, labels] = batchOf(rows, x, y);
    return crossEntropy(model.forward(inputs), labels).item();
  });
  expect(testLoss).toBeCloseTo(expected, 6);
});

it("steers early stopping and the best checkpoint", async () => {
  const directory = mkdtempSync(join(tmpdir(), "shardgrad-test-loss-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const job = jobWith('metrics: {}, earlyStopping: { metric: "testLoss", patience: 1, minDelta: 10 }');
  const checkpoint = { directory, best: { metric: "testLoss" } };
  const { losses, stoppedEarly, best } = await lossesOf(job, { workers: 1, epochs: 9, checkpoint });
  expect(losses).toHaveLength(2);
  expect(stoppedEarly).toMatch(/^testLoss was best, .*, in epoch 1/);
  expect(best).toMatchObject({ metric: "testLoss", value: Math.min(...(losses as number[])) });
});

describe("a job without it", () => {
  it("says testLoss: false", async () => {
    const { losses, metrics } = await lossesOf(jobWith("testLoss: false"), { workers: 1, epochs: 1 });
    expect([losses, Object.keys(metrics)]).toEqual([[undefined], ["accuracy"]]);
  });

  it.each([
    [
      'testLoss: false, earlyStopping: { metric: "testLoss", patience: 1 }',
      /earlyStopping looks at testLoss, but the job says testLoss: false/,
    ],
    [
      'dataset: { train: () => job.dataset().train }, metrics: {}, earlyStopping: { metric: "testLoss", patience: 1 }',
      /earlyStopping looks at testLoss, but there is no set to evaluate; give the dataset `test`/,
    ],
    [
      "metrics: { testLoss: () => null }",
      /^defineJob: metrics\.testLoss has the name of the loss over the test set/,
    ],
    ["testLoss: 1", /^defineJob: testLoss is number, expected true or false/],
    [
      'loss: (net, { x, y }) => { if (!net.training) throw new Error("only in training"); return crossEntropy(net.forward(x), y); }',
      /^metrics\.testLoss: Error: only in training.*give the job testLoss: false$/,
    ],
  ])("%s", async (parts, message) => {
    await expect(train(jobWith(parts), { ...base, workers: 1, steps: 1 })).rejects.toThrow(message);
  });
});
