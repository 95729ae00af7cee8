// How a job writes a metric. There are three kinds with different fields, since a mean of batch results is not always a
// result for the whole set. Checked by check-metric.ts; computed by brought.ts.

import type { AnyModule, NestedNumbers, NumericArray, Shape, Tensor } from "@shardgrad/core";
import type { AnyColumns, Batch } from "../data/dataset.ts";
import { JobError } from "../errors.ts";
import type { JobContext, Params } from "../params.ts";

/** Whether higher or lower is better. */
export type Direction = "max" | "min";

/** A number, or nested lists of numbers, such as a confusion matrix. */
export type MetricValue = NestedNumbers;

/** A function of a model and a batch of evaluated samples. */
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

/** The collected results of `outputs`: what the model predicts, the targets, and anything else the score needs. */
export type CollectedOutputs = readonly [output: Collected, target: Collected, ...more: Collected[]];

/** What a score gets besides the outputs. */
export interface ScoreInfo {
  samples: number;
  /** The weight of each sample, if the job has `sampleWeight`. */
  weights: Float32Array | undefined;
  /** The shape of one sample of each output, before `keep`. */
  shapes: readonly Shape[];
}

/** Makes a number, or nested numbers of a fixed shape, from the outputs of all samples; NaN if undefined. */
export interface Score {
  (outputs: CollectedOutputs, info: ScoreInfo): MetricValue;
  /** Whether higher or lower is better. A metric without it cannot steer a run. */
  readonly direction?: Direction;
  /** Collects this in place of a batch's outputs, because it takes less room; the batch has `samples` samples. */
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

/** One number per sample, `[n]`. The metric is their mean over the set, weighted if the samples have weights. */
export interface PerSampleMetric<C extends AnyColumns, M extends AnyModule, P = Params, S = unknown> {
  perSample: MetricFunction<C, M, Tensor, P, S>;
  direction?: Direction;
}

/** Numbers of a batch. The run adds them up over the set in float64, and computes the metric from the sums once. */
export interface SumsMetric<C extends AnyColumns, M extends AnyModule, P = Params, S = unknown> {
  sums: MetricFunction<C, M, Tensor | readonly Tensor[], P, S>;
  /** Gets the elements of all tensors, one after another. */
  finish: (...sums: number[]) => MetricValue;
  direction?: Direction;
}

/** Outputs of each sample, `[n, …]`. The run collects them over the set, in its order, and scores them once. */
export interface OutputsMetric<C extends AnyColumns, M extends AnyModule, P = Params, S = unknown> {
  outputs: MetricFunction<C, M, readonly [output: Tensor, target: Tensor, ...more: Tensor[]], P, S>;
  score: Score;
  direction?: Direction;
}

/** A metric of a job. A bare function returns one number per sample, and has no direction. */
export type Metric<C extends AnyColumns, M extends AnyModule, P = Params, S = unknown> =
  | MetricFunction<C, M, Tensor, P, S>
  | PerSampleMetric<C, M, P, S>
  | SumsMetric<C, M, P, S>
  | OutputsMetric<C, M, P, S>;

/** A run is steered by the mean training loss under this name, so no metric may have it. */
export const trainingLoss = "loss";

/** The name of the loss over the evaluated set, which every run computes that has one. */
export const testLoss = "testLoss";

/** The function of a metric that runs for each batch. */
export function functionOf<C extends AnyColumns, M extends AnyModule>(
  metric: Metric<C, M>,
): MetricFunction<C, M, Tensor | readonly Tensor[]> {
  if (typeof metric === "function") return metric;
  if ("perSample" in metric) return metric.perSample;
  return "sums" in metric ? metric.sums : metric.outputs;
}

/** The direction of a metric; undefined if it has none and so cannot steer. */
export function directionOf(metric: Metric<never, never, never, never>): Direction | undefined {
  if (typeof metric === "function") return undefined;
  return metric.direction ?? ("score" in metric ? metric.score.direction : undefined);
}

/**
 * The direction of the value that steers a run (early stopping, the best epoch): the training loss, or a metric with a
 * direction.
 *
 * @param where what errors begin with
 * @throws JobError if there is no such metric, or it has no direction
 */
export function steeringDirection(
  where: string,
  name: string,
  metrics: Readonly<Record<string, Metric<never, never, never, never>>>,
): Direction {
  if (name === trainingLoss || name === testLoss) return "min";
  if (!Object.hasOwn(metrics, name)) {
    const known = [...new Set([trainingLoss, testLoss, ...Object.keys(metrics)])].join(", ");
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
