// What the bench and a contender, a child process of its own, say to each other: one JSON object a line, one answer to
// each command, in turn. A contender is idle between commands, and ends when its standard input does. Types only.
import type { TimedPhase } from "@shardgrad/parallel";
import type { ZooModel } from "./zoo.ts";

/** Builds the network from the files in `folder`, checks it, and warms up. */
export interface PrepareCommand {
  command: "prepare";
  model: ZooModel;
  /** What to train it with, if not with its own. */
  batch?: number;
  /**
   * What `reference` wrote: `weights.bin` (float32, parameters one after another in shardgrad's order and layout), `x.bin`
   * (float32, or int32 tokens) and `y.bin` (int32 labels), all batches one after another.
   */
  folder: string;
  /** Threads, workers or ranks; contenders that cannot choose ignore it. */
  workers: number;
  /** Steps to make on the first batch alone, whose losses are compared with the reference's. */
  checkSteps: number;
}

/** Trains `warm` steps unmeasured, then about `steps` measured ones. */
export interface RunCommand {
  command: "run";
  warm: number;
  steps: number;
  /** Whether to say where the workers' time goes; shardgrad alone can. */
  phases?: boolean;
}

export interface Prepared {
  /** Number of trainable numbers. */
  parameters: number;
  /** Loss of each check step, before its update. */
  losses: number[];
  /** A first guess. */
  msPerStep: number;
  /** Name and version of the library, and what computes in it. */
  version: string;
}

export interface Turn {
  /** Of the measured steps, and how many there were. */
  ms: number;
  steps: number;
  /** If asked: milliseconds that each worker spent in the phases of the measured steps. */
  phaseMs?: readonly Readonly<Record<TimedPhase, number>>[];
}

/** Every answer also tells how the process does. */
export interface Vitals {
  /** The most memory that it ever had resident, all of its processes added up. */
  peakMemoryBytes: number;
  /** Share of one core that it used since its last answer, while it had nothing to do. */
  idleShare: number;
}

export type Answer<T> = ({ ok: true } & T & Vitals) | { ok: false; reason: string };

/** The yardstick, `contenders/sgemm.ts`, is asked in the same way, for something else. */
export interface SgemmPrepareCommand {
  command: "prepare";
  /** The most threads that it is to run. */
  threads: number;
}

export interface SgemmPrepared {
  /** What multiplies. */
  kernels: string;
}

export interface SgemmRunCommand {
  command: "run";
  /** Numbers of threads to run, one after another, each for `ms`. */
  counts: readonly number[];
  ms: number;
}

export interface SgemmTurn {
  /** Of all threads together, for each of `counts`. */
  gflops: number[];
}

/** Everything that a child may be told. */
export type Command = PrepareCommand | RunCommand | SgemmPrepareCommand | SgemmRunCommand;
