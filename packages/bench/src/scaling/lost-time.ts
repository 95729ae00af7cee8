// Computes where the time of a step goes from the phases of all workers. Per step, averaged over the workers.
import type { TimedPhase } from "@shardgrad/parallel";
import type { Turn } from "../protocol.ts";
import { median } from "../statistics.ts";

/** Milliseconds of one step. */
export interface StepTime {
  /** Gathering the samples, forward and backward pass. */
  compute: number;
  /** Averaging the gradients. */
  reduce: number;
  /** The optimizer. */
  update: number;
  /** Until the slowest worker has arrived. */
  wait: number;
  /** From then until this one continues: the barrier itself, and late wake-ups. */
  wake: number;
  /** Bookkeeping between a barrier and the next phase. */
  other: number;
}

const partOf: Record<TimedPhase, keyof StepTime> = {
  gather: "compute",
  forward: "compute",
  backward: "compute",
  reduce: "reduce",
  update: "update",
  evaluate: "other",
  other: "other",
  wait: "wait",
  wake: "wake",
};

/** Where the time of one step of a turn goes. */
export function stepTimeOf({ phaseMs = [], steps }: Turn): StepTime {
  const time: StepTime = { compute: 0, reduce: 0, update: 0, wait: 0, wake: 0, other: 0 };
  for (const worker of phaseMs) {
    for (const [phase, ms] of Object.entries(worker)) {
      time[partOf[phase as TimedPhase]] += ms / steps / phaseMs.length;
    }
  }
  return time;
}

/** Median of each part by itself. */
export function medianStepTime(turns: readonly Turn[]): StepTime {
  const times = turns.map(stepTimeOf);
  const parts = Object.keys(times[0]!) as (keyof StepTime)[];
  const medians = parts.map((part) => [part, median(times.map((time) => time[part]))] as const);
  return Object.fromEntries(medians) as unknown as StepTime;
}
