// What a run tells while it goes on: typed events, to iterate over or to listen to.
import type { AnyModule, KernelSet, Module } from "@shardgrad/core";
import type { Committed, Phase } from "./errors.ts";
import type { MetricValue } from "./metrics/definition.ts";
import type { Params } from "./params.ts";
import type { MemoryBudget } from "./plan/memory-budget.ts";
import type { TimedPhase } from "./shared/phase-clock.ts";
import type { StepRecord, ToldRates } from "./shared/step-records.ts";
import type { ReduceMode } from "./step/allreduce.ts";

export interface StartEvent {
  type: "start";
  workers: number;
  /** Threads that can compute at the same time here: by processors, affinity, and the limit of a container. */
  cores: number;
  shards: number;
  /** What computes float32. */
  kernels: KernelSet;
  /** The library, if that is a BLAS. */
  blas?: string;
  /** Why it is none, although @shardgrad/blas is installed and the choice was "auto". */
  noBlas?: string;
  /** The job's `params`, with the values of this run. */
  params: Params;
  /** Numbers in the model's parameters, and how many of them are frozen, if any are. */
  parameters: number;
  frozen?: number;
  trainSamples: number;
  /** Samples to evaluate: the job's test set, or what its `validation` holds out. */
  testSamples: number;
  /** Which of them. */
  evaluates: "test" | "validation";
  /** Samples in one step; all its micro-batches together. */
  batchSize: number;
  /** Micro-batches in one step. */
  accumulate: number;
  epochs: number;
  /** Steps to do in all. */
  steps: number;
  stepsPerEpoch: number;
  seed: number;
  reduce: ReduceMode;
  /** Steps between meetings, if shards train apart from each other. */
  syncEvery?: number;
  /** True if all shards update the same weights at any time. */
  hogwild?: boolean;
  /** What the run needs, and what there is. */
  memory: MemoryBudget;
}

/** Several times a second, while steps are done. */
export interface ProgressEvent {
  type: "progress";
  /** Steps done so far, out of `steps`. */
  step: number;
  steps: number;
  epoch: number;
  /** Over the run so far, see `EndEvent`. */
  samplesPerSecond: number;
}

export interface EpochEvent extends ToldRates {
  type: "epoch";
  /** Counted from 1. */
  epoch: number;
  /** Steps done so far: no multiple of `stepsPerEpoch` if the run ended within the epoch. */
  step: number;
  /** Mean training loss over the epoch's samples. */
  loss: number;
  /** Each metric over the test set. */
  metrics: Record<string, MetricValue>;
  /** The norm of the averaged gradient in its last step, before clipping; NaN if that was skipped. So is the learning rate. */
  gradNorm: number;
  /** Of this epoch, see `EndEvent`. */
  samplesPerSecond: number;
}

export interface BestCheckpoint {
  /** Its directory. */
  path: string;
  /** What it is best by, and its value of that. */
  metric: string;
  value: number;
}

export interface EndEvent {
  type: "end";
  steps: number;
  /** From the start of the workers until the last evaluation is done, and the last checkpoint saved. */
  seconds: number;
  /**
   * Training samples by the time spent in steps, over the whole run. Evaluations, saving, and starting do not count, nor do the
   * first two steps of the workers, in which passes are recorded, unless there are no others. 0 if there was no step.
   */
  samplesPerSecond: number;
  /**
   * Share of the time that workers waited for each other, 0 to 1, as a mean over them. High values mean that steps are
   * too short to be shared, or shards too unequal: use fewer workers, or a larger batch.
   */
  waitShare: number;
  /** True if passes were recorded and replayed; false if they could not be (a warning says why), or were not to be. */
  captured: boolean;
  metrics: Record<string, MetricValue>;
  /** SHA-256 of the final weights' bytes in parameter order. */
  weightsSha256: string;
  /** True if the run was stopped before its last step. */
  stopped: boolean;
  /** Why, if the job's `earlyStopping` did it. */
  stoppedEarly?: string;
  /** Steps that were left out because something was not finite (`onNonFinite: "skip"`), or their samples had no weight. */
  skipped: number;
  /**
   * With `timePhasesFrom`: milliseconds that each worker spent in the phases of its steps from that one on. `wait` is the
   * time in barriers until the last worker arrived, `wake` from then until this one went on (with `reduce:
   * "coordinator"`, that includes the coordinator's averaging), `other` what lies between a barrier and the next phase.
   */
  phaseMs?: readonly Readonly<Record<TimedPhase, number>>[];
  /** The best checkpoint there is, with the option `checkpoint.best`. */
  best?: BestCheckpoint;
  /** Where the weights were written, if they were. */
  out?: string;
}

/** A worker failed, and the run goes on from a snapshot: to the same bits as if nothing had happened. */
export interface RestartEvent {
  type: "restart";
  /** Which worker failed, where, and with what message. */
  rank: number;
  failedStep: number;
  phase: Phase;
  message: string;
  /** Steps done when the snapshot was taken. */
  fromStep: number;
  /** Which restart this is, out of how many that there may be. */
  restart: number;
  restarts: number;
}

/** A worker is much slower than the others, which wait for it in every step. Told once for each. */
export interface StragglerEvent {
  type: "straggler";
  rank: number;
  /** How many times the median of the other workers its time for a sample was, and over how many steps. */
  ratio: number;
  steps: number;
}

/** The run goes on from a checkpoint, or begins anew as there is none. */
export interface ResumeEvent {
  type: "resume";
  /** Its directory; absent if there is none that is whole. */
  path?: string;
  /** Steps and epochs that were done. */
  step: number;
  epoch: number;
  /** What is another from here on than in the run that wrote it: "clipGradNorm 1 instead of none". */
  changes: readonly string[];
  /** What a person should know: newer checkpoints that are damaged, other kernels than before. */
  notes: readonly string[];
}

/** A checkpoint was saved, or could not be. */
export interface CheckpointEvent {
  type: "checkpoint";
  step: number;
  epoch: number;
  /** Whether it is on the disk to stay; "perhaps" if a power cut may undo it. */
  committed: "yes" | Committed;
  /** Its directory, if it is there. */
  path?: string;
  /** Why not, if it is not. */
  error?: string;
  /** Older ones that were removed. */
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

/** What `await train(…)` gives. */
export interface TrainResult<M extends AnyModule = Module> extends EndEvent {
  /** The trained model, on this thread. */
  model: M;
}

/** What one step brought. */
export interface StepEnd extends Omit<StepRecord, "lrs">, ToldRates {
  /** Counted from 1. */
  step: number;
  /** Counted from 1. */
  epoch: number;
}

/** What one evaluation brought. */
export interface Evaluation {
  /** Steps done so far. */
  step: number;
  epoch: number;
  metrics: Record<string, MetricValue>;
}

/** Functions that a run calls on the main thread; the training does not wait for them. An error in one ends the run. */
export interface Callbacks {
  /** After every step, in order; several at a time, as training is faster than what watches it. */
  onStepEnd?: (step: StepEnd) => void;
  /** After every epoch, and the part of one that a run may end with. */
  onEpochEnd?: (epoch: EpochEvent) => void;
  /** After every evaluation, before `onEpochEnd`. */
  onEvaluate?: (evaluation: Evaluation) => void;
  /** After every checkpoint, also one that could not be saved. */
  onCheckpoint?: (checkpoint: CheckpointEvent) => void;
}
