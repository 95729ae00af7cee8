// Like options.test.ts, for jobs and runs: unknown fields and options are refused wherever they are written.
import { Linear, mean, SGD } from "@shardgrad/core";
import {
  accuracyScore,
  averagePrecisionScore,
  CheckpointError,
  computed,
  confusionMatrix,
  defineJob,
  evaluate,
  f1Score,
  graphJob,
  JobError,
  load,
  logLoss,
  openCheckpoints,
  perplexity,
  precisionScore,
  predict,
  profileJob,
  recallScore,
  residuals,
  rocAucScore,
  splitColumns,
  topKAccuracyScore,
  train,
} from "@shardgrad/parallel";
import { describe, expect, test } from "vitest";
import { takersOfOptions } from "./takers-of-options.ts";

const job = new URL("./jobs/clusters.ts", import.meta.url);
const x = new Float32Array(4);
const parts = {
  dataset: { train: { x } },
  model: () => new Linear(1, 1),
  loss: (model: Linear) => mean(model.weight),
  optimizer: (parameters: never) => new SGD(parameters),
  batchSize: 2,
  epochs: 1,
};

/** Calls with given options, by the name that errors begin with. */
const calls: Record<string, readonly [begins: string, (options: object) => unknown]> = {
  computed: ["computed", (o) => computed(o as never)],
  defineJob: ["defineJob", (o) => defineJob({ ...parts, ...o } as never)],
  evaluate: ["evaluate", (o) => evaluate(job, "none", o)],
  load: ["load", (o) => load(job, "none", o)],
  predict: ["predict", (o) => predict(job, "none", { x }, o)],
  graphJob: ["graphJob", (o) => graphJob(job, o)],
  openCheckpoints: ["checkpoint", (o) => openCheckpoints("/nowhere", o)],
  profileJob: ["profile", (o) => profileJob(job, o)],
  splitColumns: ["splitColumns", (o) => splitColumns({ x }, o as never)],
  train: ["train", (o) => train(job, o)],
  accuracyScore: ["accuracyScore", (o) => accuracyScore(o)],
  averagePrecisionScore: ["averagePrecisionScore", (o) => averagePrecisionScore(o)],
  confusionMatrix: ["confusionMatrix", (o) => confusionMatrix(o)],
  f1Score: ["f1Score", (o) => f1Score(o)],
  logLoss: ["logLoss", (o) => logLoss(o)],
  perplexity: ["perplexity", (o) => perplexity(o)],
  precisionScore: ["precisionScore", (o) => precisionScore(o)],
  recallScore: ["recallScore", (o) => recallScore(o)],
  residuals: ["residuals", (o) => residuals(o)],
  rocAucScore: ["rocAucScore", (o) => rocAucScore(o)],
  topKAccuracyScore: ["topKAccuracyScore", (o) => topKAccuracyScore({ k: 1, ...o })],
};

const wrong = { nonsense: 1 };

describe("options of the public API", () => {
  test("there is a call here for all that take options, and for no others", () => {
    expect(Object.keys(calls).sort()).toEqual(takersOfOptions("parallel", "index"));
  });

  test.each(Object.keys(calls))("%s refuses one that does not exist", async (name) => {
    const [begins, call] = calls[name]!;
    const error = await (async () => call(wrong))().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(name === "openCheckpoints" ? CheckpointError : JobError);
    expect(String(error)).toMatch(new RegExp(`: ${begins}: there is no (part|option) "nonsense"`));
  });
});

test.each<[string, object, string]>([
  ["sampling", { sampling: wrong }, "sampling"],
  ["validation", { validation: { fraction: 0.5, ...wrong } }, "validation"],
  ["ema", { ema: { decay: 0.9, ...wrong } }, "ema"],
  ["earlyStopping", { earlyStopping: { metric: "loss", patience: 1, ...wrong } }, "earlyStopping"],
])("a part of %s", (_, change, name) => {
  expect(() => defineJob({ ...parts, ...change } as never)).toThrow(
    `defineJob: ${name}: there is no part "nonsense"`,
  );
});
