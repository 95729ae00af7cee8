// What a page about a run shows, as plain data that crosses to the browser as JSON. Types only: the page's script
// imports them, too. A number that is not finite is null there.
import type { BestCheckpoint, MemoryBudget, MetricValue, PhaseTimes, StartEvent } from "@shardgrad/parallel";

export type Maybe = number | null;

/** Columns over steps; each place is the mean of some consecutive steps, and `step` is the last of them. */
export interface StepColumns {
  step: number[];
  loss: Maybe[];
  lr: Maybe[];
  gradNorm: Maybe[];
  samplesPerSecond: Maybe[];
  waitShare: Maybe[];
}

/** What an epoch came to. */
export interface EpochData {
  epoch: number;
  step: number;
  loss: Maybe;
  testLoss: Maybe;
  lr: Maybe;
  gradNorm: Maybe;
  samplesPerSecond: Maybe;
  waitShare: Maybe;
  /** The metrics that are single numbers. */
  metrics: Record<string, Maybe>;
}

export interface RunData {
  job: string;
  /** When it began, and how far that time is now, in milliseconds. */
  beganMs: number;
  nowMs: number;
  state: "training" | "done" | "stopped" | "failed";
  /** Why it ended before its last step. */
  reason?: string;
  step: number;
  samplesPerSecond: Maybe;
  waitShare: Maybe;
  start: Omit<StartEvent, "memory">;
  memory: MemoryBudget;
  /** Options that were given. */
  options: [name: string, value: string][];
  steps: StepColumns;
  epochs: EpochData[];
  /** The newest value of each metric that is no single number. */
  nested: Record<string, MetricValue>;
  phaseMs?: PhaseTimes;
  best?: BestCheckpoint;
  weightsSha256?: string;
  out?: string;
  /** What happened besides, with the step. */
  notes: { step: number; text: string }[];
}
