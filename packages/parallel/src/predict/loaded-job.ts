// Finds a job and its weights, and builds its model from them: without the data, and so on any thread.
import type { AnyModule, KernelChoice } from "@shardgrad/core";
import { Generator, kernelSet, ShardgradError, scope, useKernels, withGenerator } from "@shardgrad/core";
import { launchNow } from "../attempt/launch.ts";
import { sampleShapes } from "../data/columns.ts";
import type { Encode } from "../data/fitted.ts";
import { findEncoder } from "../data/fitted.ts";
import { JobError, oneLine } from "../errors.ts";
import { makeModel } from "../job/build-model.ts";
import type { Job, RunJob } from "../job/define-job.ts";
import { configureJob } from "../job/define-job.ts";
import { noteCaller } from "../job/job-origin.ts";
import { findJob, jobUrlOf, refuseWhileLoading } from "../job/load-job.ts";
import type { WeightsInfo } from "../job/weights-metadata.ts";
import { findWorker } from "../own-folder.ts";
import { resolveParams } from "../params.ts";
import type { RunKernels } from "../plan/run-kernels.ts";
import { chooseKernels, loadKernels } from "../plan/run-kernels.ts";
import type { Answering } from "./answers.ts";
import { knownColumns } from "./given-columns.ts";
import type { Weights } from "./weights-file.ts";
import { decodeWeights, readWeightsFile } from "./weights-file.ts";

/** A job with what is known of a run of it. */
export interface KnownJob {
  url: string;
  defined: Job;
  job: RunJob;
  info: WeightsInfo;
  /** Makes columns of rows; undefined if the job has no such data set. */
  encode: Encode | undefined;
  /** Where its weights were found, and the weights. */
  path: string;
  weights: Weights;
  kernels: RunKernels;
}

/**
 * Finds a job, and reads its weights.
 *
 * @param choice what computes, or what another thread has chosen
 * @throws JobError if one of them is not there, or they do not belong together
 */
export async function findKnownJob(
  operation: string,
  jobUrl: string | URL,
  file: unknown,
  choice: KernelChoice | RunKernels = "auto",
): Promise<KnownJob> {
  refuseWhileLoading(operation);
  const url = jobUrlOf(operation, jobUrl);
  noteCaller(url);
  const found = await readWeightsFile(operation, file);
  const weights = scope(() => decodeWeights(operation, found));
  const { info } = weights;
  const { job: defined } = await findJob(operation, url, async () => {
    // Imported here, so that workers, which import this package, do not load it.
    const { identifyJob } = await import("../attempt/threads.ts");
    return identifyJob(launchNow(url, findWorker(operation, url)));
  });
  const kernels = typeof choice === "string" ? await chooseKernels(operation, choice, url) : choice;
  await loadKernels(kernels);
  const params = resolveParams(defined.params ?? {}, knownParams(operation, defined, info));
  const job = configureJob(defined, { params, state: info.state });
  return {
    url,
    defined,
    job,
    info,
    encode: findEncoder(defined.dataset, info.state),
    path: found.path,
    weights,
    kernels,
  };
}

/** The params of the run. Those that the job has got since keep their defaults. */
function knownParams(operation: string, { params = {} }: Job, info: WeightsInfo): WeightsInfo["params"] {
  const gone = Object.keys(info.params).find((name) => !Object.hasOwn(params, name));
  if (gone === undefined) return info.params;
  throw new JobError(
    `${operation}: the weights are of another job: they have the param ${gone}, which this one does not declare`,
  );
}

/** Runs `body` with the kernels of the job. */
export function withKernels<T>({ set }: RunKernels, body: () => T): T {
  const before = kernelSet();
  if (before === set) return body();
  useKernels(set);
  try {
    return body();
  } finally {
    useKernels(before);
  }
}

/**
 * The job's model with its weights, in evaluation mode.
 *
 * @throws JobError if the weights are of another model
 */
export function loadModel(operation: string, { job, info, path, weights, kernels }: KnownJob): Answering {
  const columns = knownColumns(info);
  const shapes = sampleShapes({ samples: 0, columns });
  const model = withKernels(kernels, () =>
    withGenerator(new Generator(info.seed), () => makeModel(job, shapes)),
  );
  try {
    model.loadStateDict(weights.tensors);
  } catch (error) {
    disposeModel(model);
    if (!(error instanceof ShardgradError)) throw error;
    throw new JobError(
      `${operation}: ${path} has the weights of another job: ${oneLine(error.message.replace(/^loadStateDict: |, or pass \{ strict: false \}$/g, ""))}`,
      { cause: error },
    );
  } finally {
    for (const x of weights.tensors.values()) x.dispose();
  }
  model.eval();
  return { job, model, columns, seed: info.seed };
}

/** Gives the memory of a model back. */
export function disposeModel(model: AnyModule): void {
  for (const [, x] of model.namedTensors()) x.dispose();
}
