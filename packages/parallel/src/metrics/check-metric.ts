// Checks a metric without a model: it must be one of the kinds, with no other fields.
import { checkParts } from "../check-parts.ts";
import { JobError } from "../errors.ts";
import type { Score } from "./definition.ts";
import { testLoss, trainingLoss } from "./definition.ts";
import * as labelScores from "./label-scores.ts";
import * as likelihoodScores from "./likelihood-scores.ts";
import * as rankingScores from "./ranking-scores.ts";
import * as regressionScores from "./regression-scores.ts";

/** The functions that make scores, by name. */
const makers = { ...labelScores, ...likelihoodScores, ...rankingScores, ...regressionScores };

/** The functions of each kind. */
const kinds = { perSample: ["perSample"], sums: ["sums", "finish"], outputs: ["outputs", "score"] } as const;

const expected =
  "a function that returns one number per sample, or { perSample }, { sums, finish } or { outputs, score }, with a direction if it is to steer";

/** Throws for a score factory that was passed without calling it. */
function refuseMaker(
  problem: (reason: string) => JobError,
  given: unknown,
  written: (score: string) => string,
): void {
  const [name, maker] = Object.entries(makers).find(([, maker]) => maker === given) ?? [];
  if (!maker) return;
  const call = `${name}(${maker.length === 0 ? "" : "…"})`;
  throw problem(`has ${name} itself, which makes a score; write ${written(call)}`);
}

const asOutputs = (score: string) =>
  `{ outputs: (model, batch) => [model.forward(batch.x), batch.y], ${score} }`;

/** Throws for a score, or a score factory, in place of a function of the model and a batch. */
function refuseScore(problem: (reason: string) => JobError, given: unknown): void {
  refuseMaker(problem, given, (call) => asOutputs(`score: ${call}`));
  if (typeof given !== "function" || !("keep" in given || "direction" in given)) return;
  throw problem(`has a score in place of a function of the model; write ${asOutputs("score")}`);
}

/** @throws JobError unless it is one of the kinds */
export function checkMetric(name: string, metric: unknown): void {
  const problem = (reason: string) => new JobError(`defineJob: metrics.${name} ${reason}`);
  if (name === trainingLoss) {
    throw problem("has the name of the training loss; give it another name");
  }
  if (name === testLoss) {
    throw problem("has the name of the loss over the test set, which a run computes by itself; leave it out");
  }
  refuseScore(problem, metric);
  if (typeof metric === "function") return;
  if (typeof metric !== "object" || metric === null)
    throw problem(`is ${typeof metric}, expected ${expected}`);
  const functions = Object.entries(kinds).find(([kind]) => kind in metric)?.[1];
  if (!functions) throw problem(`has ${Object.keys(metric).join(", ") || "no parts"}, expected ${expected}`);
  const parts = Object.fromEntries([...functions, "direction"].map((part) => [part, true as const]));
  checkParts(`defineJob: metrics.${name}`, metric, parts);
  const given = metric as Readonly<Record<string, unknown>>;
  for (const part of functions) {
    if (part === "score") refuseMaker(problem, given.score, (call) => `score: ${call}`);
    else refuseScore(problem, given[part]);
    if (typeof given[part] !== "function")
      throw problem(`has ${part} of type ${typeof given[part]}, expected a function`);
  }
  const { direction } = given;
  if (direction !== undefined && direction !== "max" && direction !== "min") {
    throw problem(`has the direction ${JSON.stringify(direction)}, expected "max" or "min"`);
  }
  const own = (metric as { score?: Score }).score?.direction;
  if (direction !== undefined && own !== undefined && own !== direction) {
    throw problem(`has the direction "${direction}", but its score says "${own}"; leave it out`);
  }
}
