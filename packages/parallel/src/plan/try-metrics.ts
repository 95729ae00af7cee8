// Tries each metric of a job once, on the main thread and on the first evaluated samples, before anything is laid out
// for it. The run does not notice: nothing is printed, and the model is restored.
import type { AnyModule } from "@shardgrad/core";
import type { StoredColumns } from "../data/columns.ts";
import { callBounded } from "../job/bounded-call.ts";
import type { RunJob } from "../job/define-job.ts";
import { quietly } from "../job/quietly.ts";
import type { MetricsPlan } from "../metrics/plan.ts";
import { noMetrics, planMetrics } from "../metrics/plan.ts";
import { BatchSource } from "../step/batches.ts";
import { sampleWeights } from "../step/sample-weights.ts";
import { keepState } from "./pass-memory.ts";
import type { RunPlan } from "./run-plan.ts";

/**
 * Finds out the sizes of a job's metrics.
 *
 * @throws JobError if one returns the wrong kind of value, or does not return
 */
export function tryMetrics(
  job: RunJob,
  model: AnyModule,
  { seed, stallSeconds }: Pick<RunPlan, "seed" | "stallSeconds">,
  test: StoredColumns | undefined,
): MetricsPlan {
  if (!test || Object.keys(job.metrics).length === 0) return noMetrics;
  const sources: BatchSource[] = [];
  const load = (count: number) => {
    const source = new BatchSource(job, test, "evaluation", seed, count);
    sources.push(source);
    source.load(
      Int32Array.from({ length: count }, (_, i) => i % test.samples),
      0,
    );
    const { sampleWeight } = job;
    const weights =
      sampleWeight === undefined ? undefined : sampleWeights(sampleWeight, source, count).slice();
    const during = <T>(body: () => T) => source.during(count, body);
    return { batch: source.batch(count), weights, during };
  };
  const putBack = keepState(model);
  model.eval();
  const what = "a metric, tried on the main thread,";
  const plan = () => planMetrics(job, test.samples, { model, load, seed });
  try {
    return quietly(() => callBounded(plan, stallSeconds * 1000, what));
  } finally {
    putBack();
    for (const source of sources) source.dispose();
  }
}
