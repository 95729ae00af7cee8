// Which epoch is the best so far, by one value of each. Every worker comes to the same answer by itself, from values that are
// the same bits on all of them. Knows nothing of threads, and nothing of what is done about it.
import type { BestBy } from "../checkpoint/retention.ts";
import type { PlannedMetric } from "../metrics/plan.ts";
import type { EpochValues, Steering } from "../metrics/steering.ts";
import { gainOver, steerBy } from "../metrics/steering.ts";

/** By what the best is known, and what there was when the run began. */
export interface BestSoFar extends BestBy {
  /** The value of the best that is saved; undefined if there is none. */
  value: number | undefined;
  /** The first epoch, counted from 0, that is compared with it. */
  from: number;
}

export class BestEpoch {
  readonly #steering: Steering;
  #best: number | undefined;

  constructor({ metric, value }: BestSoFar, metrics: readonly PlannedMetric[]) {
    this.#steering = steerBy(metric, metrics);
    this.#best = value;
  }

  /** Takes an epoch into account; true if it is better than all before. NaN is never best. */
  observe(epoch: EpochValues): boolean {
    const value = this.#steering.of(epoch);
    if (Number.isNaN(value)) return false;
    if (this.#best !== undefined && !(gainOver(this.#best, value, this.#steering.direction) > 0))
      return false;
    this.#best = value;
    return true;
  }
}
