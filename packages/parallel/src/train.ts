// train(): the API for scripts.
import { resolve } from "node:path";
import type { AnyModule, Module } from "@shardgrad/core";
import type { Launch } from "./attempt/launch.ts";
import { launchNow } from "./attempt/launch.ts";
import { JobError } from "./errors.ts";
import type { TrainEvent } from "./events.ts";
import { frozenCopy } from "./frozen-copy.ts";
import { noteCaller } from "./job/job-origin.ts";
import { jobUrlOf, refuseWhileLoading } from "./job/load-job.ts";
import { noteGraph } from "./job/sources.ts";
import type { Onlooker } from "./onlooker.ts";
import { explainPiscina, findWorker } from "./own-folder.ts";
import type { TrainOptions } from "./plan/train-options.ts";
import { requireSurroundings } from "./surroundings.ts";
import { TrainingRun } from "./training-run.ts";

/** Copies the options now: the run reads them later, and the caller may reuse the object. */
function takeOptions(options: TrainOptions): TrainOptions {
  if (typeof options !== "object" || options === null) {
    throw new JobError(`train: options are ${String(options)}, expected an object, such as { workers: 2 }`);
  }
  const taken = { ...options };
  const { checkpoint, out } = taken;
  // Makes paths absolute, as the process may change its directory. Invalid values are refused later.
  if (typeof out === "string" && out !== "") taken.out = resolve(out);
  if (typeof checkpoint?.directory === "string" && checkpoint.directory !== "") {
    taken.checkpoint = { ...checkpoint, directory: resolve(checkpoint.directory) };
  }
  return frozenCopy(taken);
}

/**
 * Trains a job on several threads.
 *
 * @param job URL (`import.meta.url`, `new URL(…)`) or path of a module whose default export is a job
 * @param options copied now: you may change the object afterwards
 * @typeParam M the class of the job's model, as in the result
 * @returns a run: await it for the result, iterate over it for events, `stop()` it. It rejects with a JobError if the
 * job or an option is wrong, and with a WorkerError if a worker fails or dies. If `signal` aborts it, it rejects with the
 * signal's reason
 * @throws JobError if a job module calls it while it is imported for a run
 */
export function train<M extends AnyModule = Module>(
  job: string | URL,
  options: TrainOptions = {},
): TrainingRun<M> {
  return trainWatched<M>(job, options, {});
}

/** The same, with an onlooker. */
export function trainWatched<M extends AnyModule = Module>(
  job: string | URL,
  options: TrainOptions,
  onlooker: Onlooker,
): TrainingRun<M> {
  refuseWhileLoading("train");
  const taken = new Promise<{ launch: Launch; options: TrainOptions }>((resolve) => {
    requireSurroundings("train");
    const url = jobUrlOf("train", job);
    noteGraph(url);
    noteCaller(url);
    resolve({ launch: launchNow(url, findWorker("train", url)), options: takeOptions(options) });
  });
  // The run reports it.
  taken.catch(() => undefined);
  const signal = options?.signal instanceof AbortSignal ? options.signal : undefined;
  return new TrainingRun(async (publish, stopRequested) => {
    const { launch, options } = await taken;
    // Imported here: each worker imports this package with its job, and must not load what only the main thread needs,
    // such as Piscina.
    const { coordinate } = await import("./run/coordinator.ts").catch((error: unknown) => {
      throw explainPiscina("train", error);
    });
    const emit = (event: TrainEvent) => {
      onlooker.event?.(event);
      publish(event);
    };
    const steps = onlooker.steps?.bind(onlooker);
    const glances = onlooker.glances?.bind(onlooker);
    const marks = onlooker.marks?.bind(onlooker);
    const kernels = onlooker.kernels?.bind(onlooker);
    const told = {
      ...(steps && { steps }),
      ...(glances && { glances }),
      ...(marks && { marks }),
      ...(kernels && { kernels }),
    };
    const begin = async () => await onlooker.begin?.();
    const watcher = { begin, emit, stopRequested, ...told };
    return await beheld(onlooker, () => coordinate<M>(launch, options, watcher));
  }, signal);
}

/** Lets an onlooker end with its run. */
async function beheld<T>(onlooker: Onlooker, run: () => Promise<T>): Promise<T> {
  let failure: { error: unknown } | undefined;
  try {
    return await run();
  } catch (error) {
    failure = { error };
    throw error;
  } finally {
    await onlooker.end?.(failure);
  }
}
