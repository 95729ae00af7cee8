// train(): the face of the package for scripts.
import type { AnyModule, Module } from "@shardgrad/core";
import { TrainingRun } from "./events.ts";
import { jobUrlOf, refuseWhileLoading } from "./job.ts";
import type { TrainOptions } from "./options.ts";

/** Beside this file, once built. */
const workerUrl = new URL("./worker.js", import.meta.url);

/**
 * Trains a job on several threads.
 *
 * @param job URL (`import.meta.url`, `new URL(…)`) or path of a module whose default export is a job
 * @typeParam M the class of the job's model, as the result holds it
 * @returns a run: await it for the result, iterate over it for events, `stop()` it
 * @throws JobError if the job or an option does not fit; WorkerError if a worker fails or dies
 */
export function train<M extends AnyModule = Module>(
  job: string | URL,
  options: TrainOptions = {},
): TrainingRun<M> {
  refuseWhileLoading();
  const url = jobUrlOf(job);
  return new TrainingRun(async (publish, stopRequested) => {
    // Each worker imports this package, as its job does: not also what the main thread alone needs, such as Piscina.
    const { coordinate } = await import("./coordinator.ts");
    return await coordinate<M>(url, workerUrl, options, publish, stopRequested);
  });
}
