// What coordinator and workers say to each other: the Comlink interface and its data. Types only.
import type { KernelSet } from "@shardgrad/core";
import type { KeptNumbers } from "./checks/kept-numbers.ts";
import type { Found } from "./checks/probe.ts";
import type { StoredColumns } from "./data/columns.ts";
import type { SamplingPlan } from "./data/sampling.ts";
import type { Phase, SerializedError } from "./errors.ts";
import type { Fault } from "./fault.ts";
import type { RunLength } from "./job/build-model.ts";
import type { Sources } from "./job/sources.ts";
import type { StepRules } from "./job/step-rules.ts";
import type { MetricsPlan } from "./metrics/plan.ts";
import type { JobContext } from "./params.ts";
import type { LocalSchedule } from "./plan/local-schedule.ts";
import type { RunKernels } from "./plan/run-kernels.ts";
import type { Digest } from "./shared/digest.ts";
import type { Layout } from "./shared/layout.ts";
import type { RunState, SnapshotPlan } from "./shared/snapshots.ts";
import type { ReduceMode } from "./step/allreduce.ts";
import type { BestSoFar } from "./step/best-epoch.ts";

/** Everything a worker needs to know; sent once. */
export interface WorkerSetup {
  rank: number;
  workers: number;
  jobUrl: string;
  /** Where the main thread's job was defined, if it did not import the module: this thread's must be the same one. */
  jobOrigin: string | undefined;
  /** What the job's functions are given. */
  context: JobContext;
  /** What its optimizer() is told of the run. */
  length: RunLength;
  /** What is known of the job's source: this thread must load the same. */
  sources: Sources;
  memory: WebAssembly.Memory;
  /** The part of the memory that this worker may allocate from. */
  arena: { base: number; bytes: number };
  kernels: KernelSet;
  layout: Layout;
  sampling: SamplingPlan;
  reduce: ReduceMode;
  /** When shards meet that train apart from each other; undefined if they do every step together. */
  local: LocalSchedule | undefined;
  /** Whether passes are recorded and replayed. */
  capture: boolean;
  /** The step from which on times of phases are measured, if they are. */
  timePhasesFrom: number | undefined;
  /** Whether every thread has a core of its own, so that spinning in a barrier pays. */
  spin: boolean;
  /** Steps to do in all. */
  steps: number;
  /** The first epoch, counted from 0, that early stopping looks at: those before lack a metric. */
  observeFrom: number;
  /** By what the best epoch is known, and what there was before; undefined if it is not kept. */
  best: BestSoFar | undefined;
  rules: StepRules;
  /** Whether evaluations look at the average of the weights. */
  useEma: boolean;
  /** The main thread's optimizer, see `first-step.ts`: each worker's must be the same. */
  optimizer: string;
  /** The main thread's model as it was built: each worker's must be the same. */
  built: Digest[];
  /** What the job's functions gave on the main thread; undefined if it has been compared. */
  found: Found[] | undefined;
  train: StoredColumns;
  test: StoredColumns | undefined;
  metrics: MetricsPlan;
  /** Where to begin. */
  state: RunState;
  /** What must be finite before it is saved. */
  kept: readonly KeptNumbers[];
  /** Undefined if no snapshots are to be taken. */
  snapshots: SnapshotPlan | undefined;
  /** Something to go wrong; set by tests only. */
  fault: Fault | undefined;
}

/** How a call ended. Errors are part of the value: a thrown one may not survive the way between threads. */
export type Outcome =
  | { ok: true; sources?: Sources }
  | { ok: false; aborted: true }
  | { ok: false; aborted: false; error: SerializedError; step: number; phase: Phase };

export interface WorkerApi {
  /** Imports a job, and says where it was defined: for a main thread that is in the middle of its module. */
  identify(jobUrl: string): Promise<{ origin: string | undefined } | { error: SerializedError }>;
  /**
   * Loads the native library of the kernels, if they have one. The thread must not be ended meanwhile: koffi, which finds
   * that it may make no more objects, would end the process.
   */
  loadKernels(kernels: RunKernels): Promise<Outcome>;
  /** Imports the job, builds the model and takes up the shared weights. Answers with the source that it has loaded. */
  prepare(setup: WorkerSetup): Promise<Outcome>;
  /** Does all steps. The thread answers no other call meanwhile; it is steered by the control words. */
  run(): Promise<Outcome>;
  /** Lets the Piscina task, and with it the thread's work, end. */
  close(): void;
}

/** A line for the user, which a worker sends beside its answers, on the same port. */
export interface Notice {
  notice: string;
}

/** What the Piscina task is given: the port that carries the Comlink calls. */
export interface WorkerTask {
  port: import("node:worker_threads").MessagePort;
  /** The main thread's `process.argv`. */
  argv: readonly string[];
}
