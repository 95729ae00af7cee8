// The value that steers a run: when it ends early, and which epoch is the best.
import type { Direction } from "./definition.ts";
import type { PlannedMetric } from "./plan.ts";

/** The results of an epoch. */
export interface EpochValues {
  /** Its mean training loss. */
  loss: number;
  /** The numbers of all metrics, in order. */
  metrics: readonly number[];
}

/** The metric, or training loss, that steers. */
export interface Steering {
  direction: Direction;
  of: (epoch: EpochValues) => number;
}

/** How to follow the value that `steeringDirection` has checked. */
export function steerBy(name: string, metrics: readonly PlannedMetric[]): Steering {
  const metric = metrics.find((planned) => planned.name === name);
  if (!metric) return { direction: "min", of: ({ loss }) => loss };
  return { direction: metric.direction!, of: (epoch) => epoch.metrics[metric.cell]! };
}

/** By how much a value is better than another; NaN if either is NaN. */
export function gainOver(best: number, value: number, direction: Direction): number {
  return direction === "min" ? best - value : value - best;
}
