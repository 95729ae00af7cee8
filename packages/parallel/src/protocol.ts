// What coordinator and workers say to each other: the Comlink interface and its data. Types only.
import type { KernelSet } from "@shardgrad/core";
import type { KeptNumbers } from "./checks/kept-numbers.ts";
import type { Found } from "./checks/probe.ts";
import type { StoredColumns } from "./data/columns.ts";
import type { SamplingPlan } from "./data/sampling.ts";
import type { Phase, SerializedError } from "./errors.ts";
import type { RunLength } from "./job/build-model.ts";
import type { Sources } from "./job/sources.ts";
import type { MetricsPlan } from "./metrics/plan.ts";
import type { JobContext } from "./params.ts";
import type { RunPlan } from "./plan/options.ts";
import type { RunKernels } from "./plan/run-kernels.ts";
import type { Digest } from "./shared/digest.ts";
import type { Layout } from "./shared/layout.ts";
import type { RunState, SnapshotPlan } from "./shared/snapshots.ts";
import type { BestSoFar } from "./step/best-epoch.ts";

/** The job, as the main thread has it: each worker loads it anew, and must come to the same. */
export interface SentJob {
  url: string;
  /** Where it was defined, if the main thread did not import the module. */
  origin: string | undefined;
  /** What is known of its source. */
  sources: Sources;
  /** What its functions are given, and what optimizer() is told of the run. */
  context: JobContext;
  length: RunLength;
  /** Its model as it was built, and its optimizer, see `first-step.ts`. */
  built: Digest[];
  optimizer: string;
  /** What its functions gave before the first step; undefined if it has been compared. */
  found: Found[] | undefined;
}

/** Where a worker begins: with the run, at a checkpoint, or at a snapshot after a failure. */
export interface Beginning {
  state: RunState;
  /** The first epoch, counted from 0, that early stopping looks at: those before lack a metric. */
  observeFrom: number;
  /** By what the best epoch is known, and what there was before; undefined if it is not kept. */
  best: BestSoFar | undefined;
}

/** Everything a worker needs to know; sent once. */
export interface WorkerSetup {
  rank: number;
  plan: RunPlan;
  job: SentJob;
  begin: Beginning;
  memory: WebAssembly.Memory;
  /** The part of the memory that this worker may allocate from. */
  arena: { base: number; bytes: number };
  kernels: KernelSet;
  /** Whether every thread has a core of its own, so that spinning in a barrier pays. */
  spin: boolean;
  layout: Layout;
  sampling: SamplingPlan;
  train: StoredColumns;
  test: StoredColumns | undefined;
  metrics: MetricsPlan;
  /** What must be finite before it is saved. */
  kept: readonly KeptNumbers[];
  /** Undefined if no snapshots are to be taken. */
  snapshots: SnapshotPlan | undefined;
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
