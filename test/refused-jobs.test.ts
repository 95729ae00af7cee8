// Jobs and options that cannot be trained are refused before a thread starts, by one line that says what was got and
// what was expected.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { TrainOptions } from "@shardgrad/parallel";
import { f1Score, topKAccuracyScore, train } from "@shardgrad/parallel";
import { describe, expect, it } from "vitest";
import { writeJob } from "./write-job.ts";

const parts = {
  dataset: "{ train: { x: { data: new Float32Array(8), shape: [2] } } }",
  model: "() => new Linear(2, 1)",
  loss: "(model, { x }) => mean(square(model.forward(x)))",
  optimizer: "(parameters) => new SGD(parameters, { lr: 0.1 })",
  batchSize: "4",
  epochs: "2",
};

function job(changed: Record<string, string> = {}): string {
  const written = Object.entries({ ...parts, ...changed }).map(([name, code]) => `${name}: ${code}`);
  return pathToFileURL(
    writeJob(`import { Linear, mean, Module, ReLU, SGD, square, tensor } from "@shardgrad/core";
    import { defineJob } from "@shardgrad/parallel";
    export default defineJob({ ${written.join(",\n")} });`),
  ).href;
}

const column = (text: string) => ({ dataset: `{ train: { x: ${text} } }` });

describe("a job is refused", () => {
  it.each<[what: string, Record<string, string>, message: RegExp]>([
    [
      "without a model",
      { model: "() => ({})" },
      /: the job's model\(\) did not return a Module of this copy/,
    ],
    [
      "whose model has nothing to train",
      { model: "() => new ReLU()" },
      /: the model has no parameters; hold them/,
    ],
    [
      "whose weights are float64",
      {
        model:
          '() => new (class extends Module { w = tensor([1], { dtype: "float64", requiresGrad: true }); })()',
      },
      /: parameter w is float64; only float32 models/,
    ],
    ["without data", { dataset: "3" }, /: dataset is number, expected \{ train, test \} or a function/],
    ["with metrics that have no names", { metrics: "3" }, /: metrics is 3, expected metrics by name/],
    ["with params that are a list", { params: "[1]" }, /: params is array, expected an object such as/],
    [
      "with part of a sample",
      column("{ data: new Float32Array(3), shape: [2] }"),
      /has 3 numbers, expected a multiple of 2/,
    ],
    [
      "with an empty shape",
      column("{ data: new Float32Array(2), shape: [0] }"),
      /has shape \[0\], expected an array of positive/,
    ],
    [
      "that scales floats",
      column("{ data: new Float32Array(2), scale: 2 }"),
      /is float32 with a scale or shift; only bytes/,
    ],
  ])("%s", async (_, changed, message) => {
    await expect(train(job(changed), { workers: 1 })).rejects.toThrow(message);
  });
});

describe("a run is refused", () => {
  const directory = "checkpoints";
  it.each<[what: string, TrainOptions, message: RegExp]>([
    ["params that the job does not have", { params: { lr: 1 } }, /lr.*it declares none: give it params/],
    [
      "checkpoints in no folder",
      { checkpoint: { directory: "" } },
      /directory is "", expected the path of a folder/,
    ],
    [
      "checkpoints without end",
      { checkpoint: { directory, everySeconds: 0 } },
      /everySeconds is 0, expected a number above 0/,
    ],
    [
      "what to do on errors",
      { checkpoint: { directory, onError: "wait" as "stop" } },
      /onError is "wait", expected "continue" or/,
    ],
  ])("%s", async (_, options, message) => {
    await expect(train(job(), { workers: 1, ...options })).rejects.toThrow(message);
  });

  it("that would be shorter than its checkpoint", async () => {
    const directory = mkdtempSync(join(tmpdir(), "shardgrad-refused-"));
    const run = { workers: 1, checkpoint: { directory } };
    const url = job();
    await train(url, run);
    await expect(train(url, { ...run, resume: true, epochs: 1 })).rejects.toThrow(
      /is of step 2, but the run is to have 1; ask for more epochs or steps, or use another directory/,
    );
    rmSync(directory, { recursive: true });
  });
});

it("scores refuse options that they do not have", () => {
  expect(() => topKAccuracyScore({ k: 0 })).toThrow(/k is 0, expected an integer of at least 1/);
  expect(() => f1Score({ average: "some" as "macro" })).toThrow(/average is "some", expected/);
});
