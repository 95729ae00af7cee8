// Which epoch is the best so far, by one value per epoch. Every worker decides by itself, from values that are
// bit-identical on all of them. Knows nothing of threads, nor of what follows from it.
import type { BestBy } from "../checkpoint/retention.ts";
import type { PlannedMetric } from "../metrics/plan.ts";
import type { EpochValues, Steering } from "../metrics/steering.ts";
import { gainOver, steerBy } from "../metrics/steering.ts";

/** What ranks the epochs, and the best value when the run began. */
export interface BestSoFar extends BestBy {
  /** The value of the saved best; undefined if there is none. */
  value: number | undefined;
  /** The first epoch, counted from 0, to compare with it. */
  from: number;
}

export class BestEpoch {
  readonly #steering: Steering;
  #best: number | undefined;

  constructor({ metric, value }: BestSoFar, metrics: readonly PlannedMetric[]) {
    this.#steering = steerBy(metric, metrics);
    this.#best = value;
  }

  /** Records an epoch; returns true if it beats all before. NaN is never best. */
  observe(epoch: EpochValues): boolean {
    const value = this.#steering.of(epoch);
    if (Number.isNaN(value)) return false;
    if (this.#best !== undefined && !(gainOver(this.#best, value, this.#steering.direction) > 0))
      return false;
    this.#best = value;
    return true;
  }
}
