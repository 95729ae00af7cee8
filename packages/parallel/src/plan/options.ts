// From a job and the options of a run to checked numbers.
import type { KernelChoice } from "@shardgrad/core";
import type { OptionNames } from "@shardgrad/core/engine";
import { checkParts } from "../check-parts.ts";
import type { BestBy } from "../checkpoint/retention.ts";
import { planEpoch, stepsPerEpoch } from "../data/sampling.ts";
import { JobError } from "../errors.ts";
import type { Callbacks } from "../events.ts";
import type { Job, RunJob } from "../job/define-job.ts";
import { requireCount } from "../job/define-job.ts";
import type { NonFiniteRule, StepRules } from "../job/step-rules.ts";
import { checkNonFiniteRule } from "../job/step-rules.ts";
import type { ParamSettings } from "../params.ts";
import type { SnapshotSchedule } from "../shared/snapshots.ts";
import type { ReduceMode } from "../step/allreduce.ts";
import type { CheckpointOptions } from "./checkpoint-options.ts";
import { checkCheckpointOptions, checkpointSteps } from "./checkpoint-options.ts";
import { usableCores } from "./cpu-limit.ts";
import type { LocalSchedule } from "./local-schedule.ts";
import { nextMeeting, planLocalSchedule } from "./local-schedule.ts";

export interface TrainOptions extends Callbacks {
  /** Threads that compute; as many as there are cores, or as the container or control group allows, if absent. */
  workers?: number;
  /** Parts of a batch; results depend on it, not on `workers`. As many as workers if absent. */
  shards?: number;
  epochs?: number;
  /** Stops after so many steps, or at the next meeting with `syncEvery`; without `epochs`, also more than the job's epochs. */
  steps?: number;
  batchSize?: number;
  /** Micro-batches of `batchSize` samples in one optimizer step. */
  accumulate?: number;
  seed?: number;
  /**
   * Local SGD: each shard trains weights of its own, and every so many steps of an epoch, and at its end, all are averaged.
   * A run can be stopped, saved and told of then only. With `hogwild`: how often workers wait for each other; 100 if absent.
   */
  syncEvery?: number;
  /** All shards update the same weights at any time, without waiting for each other: no run is like another. */
  hogwild?: boolean;
  /** Who averages; "workers" if absent. */
  reduce?: ReduceMode;
  /** What the workers compute with; "auto", the machine's BLAS if there is one, if absent. */
  kernels?: KernelChoice;
  /**
   * Record each kind of pass in its first two steps, and replay its kernels from then on; true if absent. Turn it off for
   * a job whose loss depends on something outside of tensors that changes while it trains, such as a counter of its own.
   */
  capture?: boolean;
  /** Measures where the workers' time goes, from this step (counted from 0) on: the `end` event has `phaseMs` then. */
  timePhasesFrom?: number;
  /** Saves checkpoints while the run goes on, and one of its last step. */
  checkpoint?: CheckpointOptions;
  /**
   * Goes on from the newest checkpoint in `checkpoint.directory`, exactly where it was; from the beginning if there is
   * none. "must": that is an error.
   */
  resume?: boolean | "must";
  /** How often a run in which a worker fails goes on from its last snapshot; 3 if absent, 0 for never. */
  restarts?: number;
  /**
   * A worker that gives no sign of life for so many seconds counts as failed; 300 if absent, Infinity for never. It gives
   * one at each shard's pass forward and backward, at each sample that the job computes or augments, and at each 256
   * samples of an evaluation.
   */
  stallSeconds?: number;
  /** Steps between snapshots; as often as it costs next to nothing (less than 1 % of the time) if absent. */
  snapshotEvery?: number;
  /**
   * Other values of the job's `params`, by name, as in `{ lr: 0.1 }`; or settings such as "lr=0.1", as a command line has
   * them, which take the type of the default.
   */
  params?: ParamSettings;
  /** What to do about a loss or a gradient that is not finite, instead of what the job says. */
  onNonFinite?: NonFiniteRule;
  /** Evaluate, return and write the average of the weights, which the job keeps (`ema`), in place of the last weights. */
  useEma?: boolean;
  /** File to write the final weights to, in the safetensors format. */
  out?: string;
  /**
   * When it aborts, the run stops as by `stop()`: the step that is under way is finished, and saved if there are checkpoints.
   * It then rejects with the signal's reason. If it has aborted before, nothing is begun.
   */
  signal?: AbortSignal;
}

export interface RunPlan {
  workers: number;
  shards: number;
  /** Samples drawn in an epoch, and in a step: all of its micro-batches together. */
  samples: number;
  batchSize: number;
  accumulate: number;
  seed: number;
  epochs: number;
  steps: number;
  reduce: ReduceMode;
  /** Undefined if all shards do every step together. */
  local: LocalSchedule | undefined;
  capture: boolean;
  timePhasesFrom: number | undefined;
  restarts: number;
  stallSeconds: number;
  snapshots: SnapshotSchedule;
  /** By what the best epoch is known, if it is kept. */
  best: BestBy | undefined;
  /** The job's, as the run's options change them; without functions, which cannot cross threads. */
  rules: Omit<StepRules, "ema">;
  useEma: boolean;
}

/** Threads tell each other of steps in int32 words. */
const mostSteps = 2 ** 31 - 1;

/** Every option, and the type of those that nothing else would check. */
const optionTypes: Record<keyof TrainOptions, "any" | "string" | "function" | "object" | "signal"> = {
  workers: "any",
  shards: "any",
  epochs: "any",
  steps: "any",
  batchSize: "any",
  accumulate: "any",
  seed: "any",
  syncEvery: "any",
  hogwild: "any",
  reduce: "any",
  kernels: "any",
  capture: "any",
  timePhasesFrom: "any",
  checkpoint: "object",
  resume: "any",
  restarts: "any",
  stallSeconds: "any",
  snapshotEvery: "any",
  params: "object",
  onNonFinite: "any",
  useEma: "any",
  out: "string",
  signal: "signal",
  onStepEnd: "function",
  onEpochEnd: "function",
  onEvaluate: "function",
  onCheckpoint: "function",
};

const optionNames: OptionNames = Object.fromEntries(Object.keys(optionTypes).map((name) => [name, true]));

const expectedOf = {
  string: "the path of a file",
  function: "a function",
  object: "an object, such as { directory }",
  signal: "an AbortSignal, such as controller.signal or AbortSignal.timeout(ms)",
} as const;

/**
 * Looks at the options before anything is done for them.
 *
 * @throws JobError if there is none of that name, or it is of another type
 */
export function checkOptions(options: TrainOptions): void {
  checkParts("train", options, optionNames, "option");
  for (const [name, value] of Object.entries(options)) {
    const expected = optionTypes[name as keyof TrainOptions];
    if (value === undefined || expected === "any") continue;
    const fits = expected === "signal" ? value instanceof AbortSignal : typeof value === expected;
    if (fits && value !== null) continue;
    const got = value instanceof AbortController ? "an AbortController" : JSON.stringify(value);
    throw new JobError(`train: ${name} is ${got}, expected ${expectedOf[expected]}`);
  }
}

/** @throws JobError if it is no seed */
export function runSeed(job: Pick<Job, "seed">, options: TrainOptions): number {
  const seed = options.seed ?? job.seed ?? 0;
  if (Number.isSafeInteger(seed) && seed >= 0) return seed;
  throw new JobError(`train: seed is ${seed}, expected an integer from 0 to 2^53 - 1`);
}

/** How a run is kept safe; throws if the options make no sense. */
function planSafety(
  options: TrainOptions,
  perEpoch: number,
  metrics: Job["metrics"] = {},
): Pick<RunPlan, "restarts" | "stallSeconds" | "snapshots" | "best"> {
  const { checkpoint, resume = false, restarts = 3, stallSeconds = 300, snapshotEvery } = options;
  if (!(Number.isSafeInteger(restarts) && restarts >= 0)) {
    throw new JobError(`train: restarts is ${restarts}, expected an integer of at least 0`);
  }
  if (!(stallSeconds > 0)) {
    throw new JobError(
      `train: stallSeconds is ${stallSeconds}, expected a number above 0, or Infinity for never`,
    );
  }
  if (typeof resume !== "boolean" && resume !== "must") {
    throw new JobError(`train: resume is "${String(resume)}", expected true, false or "must"`);
  }
  if (resume !== false && !checkpoint) {
    throw new JobError("train: there is nothing to resume from; give checkpoint.directory, too");
  }
  const best = checkpoint && checkCheckpointOptions(checkpoint, metrics);
  return {
    best,
    restarts,
    stallSeconds,
    snapshots: {
      recovery: restarts === 0 ? "never" : (snapshotEvery ?? "cheap"),
      checkpoints: checkpoint && checkpointSteps(checkpoint, perEpoch),
      bestOfEvery: best && perEpoch,
    },
  };
}

function definedOnly<T extends object>(parts: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(parts).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

/**
 * @param rows number of training samples
 * @throws JobError if an option is out of range, or they contradict each other
 */
export function planRun(job: RunJob, options: TrainOptions, rows: number): RunPlan {
  const { reduce = "workers", capture = true, timePhasesFrom } = options;
  if (reduce !== "workers" && reduce !== "coordinator") {
    throw new JobError(`train: reduce is "${String(reduce)}", expected "workers" or "coordinator"`);
  }
  for (const name of [
    "workers",
    "shards",
    "epochs",
    "steps",
    "batchSize",
    "accumulate",
    "snapshotEvery",
  ] as const) {
    if (options[name] !== undefined) requireCount("train", name, options[name]);
  }
  if (timePhasesFrom !== undefined && !(Number.isSafeInteger(timePhasesFrom) && timePhasesFrom >= 0)) {
    throw new JobError(
      `train: timePhasesFrom is ${timePhasesFrom}, expected the number of a step, from 0 on`,
    );
  }
  const seed = runSeed(job, options);
  const { useEma = false } = options;
  if (useEma && !job.ema) {
    throw new JobError("train: useEma, but the job keeps no average of its weights; give it ema: { decay }");
  }
  checkNonFiniteRule("train", options.onNonFinite);
  const { clipGradNorm, clipGradValue, earlyStopping } = job;
  const onNonFinite = options.onNonFinite ?? job.onNonFinite;
  const rules = definedOnly({ clipGradNorm, clipGradValue, earlyStopping, onNonFinite });
  const local = planLocalSchedule(options, job, { reduce, onNonFinite });
  const accumulate = options.accumulate ?? job.accumulate ?? 1;
  const microBatch = options.batchSize ?? job.batchSize;
  const epoch = planEpoch(job.sampling ?? {}, rows, microBatch * accumulate);
  const { batchSize } = epoch;
  const pinned = options.shards ?? job.shards;
  if (pinned !== undefined && pinned > batchSize) {
    throw new JobError(
      `train: ${pinned} shards for batches of ${batchSize} samples; every shard needs at least one sample: use fewer shards or a larger batchSize`,
    );
  }
  const most = pinned ?? Math.min(microBatch, batchSize);
  if (options.workers !== undefined && options.workers > most) {
    throw new JobError(
      `train: ${options.workers} workers for ${pinned === undefined ? `batches of ${most} samples` : `${pinned} shards`}; every worker needs at least one: use fewer workers`,
    );
  }
  const workers = options.workers ?? Math.min(usableCores(), most);
  const perEpoch = stepsPerEpoch(epoch);
  const epochs = options.epochs ?? (options.steps ? Math.ceil(options.steps / perEpoch) : job.epochs);
  const last = Math.min(epochs * perEpoch, options.steps ?? Number.POSITIVE_INFINITY);
  // A run that goes on from there must find a meeting that the whole one has, too.
  const steps = local ? nextMeeting(last - 1, local, perEpoch) : last;
  if (steps > mostSteps) {
    throw new JobError(
      `train: ${epochs} epochs of ${perEpoch} steps are ${steps} steps, expected at most 2^31 - 1; use fewer epochs, or larger batches`,
    );
  }
  // A pass then has as many samples as one over a micro-batch would.
  const shards = pinned ?? Math.min(workers * accumulate, batchSize);
  const sizes = { workers, shards, ...epoch, accumulate };
  const safety = planSafety(options, perEpoch, job.metrics);
  return { ...sizes, seed, epochs, steps, reduce, local, capture, timePhasesFrom, rules, useEma, ...safety };
}
