// train(): that of @shardgrad/parallel, watched as its options say.
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { AnyModule, Module } from "@shardgrad/core";
import type { TrainEvent, TrainingRun } from "@shardgrad/parallel";
import type { Onlooker } from "@shardgrad/parallel/command";
import { checkOptions, isFirstMachine, trainWatched } from "@shardgrad/parallel/command";
import { requireDistinctFiles } from "./distinct-files.ts";
import type { TrainOptions, WatchOptions } from "./watch-options.ts";
import { trainOptions } from "./watch-options.ts";

/** Makes paths absolute, as the process may change its directory. Invalid values are refused later. */
const absolute = (path: unknown) => (typeof path === "string" && path !== "" ? resolve(path) : path);

/** The options of the run itself, all of them, and whether anybody looks on. */
function takeOptions({ log, report, watch, trace, ...own }: TrainOptions) {
  const given = { log: absolute(log), report: absolute(report), watch, trace: absolute(trace) };
  const watching = Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  ) as WatchOptions;
  return { run: own, all: { ...own, ...watching }, watching };
}

/**
 * Trains a job on several threads, as `train` of `@shardgrad/parallel`, which describes it. Its options also say how the
 * run is watched: `log`, `report`, `watch` and `trace`.
 */
export function train<M extends AnyModule = Module>(
  job: string | URL,
  options: TrainOptions = {},
): TrainingRun<M> {
  if (typeof options !== "object" || options === null) return trainWatched<M>(job, options, {});
  const { run, all, watching } = takeOptions(options);
  // The machines of a launch have the same run: one is watched.
  const { watched, rest } = isFirstMachine(run)
    ? { watched: watching, rest: all }
    : { watched: {}, rest: run };
  return trainWatched<M>(job, run, new Onlookers(job, rest, watched));
}

/** The file of a job, if it is one. */
const pathOfJob = (job: string | URL): string | undefined => {
  const text = String(job);
  if (text.startsWith("file:")) return fileURLToPath(text);
  return /^[a-z][a-z0-9+.-]+:/i.test(text) ? undefined : text;
};

/** All onlookers of a run as one; it loads them when the run begins. */
class Onlookers implements Onlooker {
  readonly #load: () => Promise<readonly Onlooker[]>;
  #all: readonly Onlooker[] = [];
  readonly steps?: Onlooker["steps"] & {};
  readonly glances?: Onlooker["glances"] & {};
  readonly marks?: Onlooker["marks"] & {};
  readonly kernels?: Onlooker["kernels"] & {};

  constructor(job: string | URL, options: TrainOptions, { log, report, watch, trace }: WatchOptions) {
    // Only a log needs every step.
    if (log !== undefined)
      this.steps = (...told) => {
        for (const onlooker of this.#all) onlooker.steps?.(...told);
      };
    if (report !== undefined || (watch !== undefined && watch !== false))
      this.glances = (steps) => {
        for (const onlooker of this.#all) onlooker.glances?.(steps);
      };
    if (trace !== undefined) {
      this.marks = (...told) => {
        for (const onlooker of this.#all) onlooker.marks?.(...told);
      };
      this.kernels = (...told) => {
        for (const onlooker of this.#all) onlooker.kernels?.(...told);
      };
    }
    this.#load = async () => {
      checkOptions(options, trainOptions);
      const { out, checkpoint } = options;
      requireDistinctFiles({
        "the job": pathOfJob(job),
        ...{ out, report, trace, log, checkpoint: checkpoint?.directory },
      });
      if (!this.steps && !this.glances && !this.marks) return [];
      const { beginAll, onlookersFor } = await import("./onlookers.ts");
      const onlookers = onlookersFor(job, options);
      await beginAll(onlookers);
      return onlookers;
    };
  }

  async begin(): Promise<void> {
    this.#all = await this.#load();
  }

  event(event: TrainEvent): void {
    for (const onlooker of this.#all) onlooker.event?.(event);
  }

  async end(failure?: { error: unknown }): Promise<void> {
    for (const onlooker of this.#all) await onlooker.end?.(failure);
  }
}
