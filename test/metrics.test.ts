// Metrics in whole runs. What is not a mean of batches comes out right, with the same bits for any number of workers
// and after a resume. What cannot be right is refused before the first step.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Linear } from "@shardgrad/core";
import { scope, tensor } from "@shardgrad/core";
import type { EpochEvent, TrainOptions } from "@shardgrad/parallel";
import { JobError, train } from "@shardgrad/parallel";
import { describe, expect, it, onTestFinished } from "vitest";
import { columns } from "./jobs/metrics.ts";
import { writeJob } from "./write-job.ts";

const job = fileURLToPath(new URL("./jobs/metrics.ts", import.meta.url));

async function epochsOf(options: TrainOptions, url: string | URL = job) {
  const epochs: EpochEvent["metrics"][] = [];
  const run = train<Linear>(url, { kernels: "wasm", ...options });
  const result = await run.on("epoch", ({ metrics }) => epochs.push(metrics));
  return { ...result, epochs };
}

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "shardgrad-metrics-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

const expected = epochsOf({ workers: 1, epochs: 3 });

it("are those of the whole set, not means of its chunks", async () => {
  const { model, metrics } = await expected;
  const x = [...columns.a.data].map((value) => [value]);
  const predictions = scope(() => [...model.forward(tensor(x)).toArray()]);
  const [y, w] = [[...columns.y.data], [...columns.w]];
  const errors = predictions.map((value, i) => Math.abs(value - y[i]!));
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  const weighted = sum(errors.map((error, i) => w[i]! * error ** 2)) / sum(w);
  expect(metrics.plain).toBeCloseTo(weighted, 4);
  expect(metrics.mse).toBe(metrics.plain);
  expect(metrics.rmse).toBeCloseTo(Math.sqrt(sum(errors.map((error) => error ** 2)) / 600), 4);
  expect(metrics.medianError).toBe(errors.sort((a, b) => a - b)[300]);
  expect(metrics.extremes).toEqual([
    [Math.min(...predictions), Math.max(...predictions)],
    [Math.min(...y), Math.max(...y)],
    [0, 2],
  ]);
});

it("are the same bits for any number of workers", async () => {
  for (const workers of [2, 3, 4])
    expect((await epochsOf({ workers, epochs: 3 })).epochs).toEqual((await expected).epochs);
});

it("are those of an uninterrupted run after a resume, and told as they were if nothing is left to do", async () => {
  const { epochs, metrics } = await expected;
  const checkpoint = { directory: newDirectory() };
  const first = await epochsOf({ workers: 2, epochs: 1, checkpoint });
  const rest = await epochsOf({ workers: 4, epochs: 3, checkpoint, resume: "must" });
  expect([...first.epochs, ...rest.epochs]).toEqual(epochs);
  const nothing = await epochsOf({ workers: 1, epochs: 3, checkpoint, resume: "must" });
  expect([nothing.epochs, nothing.metrics]).toEqual([[], metrics]);
});

/** A job with other metrics, and whatever else. */
const jobWith = (parts: string) =>
  writeJob(`
    import { accuracy, add, crossEntropy, mean, mse, reshape, sqrt, sum, tensor, zeros } from "@shardgrad/core";
    import { defineJob } from "@shardgrad/parallel";
    import job from ${JSON.stringify(job)};
    const perSample = (model, { a, y }) => mse(model.forward(a), y, { reduction: "none" });
    const outputs = (model, { a, y }) => [model.forward(a), y];
    const score = () => 1;
    export default defineJob({ ...job, ${parts} });`);

describe("what steers a run says its direction:", () => {
  it("early stopping and the best epoch follow it, whatever the metric is called", async () => {
    // Both rise with the error; the one that should fall says so.
    const named = (direction: string) =>
      jobWith(`metrics: { validationLoss: { perSample, direction: "${direction}" } },
        earlyStopping: { metric: "validationLoss", patience: 1 }, epochs: 4`);
    const options = (): TrainOptions => ({
      workers: 1,
      checkpoint: { directory: newDirectory(), best: { metric: "validationLoss" } },
    });
    const falling = await epochsOf(options(), named("min"));
    expect([falling.stoppedEarly, falling.steps, falling.best?.value]).toEqual([
      undefined,
      40,
      falling.epochs[3]!.validationLoss,
    ]);
    const rising = await epochsOf(options(), named("max"));
    expect(rising.stoppedEarly).toMatch(/^validationLoss was best, .*, in epoch 1, and/);
    expect([rising.steps, rising.best?.value]).toEqual([20, rising.epochs[0]!.validationLoss]);
  });

  it.each<[name: string, parts: string, options: TrainOptions, message: RegExp]>([
    [
      "a metric without one cannot",
      'metrics: { m: perSample }, earlyStopping: { metric: "m", patience: 1 }',
      {},
      /^defineJob: earlyStopping looks at "m", which does not say whether more or less is better; give the metric \{ perSample: …, direction \}, "max" or "min"$/,
    ],
    [
      "nor be the best by it",
      "metrics: { m: { outputs, score } }",
      { checkpoint: { directory: "none", best: { metric: "m" } } },
      /^train: checkpoint\.best\.metric is "m", which does not say .* give the metric its direction/,
    ],
    [
      "nor be contradicted",
      'metrics: { m: { perSample, direction: "min" } }',
      { checkpoint: { directory: "none", best: { metric: "m", direction: "max" } } },
      /^train: checkpoint\.best\.direction is "max", but that of m is "min"; leave it out$/,
    ],
    [
      "the training loss falls",
      "metrics: {}",
      { checkpoint: { directory: "none", best: { metric: "loss", direction: "max" } } },
      /^train: checkpoint\.best\.direction is "max", but that of loss is "min"; leave it out$/,
    ],
    [
      "and no metric may have its name",
      "metrics: { loss: perSample }",
      {},
      /^defineJob: metrics\.loss has the name of the training loss; give it another name$/,
    ],
    [
      "nested numbers have none",
      'metrics: { m: { outputs, score: () => [1, 2], direction: "max" } }',
      {},
      /^metrics\.m: has the direction "max", but comes to \[2\] numbers; only a single number can be better/,
    ],
  ])("%s", async (_, parts, options, message) => {
    const error = await epochsOf(options, jobWith(parts)).catch((reason: unknown) => reason);
    expect((error as Error).message).toMatch(message);
    expect(error).toBeInstanceOf(JobError);
  });
});

describe("refuses before the first step", () => {
  it.each<[name: string, metric: string, message: RegExp]>([
    [
      "a scalar, as a mean of batches is none of the set",
      "(model, { a, y }) => sqrt(mse(model.forward(a), y))",
      /^metrics\.m: got a scalar, expected one number per sample \[2\]; a mean over batches is not one over the set: return the numbers of the samples \(reduction: "none"\), or define \{ sums, finish \} or \{ outputs, score \}$/,
    ],
    [
      "another shape",
      "(model, { a }) => zeros([2, 3])",
      /^metrics\.m: got shape \[2,3\], expected one number per sample \[2\]; take the mean over other axes/,
    ],
    [
      "a shape that only looks right",
      "() => zeros([2])",
      /^metrics\.m: got shape \[2\], expected one number per sample \[3\]/,
    ],
    ["nothing", "() => {}", /^metrics\.m: got undefined, expected one number per sample/],
    [
      "a promise",
      "async () => zeros([2])",
      /^metrics\.m: got a promise, for which nobody waits, expected one number per sample/,
    ],
    [
      "sums that are no tensors",
      "{ sums: () => [1, 2], finish: (a, b) => a / b }",
      /^metrics\.m: sums returned \[number, number\], expected a tensor, or a list of them/,
    ],
    [
      "too many sums",
      "{ sums: () => zeros([70, 70]), finish: () => 0 }",
      /^metrics\.m: sums returned 4900 numbers, expected at most 4096/,
    ],
    [
      "sums that grow with the batch",
      "{ sums: perSample, finish: (...all) => all.length }",
      /^metrics\.m: sums have other sizes for 3 samples than for 2/,
    ],
    [
      "a single output",
      "{ outputs: (model, { a }) => model.forward(a), score }",
      /^metrics\.m: outputs returned shape \[2,1\], expected a list of tensors \[2, …\] with a row per sample/,
    ],
    [
      "outputs that are not per sample",
      "{ outputs: (model, { a, y }) => [mean(model.forward(a)), y], score }",
      /^metrics\.m: outputs returned \[a scalar, shape \[2,1\]\], expected a list of tensors \[2, …\]/,
    ],
    [
      "a score that is no number",
      "{ outputs, score: () => [[1, 2], [3]] }",
      /^metrics\.m: came to lists of different lengths, expected a number, or nested numbers of one shape$/,
    ],
    [
      "a score that throws",
      "{ outputs, score: ([scores]) => scores.foo.bar }",
      /^metrics\.m: TypeError: Cannot read properties of undefined \(reading 'bar'\) \(job-[\w-]+\.ts:\d+:\d+\); it was tried on the first 2 samples; where so few have no value, let it return NaN$/,
    ],
    ["unknown parts", "{ outputs, score, weights: 3 }", /^defineJob: metrics\.m: there is no part "weights"/],
    ["half a definition", "{ sums: perSample }", /^defineJob: metrics\.m has finish of type undefined/],
    ["no definition", "{ mean: perSample }", /^defineJob: metrics\.m has mean, expected a function that/],
    [
      "a direction that is none",
      '{ perSample, direction: "up" }',
      /^defineJob: metrics\.m has the direction "up", expected "max" or "min"$/,
    ],
  ])("%s", async (_, metric, message) => {
    const error = await epochsOf({ workers: 1 }, jobWith(`metrics: { m: ${metric} }`)).catch(
      (reason: unknown) => reason,
    );
    expect((error as Error).message).toMatch(message);
    expect(error).toBeInstanceOf(JobError);
  });
});
