// The value that decides something about a run from epoch to epoch: when it ends early, and which epoch is the best.
import type { Direction } from "./definition.ts";
import type { PlannedMetric } from "./plan.ts";

/** What an epoch brought. */
export interface EpochValues {
  /** Its mean training loss. */
  loss: number;
  /** The numbers of all metrics, in their order. */
  metrics: readonly number[];
}

/** A metric, or the training loss, as it is followed. */
export interface Steering {
  direction: Direction;
  of: (epoch: EpochValues) => number;
}

/** How to follow what `steeringDirection` has found to be there: the metric of that name, or the training loss. */
export function steerBy(name: string, metrics: readonly PlannedMetric[]): Steering {
  const metric = metrics.find((planned) => planned.name === name);
  if (!metric) return { direction: "min", of: ({ loss }) => loss };
  return { direction: metric.direction!, of: (epoch) => epoch.metrics[metric.cell]! };
}

/** By how much a value is better than another; NaN if one of them is. */
export function gainOver(best: number, value: number, direction: Direction): number {
  return direction === "min" ? best - value : value - best;
}
