// What the bench and a contender, a child process, tell each other: one JSON object per line, one answer per command,
// in turn. A contender is idle between commands, and ends when its standard input does. Types only.
import type { ZooModel } from "./zoo.ts";

/** Builds the network from the files in `folder`, checks it, and warms up. */
export interface PrepareCommand {
  command: "prepare";
  model: ZooModel;
  /**
   * The files that `reference` wrote: `weights.bin` (float32, all parameters in shardgrad's order and layout), `x.bin`
   * (float32, or int32 tokens) and `y.bin` (int32 labels), with all batches one after another.
   */
  folder: string;
  /** Threads, workers or ranks. Contenders with a fixed number ignore it. */
  workers: number;
  /** Steps on the first batch alone; their losses are compared with the reference's. */
  checkSteps: number;
}

/** Trains `warm` steps unmeasured, then about `steps` measured ones. */
export interface RunCommand {
  command: "run";
  warm: number;
  steps: number;
}

export interface Prepared {
  /** Number of trainable numbers. */
  parameters: number;
  /** Loss of each check step, before its update. */
  losses: number[];
  /** A first guess. */
  msPerStep: number;
  /** Name and version of the library, and of its backend. */
  version: string;
}

export interface Turn {
  /** The time of the measured steps, and their number. */
  ms: number;
  steps: number;
}

/** Every answer also reports on the process. */
export interface Vitals {
  /** Its peak resident memory, summed over its processes. */
  peakMemoryBytes: number;
  /** The share of one core that it used since its last answer, while idle. */
  idleShare: number;
}

export type Answer<T> = ({ ok: true } & T & Vitals) | { ok: false; reason: string };

/** Every command to a child. */
export type Command = PrepareCommand | RunCommand;
