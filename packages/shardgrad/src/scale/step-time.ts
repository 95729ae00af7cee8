// Where the time of a step goes, from the phases of all workers: milliseconds of one step, averaged over the workers.
import type { EndEvent, TimedPhase } from "@shardgrad/parallel";
import { median } from "./statistics.ts";

/** Milliseconds of one step. The parts add up to the step. */
export interface StepTime {
  /** Gathering the samples, forward and backward pass: the mean over the workers. */
  compute: number;
  /** How much longer the worker computes that computes most: the others wait for it in every step. */
  uneven: number;
  /** Waiting for whoever was late in this step, beyond that. */
  wait: number;
  /** Averaging the gradients. */
  reduce: number;
  /** The optimizer. */
  update: number;
  /** The barrier itself: from the last arrival until a worker continues. */
  barrier: number;
  /** Bookkeeping between a barrier and the next phase. */
  other: number;
}

export const stepParts = ["compute", "uneven", "wait", "reduce", "update", "barrier", "other"] as const;

/** What of a worker's phases is of a step. `evaluate` is not. */
const phasesOf = {
  compute: ["gather", "forward", "backward"],
  reduce: ["reduce"],
  update: ["update"],
  wait: ["wait"],
  barrier: ["wake"],
  other: ["other"],
} as const satisfies Partial<Record<keyof StepTime, readonly TimedPhase[]>>;

type PhaseMs = NonNullable<EndEvent["phaseMs"]>;

/** Where the time of one of so many steps goes. */
export function stepTimeOf(phaseMs: PhaseMs, steps: number): StepTime {
  const of = (part: keyof typeof phasesOf) =>
    phaseMs.map((worker) => phasesOf[part].reduce((sum, phase) => sum + worker[phase], 0) / steps);
  const mean = (values: readonly number[]) => values.reduce((sum, ms) => sum + ms, 0) / values.length;
  const computing = of("compute");
  const [compute, waiting] = [mean(computing), mean(of("wait"))];
  const uneven = Math.min(waiting, Math.max(...computing) - compute);
  return {
    compute,
    uneven,
    wait: waiting - uneven,
    reduce: mean(of("reduce")),
    update: mean(of("update")),
    barrier: mean(of("barrier")),
    other: mean(of("other")),
  };
}

/** Milliseconds of the whole step. */
export function totalOf(time: StepTime): number {
  return stepParts.reduce((sum, part) => sum + time[part], 0);
}

/** The median of each part by itself. */
export function medianStepTime(times: readonly StepTime[]): StepTime {
  const medians = stepParts.map((part) => [part, median(times.map((time) => time[part]))] as const);
  return Object.fromEntries(medians) as Record<keyof StepTime, number>;
}
