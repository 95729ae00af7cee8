// What coordinator and workers tell each other: the Comlink interface and its data.
import type { KernelSet } from "@shardgrad/core";
import type { SharedMemory } from "@shardgrad/core/engine";
import type { KeptNumbers } from "./checks/kept-numbers.ts";
import type { Found } from "./checks/probe.ts";
import type { StoredColumns } from "./data/columns.ts";
import type { SamplingPlan } from "./data/sampling.ts";
import type { Phase, SerializedError } from "./errors.ts";
import type { RunLength } from "./job/build-model.ts";
import type { Sources } from "./job/sources.ts";
import type { MetricsPlan } from "./metrics/plan.ts";
import type { JobContext } from "./params.ts";
import type { RunKernels } from "./plan/run-kernels.ts";
import type { RunPlan } from "./plan/run-plan.ts";
import type { Digest } from "./shared/digest.ts";
import type { Layout } from "./shared/layout.ts";
import type { RunState, SnapshotPlan } from "./shared/snapshots/snapshots.ts";
import type { BestSoFar } from "./step/best-epoch.ts";

/** The job as the main thread has it. Each worker loads it and must get the same. */
export interface SentJob {
  url: string;
  /** Where it was defined, if the main thread did not import the module. */
  origin: string | undefined;
  /** What is known of its source. */
  sources: Sources;
  /** The context of its functions, and the length of the run for optimizer(). */
  context: JobContext;
  length: RunLength;
  /** Its model as built, and its optimizer, see `first-step.ts`. */
  built: Digest[];
  optimizer: string;
  /** The results of its functions before the first step; undefined if already compared. */
  found: Found[] | undefined;
}

/** Where a worker begins: at the start of the run, at a checkpoint, or at a snapshot after a failure. */
export interface Beginning {
  state: RunState;
  /** The first epoch, counted from 0, that early stopping watches: earlier ones lack a metric. */
  observeFrom: number;
  /** What ranks the epochs, and the best value so far; undefined if the best is not kept. */
  best: BestSoFar | undefined;
}

/** Everything a worker needs to know; sent once. */
export interface WorkerSetup {
  rank: number;
  plan: RunPlan;
  job: SentJob;
  begin: Beginning;
  memory: SharedMemory;
  /** The memory that this worker may allocate from. */
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
  /** Undefined if the run takes no snapshots. */
  snapshots: SnapshotPlan | undefined;
}

/** What the link needs to know, the thread that speaks to other machines; sent once. Its rank is the number of workers. */
export interface LinkSetup
  extends Pick<WorkerSetup, "rank" | "plan" | "memory" | "arena" | "kernels" | "layout" | "metrics"> {
  /** Evaluated samples. */
  testSamples: number;
  begin: Pick<Beginning, "state">;
  /** The package with the transport. */
  transportUrl: string;
}

/** Whether a setup is the link's. */
export const isLink = (setup: WorkerSetup | LinkSetup): setup is LinkSetup => "transportUrl" in setup;

/** The outcome of a call. Errors are part of the value, as a thrown one may not survive the way between threads. */
export type Outcome =
  | { ok: true; sources?: Sources }
  | { ok: false; aborted: true }
  | { ok: false; aborted: false; error: SerializedError; step: number; phase: Phase };

export interface WorkerApi {
  /** Imports a job, and says where it was defined. For a main thread that is still loading its module. */
  identify(jobUrl: string): Promise<{ origin: string | undefined } | { error: SerializedError }>;
  /**
   * Loads the native library of the kernels, if they have one. Nothing may end the thread meanwhile: koffi would find
   * that it cannot create objects, and end the process.
   */
  loadKernels(kernels: RunKernels): Promise<Outcome>;
  /**
   * Imports the job, builds the model and binds it to the shared weights. Answers with the source that it has loaded.
   * The link opens its connection: through koffi, so the same holds there.
   */
  prepare(setup: WorkerSetup | LinkSetup): Promise<Outcome>;
  /** Does all steps. The thread answers no other call meanwhile; the control words steer it. */
  run(): Promise<Outcome>;
  /** Ends the Piscina task, and so the thread's work. */
  close(): void;
}

/** A line for the user, which a worker sends on the same port as its answers. */
export interface Notice {
  notice: string;
}

/** The input of the Piscina task: the port for the Comlink calls. */
export interface WorkerTask {
  port: import("node:worker_threads").MessagePort;
  /** The main thread's `process.argv`. */
  argv: readonly string[];
}
