// evaluate(): the metrics of a trained job, over its test samples, those that it held out, or others. Evaluates as a run
// does after each epoch, and so to the same bits.
import { optionNames, Storage } from "@shardgrad/core/engine";
import { checkParts } from "./check-parts.ts";
import type { StoredColumns } from "./data/columns.ts";
import { storeChecked } from "./data/columns.ts";
import { SetBlocks } from "./data/set-blocks.ts";
import { JobError } from "./errors.ts";
import type { RunJob } from "./job/define-job.ts";
import type { LoadJobOptions } from "./load.ts";
import type { MetricValue } from "./metrics/definition.ts";
import { chunkSize, namedValues } from "./metrics/plan.ts";
import { checkValues } from "./plan/train-options.ts";
import { tryMetrics } from "./plan/try-metrics.ts";
import type { Answering } from "./predict/answers.ts";
import type { Given } from "./predict/given-columns.ts";
import { columnsGiven } from "./predict/given-columns.ts";
import type { KnownJob } from "./predict/loaded-job.ts";
import { disposeModel, findKnownJob, loadModel, withKernels } from "./predict/loaded-job.ts";
import { prepareData } from "./run/prepare-data.ts";
import { BatchSource } from "./step/batches.ts";
import { evaluateChunks, finishMetrics, metricCells } from "./step/evaluate.ts";

/** Options of `evaluate`. */
export interface EvaluateOptions extends LoadJobOptions {
  /** Samples or rows to evaluate, with what is to be predicted; default: those of the job that a run evaluates. */
  input?: Given;
}

const optionsOfEvaluate = optionNames<EvaluateOptions>({ kernels: true, input: true });

/** The result of `evaluate`. */
export interface EvaluationResult {
  samples: number;
  /** Which samples: the job's `test` set, those that its `validation` held out, or those that were given. */
  evaluates: "test" | "validation" | "input";
  metrics: Record<string, MetricValue>;
}

/** What the job's functions do not say how long they take. */
const stallSeconds = 300;

/** What is not there of a known column: for rows, those of their columns that are not given. */
function lackingOf(input: Given, { rows = [] }: KnownJob["info"], column: string): string {
  const given = Object.keys((Array.isArray(input) ? input[0] : input) ?? {});
  const absent = rows.filter((name) => !given.includes(name)).map((name) => JSON.stringify(name));
  return absent.length === 0
    ? `the input lacks column ${column}`
    : `the rows have no column ${absent.join(", ")}`;
}

/** The samples to evaluate. */
async function samplesOf(
  { defined, info, encode }: KnownJob,
  input: Given | undefined,
  allocate: (bytes: number) => Storage,
): Promise<{ job: RunJob | undefined; test: StoredColumns; evaluates: EvaluationResult["evaluates"] }> {
  if (input !== undefined) {
    const columns = columnsGiven("evaluate", input, info, encode);
    if (!columns) throw new JobError("evaluate: got 0 samples; expected at least one");
    const lacking = Object.keys(info.columns).find((known) => !columns.some(({ name }) => name === known));
    if (lacking !== undefined) {
      throw new JobError(
        `evaluate: ${lackingOf(input, info, lacking)}, which metrics may need; give all that the job trains on`,
      );
    }
    const order = Object.keys(info.columns);
    const sorted = columns.toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
    return { job: undefined, test: storeChecked(sorted, allocate), evaluates: "input" };
  }
  const { params, seed, state } = info;
  const { job, test } = await prepareData(defined, { params, seed, saved: { state } }, allocate);
  if (test) return { job, test, evaluates: job.validation === undefined ? "test" : "validation" };
  throw new JobError(
    "evaluate: the job's dataset has no `test` samples, and it holds none out; give the samples to evaluate",
  );
}

function metricsOf(
  job: RunJob,
  { model, seed }: Answering,
  test: StoredColumns,
): Record<string, MetricValue> {
  const plan = tryMetrics(job, model, { seed, stallSeconds }, test);
  if (plan.metrics.length === 0) throw new JobError("evaluate: the job has no metrics; give it some");
  const block = Storage.allocate(plan.bytes, "metrics");
  block.retain();
  const source = new BatchSource(job, test, "evaluation", seed, Math.min(chunkSize, test.samples));
  try {
    const evaluated = { job, plan, base: block.offset, samples: test.samples };
    const alone = { rank: 0, workers: 1, seed, beat: () => undefined };
    evaluateChunks(evaluated, model, source, alone);
    finishMetrics(evaluated, alone);
    return namedValues(plan, metricCells(evaluated));
  } finally {
    source.dispose();
    block.release();
  }
}

/**
 * Evaluates saved weights.
 *
 * @param job URL or path of the job's module
 * @param file path or file URL of the weights
 * @throws JobError as `load`, and if there is nothing to evaluate
 */
export async function evaluate(
  job: string | URL,
  file: string | URL,
  options: EvaluateOptions = {},
): Promise<EvaluationResult> {
  checkParts("evaluate", options, optionsOfEvaluate, "option");
  checkValues("evaluate", options);
  const known = await findKnownJob("evaluate", job, file, options.kernels);
  const blocks = new SetBlocks();
  try {
    const { job: prepared, test, evaluates } = await samplesOf(known, options.input, blocks.allocate);
    const metrics = withKernels(known.kernels, () => {
      const answering = loadModel("evaluate", known);
      try {
        return metricsOf(prepared ?? known.job, answering, test);
      } finally {
        disposeModel(answering.model);
      }
    });
    return { samples: test.samples, evaluates, metrics };
  } finally {
    blocks.release();
  }
}
