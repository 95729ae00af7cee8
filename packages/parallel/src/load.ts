// load(): a trained model, ready to answer. Calls no dataset().
import type { AnyModule, KernelChoice, Module } from "@shardgrad/core";
import { optionNames } from "@shardgrad/core/engine";
import { checkParts } from "./check-parts.ts";
import { JobError } from "./errors.ts";
import { requireCount } from "./job/define-job.ts";
import { chunkSize } from "./metrics/plan.ts";
import type { Params } from "./params.ts";
import { checkValues } from "./plan/train-options.ts";
import { answerColumns } from "./predict/answers.ts";
import type { Given } from "./predict/given-columns.ts";
import { columnsGiven } from "./predict/given-columns.ts";
import { disposeModel, findKnownJob, loadModel, withKernels } from "./predict/loaded-job.ts";

/** Options of `load`. */
export interface LoadJobOptions {
  /** What computes; as in `train`. */
  kernels?: KernelChoice;
}

/** Options of a prediction. */
export interface PredictOptions {
  /** Samples in one pass through the model; default 256, as in evaluations. */
  batch?: number;
}

export const optionsOfLoad = optionNames<LoadJobOptions>({ kernels: true });
export const optionsOfPredict = optionNames<PredictOptions>({ batch: true });

/** A trained job, ready to answer. */
export interface LoadedJob<M extends AnyModule = Module, T = unknown> {
  /** The model, in evaluation mode. */
  readonly model: M;
  /** As the run had them. */
  readonly state: unknown;
  readonly params: Params;
  /**
   * Answers for new samples: columns, as a batch has them; or, if the job's data set is one of rows, rows: columns of raw
   * values, an array of objects, or one object. Returns a value for each: what `decode` makes of it; without that a number
   * or a typed array, or an object of these if `predict` returns several tensors.
   *
   * @throws JobError that names the column if one is missing, or does not fit
   */
  readonly predict: (given: Given, options?: PredictOptions) => T[];
  /** Gives the model's memory back. */
  readonly dispose: () => void;
  [Symbol.dispose](): void;
}

/** The batch size of a prediction, checked. */
export function batchOf(operation: string, options: PredictOptions): number {
  const { batch = chunkSize } = options;
  requireCount(operation, "batch", batch);
  return batch;
}

/**
 * Loads the weights of a job: a file that `out` named, a checkpoint, or a folder of checkpoints (the newest one). It never calls
 * the job's `dataset` function: params, state and shapes come from the file.
 *
 * @param job URL or path of the job's module
 * @param file path or file URL of the weights
 * @throws JobError if there is no such file, or its weights are of another job; CheckpointError if a checkpoint is damaged
 */
export async function load<M extends AnyModule = Module, T = unknown>(
  job: string | URL,
  file: string | URL,
  options: LoadJobOptions = {},
): Promise<LoadedJob<M, T>> {
  checkParts("load", options, optionsOfLoad, "option");
  checkValues("load", options);
  const known = await findKnownJob("load", job, file, options.kernels);
  const answering = loadModel("load", known);
  const { info, encode, kernels } = known;
  let disposed = false;
  const dispose = () => {
    if (!disposed) disposeModel(answering.model);
    disposed = true;
  };
  return {
    model: answering.model as M,
    state: info.state,
    params: answering.job.context.params,
    predict: (given, options = {}) => {
      checkParts("predict", options, optionsOfPredict, "option");
      const batch = batchOf("predict", options);
      if (disposed) throw new JobError("predict: the model was disposed; load it again");
      return withKernels(kernels, () => {
        const columns = columnsGiven("predict", given, info, encode);
        return (columns ? answerColumns("predict", answering, columns, { batch }) : []) as T[];
      });
    },
    dispose,
    [Symbol.dispose]: dispose,
  };
}
