// The predicted numbers. simulate.ts computes them.

/** `strong`: the machines share the batch. `weak`: each has a batch of that size. */
export type MachinesMode = "strong" | "weak";

/** What a number of machines would do on a network. */
export interface MachinesRow {
  mode: MachinesMode;
  bitsPerSecond: number;
  machines: number;
  /** Samples and shards of a step, over all machines. */
  batchSize: number;
  shards: number;
  /** What a machine's own part of a step takes, what the network adds, and both. */
  localMs: number;
  networkMs: number;
  msPerStep: number;
  samplesPerSecond: number;
  /** Samples per second, relative to one machine; and that by the number of machines. */
  speedup: number;
  efficiency: number;
}

/** The result of `simulateMachines`: plain data that can be JSON. */
export interface Simulation {
  rows: MachinesRow[];
  /** Numbers of machines that cannot share the batch, with the reason. */
  refused: { machines: number; reason: string }[];
  /** What follows from the numbers, sentence by sentence. */
  advice: string[];
  /** Workers of each machine. */
  workers: number;
  gradientBytes: number;
  latencySeconds: number;
  overlap: boolean;
}
