// Turns a job and the options of a run into checked numbers.
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
  /** Threads that compute. By default as many as the cores, or as the container or control group allows. */
  workers?: number;
  /** Parts of a batch. Results depend on it, not on `workers`. Default: the number of workers. */
  shards?: number;
  epochs?: number;
  /**
   * Stops after so many steps, or, with `syncEvery`, at the next synchronization point. Without `epochs`, it may exceed
   * the job's epochs.
   */
  steps?: number;
  batchSize?: number;
  /** Micro-batches of `batchSize` samples in one optimizer step. */
  accumulate?: number;
  seed?: number;
  /**
   * Local SGD: each shard trains its own weights, which are averaged after every so many steps of an epoch and at its
   * end. Only then can a run stop, save and report. With `hogwild`: how often workers wait for each other; default 100.
   */
  syncEvery?: number;
  /** All shards update the same weights at any time, without waiting for each other. No two runs are equal. */
  hogwild?: boolean;
  /** Who averages the gradients. Default "workers". */
  reduce?: ReduceMode;
  /** What the workers compute with. The default, "auto", uses the machine's BLAS if there is one. */
  kernels?: KernelChoice;
  /**
   * Records each kind of pass in its first two steps, and then replays its kernels. Default true. Turn it off if the
   * loss depends on something outside of tensors that changes during training, such as a counter.
   */
  capture?: boolean;
  /** From this step (counted from 0) on, measures where the workers' time goes; adds `phaseMs` to the `end` event. */
  timePhasesFrom?: number;
  /** Saves checkpoints during the run, and one of its last step. */
  checkpoint?: CheckpointOptions;
  /**
   * Continues from the newest checkpoint in `checkpoint.directory`, exactly where it was; without one, starts from the
   * beginning, or, with "must", fails.
   */
  resume?: boolean | "must";
  /** How often a run may restart from its last snapshot after a worker fails. Default 3; 0 for never. */
  restarts?: number;
  /**
   * A worker that gives no sign of life for so many seconds counts as failed. Default 300; Infinity for never. A sign
   * of life is each shard's forward and backward pass, each sample that the job computes or augments, and each 256
   * evaluated samples.
   */
  stallSeconds?: number;
  /** Steps between snapshots. By default as often as they cost less than 1 % of the time. */
  snapshotEvery?: number;
  /**
   * Overrides the job's `params` by name, as in `{ lr: 0.1 }`. Also takes settings such as "lr=0.1" from a command
   * line, which get the type of the default.
   */
  params?: ParamSettings;
  /** Overrides how the job handles a loss or gradient that is not finite. */
  onNonFinite?: NonFiniteRule;
  /** Evaluates, returns and writes the average of the weights (the job's `ema`) in place of the last weights. */
  useEma?: boolean;
  /** File for the final weights, in the safetensors format. */
  out?: string;
  /**
   * When it aborts, the run stops as by `stop()`: it finishes the current step, saves if it has checkpoints, and
   * rejects with the signal's reason. If it has aborted before, the run does not begin.
   */
  signal?: AbortSignal;
}

export interface RunPlan {
  workers: number;
  shards: number;
  /** Samples per epoch and per step; a step includes all its micro-batches. */
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
  /** What ranks the epochs, if the best one is kept. */
  best: BestBy | undefined;
  /** The job's step rules with the run's changes; without functions, which cannot cross threads. */
  rules: Omit<StepRules, "ema">;
  useEma: boolean;
}

/** Threads share step numbers in int32 words. */
const mostSteps = 2 ** 31 - 1;

/** Every option, with the type of those that no later check covers. */
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
 * Checks the names and types of the options before anything else happens.
 *
 * @throws JobError for an unknown name or a wrong type
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

/** @throws JobError if it is not a valid seed */
export function runSeed(job: Pick<Job, "seed">, options: TrainOptions): number {
  const seed = options.seed ?? job.seed ?? 0;
  if (Number.isSafeInteger(seed) && seed >= 0) return seed;
  throw new JobError(`train: seed is ${seed}, expected an integer from 0 to 2^53 - 1`);
}

/** The options for restarts and checkpoints; throws if they make no sense. */
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
 * @throws JobError if an option is out of range, or options contradict each other
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
  // A run that resumes there must have the same synchronization points as an uninterrupted one.
  const steps = local ? nextMeeting(last - 1, local, perEpoch) : last;
  if (steps > mostSteps) {
    throw new JobError(
      `train: ${epochs} epochs of ${perEpoch} steps are ${steps} steps, expected at most 2^31 - 1; use fewer epochs, or larger batches`,
    );
  }
  // A pass then has as many samples as one over a micro-batch.
  const shards = pinned ?? Math.min(workers * accumulate, batchSize);
  const sizes = { workers, shards, ...epoch, accumulate };
  const safety = planSafety(options, perEpoch, job.metrics);
  return { ...sizes, seed, epochs, steps, reduce, local, capture, timePhasesFrom, rules, useEma, ...safety };
}
