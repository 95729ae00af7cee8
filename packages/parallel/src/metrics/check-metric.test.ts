// The error for a function that makes a score, passed without calling it, says how to call it.
import { expect, it } from "vitest";
import { JobError } from "../errors.ts";
import { checkMetric } from "./check-metric.ts";
import { f1Score, topKAccuracyScore } from "./label-scores.ts";
import { perplexity } from "./likelihood-scores.ts";
import { rocAucScore } from "./ranking-scores.ts";
import { r2Score } from "./regression-scores.ts";

const outputs = () => [];
const written = "{ outputs: (model, batch) => [model.forward(batch.x), batch.y], score";

it.each<[metric: unknown, message: string]>([
  [{ outputs, score: f1Score }, "has f1Score itself, which makes a score; write score: f1Score()"],
  [
    { outputs, score: rocAucScore, direction: "max" },
    "has rocAucScore itself, which makes a score; write score: rocAucScore()",
  ],
  [{ outputs, score: perplexity }, "has perplexity itself, which makes a score; write score: perplexity()"],
  [{ outputs, score: r2Score }, "has r2Score itself, which makes a score; write score: r2Score()"],
  [
    { outputs, score: topKAccuracyScore },
    "has topKAccuracyScore itself, which makes a score; write score: topKAccuracyScore(…)",
  ],
  [f1Score, `has f1Score itself, which makes a score; write ${written}: f1Score() }`],
  [{ perSample: f1Score }, `has f1Score itself, which makes a score; write ${written}: f1Score() }`],
  [f1Score(), `has a score in place of a function of the model; write ${written} }`],
  [{ perSample: r2Score() }, `has a score in place of a function of the model; write ${written} }`],
])("%o as a metric: %s", (metric, message) => {
  expect(() => checkMetric("m", metric)).toThrow(new JobError(`defineJob: metrics.m ${message}`));
});

it("scores that were made, and functions of one's own, are metrics", () => {
  for (const metric of [outputs, { outputs, score: f1Score() }, { outputs, score: () => 1 }])
    expect(() => checkMetric("m", metric)).not.toThrow();
});
