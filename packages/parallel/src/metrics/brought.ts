// The plain numbers that a metric returns for a batch, and its value over a set. Every error gives the metric's name,
// what it returned, and what it must return. Knows nothing of sets or of shared memory.
import type { AnyModule, NumericArray, Shape } from "@shardgrad/core";
import { IndexError, Tensor } from "@shardgrad/core";
import type { Batch, Columns } from "../data/dataset.ts";
import { JobError } from "../errors.ts";
import type { JobContext } from "../params.ts";
import type {
  Collected,
  CollectedOutputs,
  Metric,
  MetricValue,
  OutputsMetric,
  Score,
  ScoreInfo,
  SumsMetric,
} from "./definition.ts";
import { functionOf } from "./definition.ts";

/** The result for one batch of n samples. */
export type Brought =
  | { kind: "perSample"; values: NumericArray }
  | { kind: "sums"; numbers: number[] }
  | { kind: "outputs"; kept: CollectedOutputs; shapes: Shape[] };

/** Each chunk of the set keeps its own sums; use `outputs` for more numbers than this. */
const mostSums = 4096;

const format = (shape: Shape) => `[${shape.join(",")}]`;

function describe(value: unknown): string {
  if (value instanceof Tensor) return value.rank === 0 ? "a scalar" : `shape ${format(value.shape)}`;
  if (value instanceof Promise) return "a promise, for which nobody waits";
  return Array.isArray(value) ? `[${value.map(describe).join(", ")}]` : typeof value;
}

/** `[n]` or `[n,1]`. */
function perSample(where: string, value: unknown, samples: number): NumericArray {
  if (value instanceof Tensor && value.rank > 0 && value.shape[0] === samples && value.size === samples)
    return value.toArray();
  const advice =
    value instanceof Tensor && value.rank === 0
      ? 'a mean over batches is not one over the set: return the numbers of the samples (reduction: "none"), or define { sums, finish } or { outputs, score }'
      : "take the mean over other axes, or define { sums, finish } or { outputs, score }";
  throw new JobError(
    `${where}: got ${describe(value)}, expected one number per sample [${samples}]; ${advice}`,
  );
}

function sums(where: string, value: unknown): number[] {
  const tensors: unknown[] = Array.isArray(value) ? value : [value];
  if (tensors.length === 0 || !tensors.every((tensor) => tensor instanceof Tensor)) {
    throw new JobError(
      `${where}: sums returned ${describe(value)}, expected a tensor, or a list of them, such as [sum(losses), sum(counts)]`,
    );
  }
  const numbers = (tensors as Tensor[]).flatMap((tensor) => [...tensor.toArray()]);
  if (numbers.length <= mostSums) return numbers;
  throw new JobError(
    `${where}: sums returned ${numbers.length} numbers, expected at most ${mostSums}; add up more of them in the batch, or define { outputs, score }`,
  );
}

function outputs(where: string, value: unknown, samples: number, score: Score): Brought {
  const tensors: unknown[] = Array.isArray(value) ? value : [];
  const fit = (tensor: unknown) => tensor instanceof Tensor && tensor.rank > 0 && tensor.shape[0] === samples;
  if (tensors.length < 2 || !tensors.every(fit)) {
    throw new JobError(
      `${where}: outputs returned ${describe(value)}, expected a list of tensors [${samples}, …] with a row per sample: what the model says, what is right, and what else the score needs`,
    );
  }
  const all = (tensors as Tensor[]).map((tensor) => ({ data: tensor.toArray(), shape: tensor.shape }));
  const collected = all as readonly Collected[] as CollectedOutputs;
  const kept = score.keep ? naming(where, () => score.keep!(collected)) : collected;
  return { kind: "outputs", kept, shapes: all.map(({ shape }) => shape.slice(1)) };
}

/** Adds the metric's name to errors from a score. */
function naming<T>(where: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (error instanceof IndexError) throw error.by(`${where}: ${error.operation}`);
    if (!(error instanceof JobError)) throw error;
    throw new JobError(`${where}: ${error.message}`, { cause: error });
  }
}

/**
 * Calls a metric for a batch.
 *
 * @throws JobError if it does not return what its kind requires
 */
export function callMetric(
  name: string,
  metric: Metric<Columns, AnyModule>,
  args: [model: AnyModule, batch: Batch<Columns>, context: JobContext],
  samples: number,
): Brought {
  const where = `metrics.${name}`;
  const value = functionOf(metric)(...args);
  if ("sums" in metric) return { kind: "sums", numbers: sums(where, value) };
  if ("outputs" in metric) return outputs(where, value, samples, metric.score);
  return { kind: "perSample", values: perSample(where, value, samples) };
}

/** A value as a list of numbers and a shape, `[]` for a single number. */
export function flatten(where: string, value: unknown): { shape: Shape; numbers: number[] } {
  if (typeof value === "number") return { shape: [], numbers: [value] };
  const rows = Array.isArray(value) ? value.map((row) => flatten(where, row)) : [];
  const [first] = rows;
  const alike = rows.every(({ shape }) => format(shape) === format(first!.shape));
  if (first && alike) {
    return { shape: [rows.length, ...first.shape], numbers: rows.flatMap(({ numbers }) => numbers) };
  }
  const got = Array.isArray(value) ? "lists of different lengths" : describe(value);
  throw new JobError(`${where}: came to ${got}, expected a number, or nested numbers of one shape`);
}

/** A metric's totals over the set: sums (per sample: of weighted numbers and of weights), or outputs. */
export type Gathered =
  | { kind: "perSample" | "sums"; sums: readonly number[] }
  | { kind: "outputs"; outputs: CollectedOutputs; info: ScoreInfo };

/** The value of a metric over a set. */
export function finishMetric(
  name: string,
  metric: Metric<Columns, AnyModule>,
  gathered: Gathered,
): MetricValue {
  if (gathered.kind === "outputs") {
    const { score } = metric as OutputsMetric<Columns, AnyModule>;
    return naming(`metrics.${name}`, () => score(gathered.outputs, gathered.info));
  }
  if (gathered.kind === "sums") return (metric as SumsMetric<Columns, AnyModule>).finish(...gathered.sums);
  const [sum, weight] = gathered.sums as [number, number];
  return sum / weight;
}
