// When a run ends before its last epoch because a value has stopped improving. Every worker comes to the same decision by
// itself, from values that are the same bits on all of them: nobody asks anybody. Knows nothing of threads.
import { optionNames } from "@shardgrad/core/engine";
import { checkParts } from "../check-parts.ts";
import { JobError } from "../errors.ts";
import type { Metric } from "../metrics/definition.ts";
import { steeringDirection } from "../metrics/definition.ts";
import type { PlannedMetric } from "../metrics/plan.ts";
import type { EpochValues, Steering } from "../metrics/steering.ts";
import { gainOver, steerBy } from "../metrics/steering.ts";

/** When to give up. */
export interface EarlyStoppingRule {
  /** A metric of the job that says its direction, or "loss": the mean training loss of the epoch, which is to fall. */
  metric: string;
  /** Epochs in a row without improvement that end the run. */
  patience: number;
  /** A change of no more than this is no improvement; 0 if absent. */
  minDelta?: number;
}

const parts = optionNames<EarlyStoppingRule>(
  { metric: true, patience: true, minDelta: true },
  {
    direction: "it is the metric's to say; move it there",
    mode: "the direction is the metric's to say; put it there",
    monitor: "it is called metric here",
  },
);

/** @throws JobError unless it is a rule for a job with these metrics */
export function checkEarlyStopping(
  rule: unknown,
  metrics: Readonly<Record<string, Metric<never, never, never, never>>>,
): void {
  const problem = (reason: string) => new JobError(`defineJob: earlyStopping ${reason}`);
  checkParts("defineJob: earlyStopping", rule, parts);
  const { metric, patience, minDelta = 0 } = rule as Partial<EarlyStoppingRule>;
  if (typeof metric !== "string") {
    throw problem(`metric is ${String(metric)}, expected "loss" or the name of a metric`);
  }
  if (!(Number.isSafeInteger(patience) && (patience as number) >= 1)) {
    throw problem(`patience is ${String(patience)}, expected an integer of at least 1`);
  }
  if (!(Number.isFinite(minDelta) && minDelta >= 0)) {
    throw problem(`minDelta is ${String(minDelta)}, expected a number of at least 0`);
  }
  steeringDirection("defineJob: earlyStopping looks at", metric, metrics);
}

/** Follows one value from epoch to epoch. */
export class EarlyStopping {
  readonly #rule: EarlyStoppingRule;
  readonly #steering: Steering;
  #best = 0;
  /** 0 as long as no value was finite. */
  #bestEpoch = 0;
  #epoch = 0;

  constructor(rule: EarlyStoppingRule, metrics: readonly PlannedMetric[]) {
    this.#rule = rule;
    this.#steering = steerBy(rule.metric, metrics);
  }

  /** Takes an epoch into account; true if it is the last. */
  observe(epoch: EpochValues): boolean {
    const { patience, minDelta = 0 } = this.#rule;
    const value = this.#steering.of(epoch);
    this.#epoch++;
    const gain = gainOver(this.#best, value, this.#steering.direction);
    // NaN never improves anything, but whatever comes after it does.
    if (Number.isFinite(value) && (this.#bestEpoch === 0 || gain > minDelta)) {
      this.#best = value;
      this.#bestEpoch = this.#epoch;
    }
    return this.#epoch - this.#bestEpoch >= patience;
  }

  /** Why the run ended, in words. */
  get reason(): string {
    const { metric, patience } = this.#rule;
    const best =
      this.#bestEpoch === 0
        ? "was never finite"
        : `was best, ${Number(this.#best.toPrecision(6))}, in epoch ${this.#bestEpoch}`;
    return `${metric} ${best}, and has not improved in ${patience} ${patience === 1 ? "epoch" : "epochs"}`;
  }
}
