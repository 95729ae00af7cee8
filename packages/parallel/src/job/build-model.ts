// Builds a job's model and optimizer, on any thread, and checks them.
import { isMainThread } from "node:worker_threads";
import type { AnyModule } from "@shardgrad/core";
import { MemoryError, Module, Optimizer, ShardgradError } from "@shardgrad/core";
import type { Columns, SampleShapes } from "../data/dataset.ts";
import { describeThrown, JobError, placeOf } from "../errors.ts";
import { checkUntrained, trainedParameters, trainedTensors } from "../shared/arrays/untrained.ts";
import type { OptimizerContext, RunJob } from "./define-job.ts";

/** The length of a run, for schedules. */
export type RunLength = Pick<OptimizerContext, "steps" | "stepsPerEpoch">;

function callModel(job: RunJob, shapes: SampleShapes<Columns>): unknown {
  try {
    return job.model(shapes, job.context);
  } catch (error) {
    if (!(error instanceof MemoryError)) throw naming("model", error);
    throw new MemoryError(
      `train: there is no room for what model() makes; use a smaller model: ${error.message}`,
      {
        cause: error,
      },
    );
  }
}

/**
 * Wraps an error that a job's function threw with its place; shardgrad's own errors pass through. On a worker all
 * errors pass through, since a run may restart after them.
 */
function naming(name: string, error: unknown): unknown {
  if (!isMainThread || error instanceof ShardgradError) return error;
  const place = error instanceof Error ? placeOf(error) : "";
  return new JobError(`train: the job's ${name}() threw ${describeThrown(error)}${place}`, { cause: error });
}

function callOptimizer(job: RunJob, model: AnyModule, length: RunLength): unknown {
  try {
    const parameters = trainedParameters(model);
    return job.optimizer(parameters, { ...job.context, ...length, model });
  } catch (error) {
    throw naming("optimizer", error);
  }
}

/** Builds a job's model alone. */
export function makeModel(job: RunJob, shapes: SampleShapes<Columns>): AnyModule {
  const model = callModel(job, shapes);
  if (!(model instanceof Module)) {
    throw new JobError(
      "train: the job's model() did not return a Module of this copy of @shardgrad/core; return a Module, and install core once (a bundle must share it among its files: split it)",
    );
  }
  return model;
}

/** Builds a job's model and optimizer, and checks both. */
export function buildModel(
  job: RunJob,
  shapes: SampleShapes<Columns>,
  length: RunLength,
): { model: AnyModule; optimizer: Optimizer } {
  const model = makeModel(job, shapes);
  checkUntrained(model);
  const parameters = model.parameters();
  if (parameters.length === 0) {
    throw new JobError("train: the model has no parameters; hold them in properties, with requiresGrad");
  }
  const trained = trainedTensors(model);
  if (trained.length === 0) {
    throw new JobError(
      "train: all parameters of the model are frozen; set requiresGrad of those that are to be trained to true",
    );
  }
  for (const [name, parameter] of trained) {
    if (parameter.dtype !== "float32") {
      throw new JobError(
        `train: parameter ${name} is ${parameter.dtype}; only float32 models can be trained in parallel`,
      );
    }
  }
  const optimizer: unknown = callOptimizer(job, model, length);
  if (!(optimizer instanceof Optimizer)) {
    throw new JobError(
      `train: the job's optimizer() returned ${typeof optimizer}, expected an optimizer of core, such as new Adam(parameters)`,
    );
  }
  const own = new Set(parameters);
  if (optimizer.parameters.some((parameter) => !own.has(parameter))) {
    throw new JobError(
      "train: the job's optimizer() has tensors that are not parameters of the model, and would never be trained; pass it the given parameters, and hold all of them in the model",
    );
  }
  return { model, optimizer };
}
