// Turns a job and the options of a run into checked numbers. Each option by itself is checked in train-options.ts; this
// file checks options against each other and against the job.
import type { BestBy } from "../checkpoint/retention.ts";
import { planEpoch, stepsPerEpoch } from "../data/sampling.ts";
import { JobError } from "../errors.ts";
import type { Job, RunJob } from "../job/define-job.ts";
import type { StepRules } from "../job/step-rules.ts";
import { shareWorkers } from "../machines/agreement.ts";
import type { Machines } from "../shared/arrays/machines.ts";
import { allWorkers, alone } from "../shared/arrays/machines.ts";
import type { SnapshotSchedule } from "../shared/snapshots/snapshots.ts";
import type { ReduceMode } from "../step/allreduce.ts";
import { checkCheckpointOptions, checkpointSteps } from "./checkpoint-options.ts";
import { usableCores } from "./cpu-limit.ts";
import type { LocalSchedule } from "./local-schedule.ts";
import { nextSynchronization, planLocalSchedule } from "./local-schedule.ts";
import type { TrainOptions } from "./train-options.ts";

export interface RunPlan {
  /** Of this machine. */
  workers: number;
  machines: Machines;
  shards: number;
  /** Samples per epoch and per step; a step includes all its micro-batches. */
  samples: number;
  batchSize: number;
  accumulate: number;
  seed: number;
  epochs: number;
  steps: number;
  /** The length that learning-rate schedules are told: at least `steps`, and all epochs of a run that `steps` ends early. */
  scheduledSteps: number;
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
  const { snapshots: place = "memory" } = options;
  if (resume !== false && !checkpoint) {
    throw new JobError("train: there is nothing to resume from; give checkpoint.directory, too");
  }
  if (options.names !== undefined && options.out === undefined) {
    throw new JobError("train: names says whose names `out` has, but there is no out; name a file, too");
  }
  if (place === "off" && (options.restarts || snapshotEvery !== undefined)) {
    throw new JobError(
      `train: snapshots is "off", so a run cannot restart; leave ${options.restarts ? "restarts" : "snapshotEvery"} out, or use snapshots: "disk"`,
    );
  }
  const best = checkpoint && checkCheckpointOptions(checkpoint, metrics);
  return {
    best,
    restarts,
    stallSeconds,
    snapshots: {
      place,
      recovery: restarts === 0 || place === "off" ? "never" : (snapshotEvery ?? "cheap"),
      checkpoints: checkpoint && checkpointSteps(checkpoint, perEpoch),
      bestOfEvery: best && perEpoch,
    },
  };
}

function definedOnly<T extends object>(parts: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(parts).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

/** This machine's number, and what all machines have said of themselves. */
export interface Among {
  machine: number;
  said: readonly { workers: number | undefined; cores: number }[];
}

/** The workers here, and those of all machines. */
function planWorkers(
  { workers: named, shards: pinned }: TrainOptions,
  most: number,
  among: Among | undefined,
): Pick<RunPlan, "workers" | "machines"> {
  if (named !== undefined && named > most) {
    throw new JobError(
      `train: ${named} workers for ${pinned === undefined ? `batches of ${most} samples` : `${most} shards`}; every worker needs at least one: use fewer workers`,
    );
  }
  if (!among) {
    const workers = named ?? Math.min(usableCores(), most);
    return { workers, machines: alone(workers) };
  }
  const { machine, said } = among;
  const workers = shareWorkers(said, most);
  return { workers: workers[machine]!, machines: { machine, workers } };
}

/** @throws JobError for what one machine can do, but not several */
function requireFitForMachines({ reduce, hogwild }: TrainOptions): void {
  if (reduce === "coordinator") {
    throw new JobError(
      'train: reduce is "coordinator", which averages on one machine, but there are several; leave it out',
    );
  }
  if (hogwild) {
    throw new JobError(
      "train: with hogwild all shards update the same weights, which several machines do not have; use syncEvery",
    );
  }
}

/**
 * @param rows number of training samples
 * @param among absent on a single machine
 * @throws JobError if an option is out of range, or options contradict each other
 */
export function planRun(job: RunJob, options: TrainOptions, rows: number, among?: Among): RunPlan {
  const { reduce = "workers", capture = true, timePhasesFrom } = options;
  if (among) requireFitForMachines(options);
  const seed = runSeed(job, options);
  const { useEma = false } = options;
  if (useEma && !job.ema) {
    throw new JobError("train: useEma, but the job keeps no average of its weights; give it ema: { decay }");
  }
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
  const { workers, machines } = planWorkers(
    { ...options, ...(pinned !== undefined && { shards: pinned }) },
    most,
    among,
  );
  const perEpoch = stepsPerEpoch(epoch);
  const named = options.epochs ?? job.epochs;
  const epochs = options.epochs ?? (options.steps ? Math.ceil(options.steps / perEpoch) : job.epochs);
  const last = Math.min(epochs * perEpoch, options.steps ?? Number.POSITIVE_INFINITY);
  // A run that resumes there must have the same synchronization points as an uninterrupted one.
  const steps = local ? nextSynchronization(last - 1, local, perEpoch) : last;
  if (steps > mostSteps) {
    throw new JobError(
      `train: ${epochs} epochs of ${perEpoch} steps are ${steps} steps, expected at most 2^31 - 1; use fewer epochs, or larger batches`,
    );
  }
  // A pass then has as many samples as one over a micro-batch.
  const shards = pinned ?? Math.min(allWorkers(machines) * accumulate, batchSize);
  const sizes = { workers, machines, shards, ...epoch, accumulate };
  // Machines go on from a checkpoint: one that failed may be gone.
  const safety = planSafety(among ? { ...options, restarts: 0 } : options, perEpoch, job.metrics);
  // The same for a run that ends early, so that it can be resumed to the bits of one that did not.
  const scheduledSteps = Math.max(steps, named * perEpoch);
  const length = { epochs, steps, scheduledSteps };
  return { ...sizes, seed, ...length, reduce, local, capture, timePhasesFrom, rules, useEma, ...safety };
}
