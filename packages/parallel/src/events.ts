// The typed events of a run, to iterate over or to listen to. cli/event-lines.ts prints them.
import type { AnyModule, KernelSet, Module } from "@shardgrad/core";
import type { Committed, Phase } from "./errors.ts";
import type { Direction } from "./metrics/definition.ts";
import type { ToldMetrics } from "./metrics/plan.ts";
import type { Params } from "./params.ts";
import type { MemoryBudget } from "./plan/memory-budget.ts";
import type { TimedPhase } from "./shared/tables/phase-clock.ts";
import type { StepRecord, ToldRates } from "./shared/tables/step-records.ts";
import type { ReduceMode } from "./step/allreduce.ts";

export interface StartEvent {
  type: "start";
  /** Of this machine. */
  workers: number;
  /** On several machines: how many, this one's number, counted from 0, and what connects them: `"Open MPI 4.1.4"`. */
  machines?: number;
  machine?: number;
  network?: string;
  /** How many threads can compute at once here, by processors, affinity, and the container's limit. */
  cores: number;
  shards: number;
  /** What computes float32. */
  kernels: KernelSet;
  /** True if WebAssembly takes 64-bit addresses, as the process has more than 4 GiB of shared memory. */
  memory64?: true;
  /** The instructions of machine code, if it computes: `"AVX-512"`, `"AVX2"` or `"NEON"`. */
  native?: string;
  /** Why "auto" uses no machine code although @shardgrad/native is installed. */
  noNative?: string;
  /** The library, if it is a BLAS. */
  blas?: string;
  /** Why "auto" uses no BLAS although @shardgrad/blas is installed, if it looked for one. */
  noBlas?: string;
  /** The job's `params`, with the values of this run. */
  params: Params;
  /** Numbers in the model's parameters, and how many of them are frozen, if any. */
  parameters: number;
  frozen?: number;
  trainSamples: number;
  /** Evaluated samples: the job's test set, or what its `validation` holds out. */
  testSamples: number;
  /** Which of them. */
  evaluates: "test" | "validation";
  /** The metrics that the run evaluates: the shape of each, `[]` for a single number, and which direction is better. */
  metrics: Readonly<Record<string, { shape: readonly number[]; direction?: Direction }>>;
  /** Groups of parameters, each with a learning rate of its own. */
  groups: number;
  /** Samples in one step, including all its micro-batches. */
  batchSize: number;
  /** Micro-batches in one step. */
  accumulate: number;
  epochs: number;
  /** Steps of the whole run. */
  steps: number;
  stepsPerEpoch: number;
  seed: number;
  reduce: ReduceMode;
  /** With Local SGD: the most steps between synchronization points. */
  syncEvery?: number;
  /** True if all shards update the same weights at any time. */
  hogwild?: boolean;
  /** What the run needs, and what is available. */
  memory: MemoryBudget;
}

/** Milliseconds in each phase, by worker. */
export type PhaseTimes = readonly Readonly<Record<TimedPhase, number>>[];

/** Comes several times a second during training. */
export interface ProgressEvent {
  type: "progress";
  /** Steps done so far, out of `steps`. */
  step: number;
  steps: number;
  epoch: number;
  /** For the run so far, see `EndEvent`. */
  samplesPerSecond: number;
  waitShare: number;
  /** So far, see `EndEvent`. */
  phaseMs?: PhaseTimes;
}

export interface EpochEvent extends ToldRates, ToldMetrics {
  type: "epoch";
  /** Counted from 1. */
  epoch: number;
  /** Steps done so far. Not a multiple of `stepsPerEpoch` if the run ended within the epoch. */
  step: number;
  /** Mean training loss over the epoch's samples. */
  loss: number;
  /**
   * The norm of the averaged gradient in its last step, before clipping. Both it and the learning rate are NaN if that
   * step was skipped.
   */
  gradNorm: number;
  /** For this epoch, see `EndEvent`. */
  samplesPerSecond: number;
  waitShare: number;
}

export interface BestCheckpoint {
  /** Its directory. */
  path: string;
  /** The metric that ranks the epochs, and its value. */
  metric: string;
  value: number;
}

export interface EndEvent extends ToldMetrics {
  type: "end";
  steps: number;
  /** From the start of the workers until the last evaluation and the last save are done. */
  seconds: number;
  /**
   * Training samples per second of step time, over the whole run. Excludes evaluations, saves, start-up, and the
   * workers' first two steps, which record passes, unless there are no others. 0 without steps.
   */
  samplesPerSecond: number;
  /**
   * The share of the time since the first step began that workers waited for each other, 0 to 1, averaged over them. If it is high, steps are too
   * short to share, or shards too unequal: use fewer workers, or a larger batch.
   */
  waitShare: number;
  /** True if passes were recorded and replayed; false if that was off, or impossible (a warning says why). */
  captured: boolean;
  /** SHA-256 of the final weights' bytes in parameter order. */
  weightsSha256: string;
  /** True if the run was stopped before its last step. */
  stopped: boolean;
  /** The reason, if the job's `earlyStopping` ended it. */
  stoppedEarly?: string;
  /** Steps left out because something was not finite (`onNonFinite: "skip"`), or because their samples had no weight. */
  skipped: number;
  /**
   * With `timePhasesFrom`: milliseconds that each worker spent in each phase, from that step on. Estimated from some
   * steps if a page looks on (`report`, `watch` of the package shardgrad). `wait` is the time in
   * barriers until the last worker arrived. `wake` is the time from then until this one continued; with `reduce:
   * "coordinator"` it includes the coordinator's averaging. `other` lies between a barrier and the next phase.
   * Barriers of evaluations count as `evaluate`; all other phases together are the time of the steps.
   */
  phaseMs?: PhaseTimes;
  /** The best checkpoint, with the option `checkpoint.best`. */
  best?: BestCheckpoint;
  /** Where the weights were written, if anywhere. */
  out?: string;
}

/** A worker failed. The run continues from a snapshot, to the same bits as without the failure. */
export interface RestartEvent {
  type: "restart";
  /** Which worker failed, where, and with what message. */
  rank: number;
  failedStep: number;
  phase: Phase;
  message: string;
  /** Steps done when the snapshot was taken. */
  fromStep: number;
  /** The number of this restart, and the most there may be. */
  restart: number;
  restarts: number;
}

/** A worker is much slower than the others, which wait for it in every step. Reported once per worker. */
export interface StragglerEvent {
  type: "straggler";
  rank: number;
  /** Its time per sample, as a multiple of the other workers' median, and the number of steps compared. */
  ratio: number;
  steps: number;
}

/** The run resumes from a checkpoint, or starts because there is none. */
export interface ResumeEvent {
  type: "resume";
  /** Its directory; absent if there is no intact one. */
  path?: string;
  /** Steps and epochs that were done. */
  step: number;
  epoch: number;
  /** What changes from here on, compared to the run that wrote it: "clipGradNorm 1 instead of none". */
  changes: readonly string[];
  /** Notes for the user: newer checkpoints that are damaged, other kernels than before. */
  notes: readonly string[];
}

/** A save succeeded or failed. */
export interface CheckpointEvent {
  type: "checkpoint";
  step: number;
  epoch: number;
  /** Whether the checkpoint is safely on the disk; "perhaps" if a power cut may undo it. */
  committed: "yes" | Committed;
  /** Its directory, if it is there. */
  path?: string;
  /** The error, if it is not. */
  error?: string;
  /** Older checkpoints that were removed. */
  removed: readonly string[];
  notes: readonly string[];
}

export type TrainEvent =
  | StartEvent
  | ResumeEvent
  | ProgressEvent
  | EpochEvent
  | CheckpointEvent
  | RestartEvent
  | StragglerEvent
  | EndEvent;

export type EventType = TrainEvent["type"];

/** Every event, and whether a run has at most one of it. A loop that begins late still gets those. */
export const eventTypes: Readonly<Record<EventType, "once" | "often">> = {
  start: "once",
  resume: "once",
  progress: "often",
  epoch: "often",
  checkpoint: "often",
  restart: "often",
  straggler: "often",
  end: "once",
};

/** The result of `await train(…)`. */
export interface TrainResult<M extends AnyModule = Module> extends EndEvent {
  /** The trained model, on this thread. */
  model: M;
}

/** The record of one step. */
export interface StepEnd extends Omit<StepRecord, "lrs">, ToldRates {
  /** Counted from 1. */
  step: number;
  /** Counted from 1. */
  epoch: number;
}

/** The results of one evaluation. */
export interface Evaluation extends ToldMetrics {
  /** Steps done so far. */
  step: number;
  epoch: number;
}

/** Functions that a run calls on the main thread. The training does not wait for them. An error in one ends the run. */
export interface Callbacks {
  /** Called after every step, in order; several at once, since training is faster than its observer. */
  onStepEnd?: (step: StepEnd) => void;
  /** Called after every epoch, also a partial last one. */
  onEpochEnd?: (epoch: EpochEvent) => void;
  /** Called after every evaluation, before `onEpochEnd`. */
  onEvaluate?: (evaluation: Evaluation) => void;
  /** Called after every save, also a failed one. */
  onCheckpoint?: (checkpoint: CheckpointEvent) => void;
}
