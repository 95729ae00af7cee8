// What a job may write as a metric: three kinds, told apart by what they are defined with, since a mean of batches is no
// number of the whole set. What is checked of them: check-metric.ts; which numbers they come to: brought.ts.

import type { AnyModule, NestedNumbers, NumericArray, Shape, Tensor } from "@shardgrad/core";
import type { AnyColumns, Batch } from "../data/dataset.ts";
import { JobError } from "../errors.ts";
import type { JobContext, Params } from "../params.ts";

/** Whether more or less of it is better. */
export type Direction = "max" | "min";

/** A number, or numbers in lists of lists, such as a confusion matrix. */
export type MetricValue = NestedNumbers;

/** A function of a model and a batch of the samples to evaluate. */
export type MetricFunction<C extends AnyColumns, M extends AnyModule, Result, P = Params, S = unknown> = (
  model: M,
  batch: Batch<C>,
  context: JobContext<P, S>,
) => Result;

/** The rows of all samples, one after another: `[samples, …]`. */
export interface Collected {
  data: NumericArray;
  shape: Shape;
}

/** What `outputs` returns, collected: what the model says, what is right, and what else the score needs. */
export type CollectedOutputs = readonly [output: Collected, target: Collected, ...more: Collected[]];

/** What a score knows besides the outputs. */
export interface ScoreInfo {
  samples: number;
  /** Of each sample, if the job has `sampleWeight`. */
  weights: Float32Array | undefined;
  /** The shape of one sample of each output, before `keep`. */
  shapes: readonly Shape[];
}

/** Makes a number of the outputs of all samples, or nested numbers of one shape; NaN where there is none. */
export interface Score {
  (outputs: CollectedOutputs, info: ScoreInfo): MetricValue;
  /** Whether more or less of it is better; it cannot steer a run without. */
  readonly direction?: Direction;
  /** What is collected in place of a batch's outputs, of `samples` samples, as it takes less room. */
  readonly keep?: (outputs: CollectedOutputs) => CollectedOutputs;
}

/** A score with its direction, if it has one, and what it keeps of a batch. */
export function defineScore(
  direction: Direction | undefined,
  keep: Score["keep"],
  score: (outputs: CollectedOutputs, info: ScoreInfo) => MetricValue,
): Score {
  return Object.assign(score, { ...(direction && { direction }), ...(keep && { keep }) });
}

/** One number per sample, `[n]`; the metric is their mean over the set, by the weights of the samples if they have any. */
export interface PerSampleMetric<C extends AnyColumns, M extends AnyModule, P = Params, S = unknown> {
  perSample: MetricFunction<C, M, Tensor, P, S>;
  direction?: Direction;
}

/** Numbers of a batch that are added up over the set, in float64, and then made into the metric, once. */
export interface SumsMetric<C extends AnyColumns, M extends AnyModule, P = Params, S = unknown> {
  sums: MetricFunction<C, M, Tensor | readonly Tensor[], P, S>;
  /** Is given the elements of all tensors, one after another. */
  finish: (...sums: number[]) => MetricValue;
  direction?: Direction;
}

/** Outputs of each sample, `[n, …]`, that are collected over the set, in its order, and scored once. */
export interface OutputsMetric<C extends AnyColumns, M extends AnyModule, P = Params, S = unknown> {
  outputs: MetricFunction<C, M, readonly [output: Tensor, target: Tensor, ...more: Tensor[]], P, S>;
  score: Score;
  direction?: Direction;
}

/** A metric of a job; a function alone is one number per sample, and does not say which direction is better. */
export type Metric<C extends AnyColumns, M extends AnyModule, P = Params, S = unknown> =
  | MetricFunction<C, M, Tensor, P, S>
  | PerSampleMetric<C, M, P, S>
  | SumsMetric<C, M, P, S>
  | OutputsMetric<C, M, P, S>;

/** The mean training loss of an epoch steers under this name, so no metric may have it. */
export const trainingLoss = "loss";

/** The function of a metric that is called for each batch. */
export function functionOf<C extends AnyColumns, M extends AnyModule>(
  metric: Metric<C, M>,
): MetricFunction<C, M, Tensor | readonly Tensor[]> {
  if (typeof metric === "function") return metric;
  if ("perSample" in metric) return metric.perSample;
  return "sums" in metric ? metric.sums : metric.outputs;
}

/** Whether more or less of a metric is better; undefined if it does not say, and so cannot steer. */
export function directionOf(metric: Metric<never, never, never, never>): Direction | undefined {
  if (typeof metric === "function") return undefined;
  return metric.direction ?? ("score" in metric ? metric.score.direction : undefined);
}

/**
 * What a run may be steered by, early stopping or the choice of the best epoch: the training loss, or a metric that says
 * its direction.
 *
 * @param where what errors begin with
 * @throws JobError if there is none of that name, or it does not say its direction
 */
export function steeringDirection(
  where: string,
  name: string,
  metrics: Readonly<Record<string, Metric<never, never, never, never>>>,
): Direction {
  if (name === trainingLoss) return "min";
  if (!Object.hasOwn(metrics, name)) {
    const known = [trainingLoss, ...Object.keys(metrics)].join(", ");
    throw new JobError(`${where} "${name}", expected one of ${known}`);
  }
  const metric = metrics[name]!;
  const direction = directionOf(metric);
  if (direction) return direction;
  const written = typeof metric === "function" ? "{ perSample: …, direction }" : "its direction";
  throw new JobError(
    `${where} "${name}", which does not say whether more or less is better; give the metric ${written}, "max" or "min"`,
  );
}
