// Ends a run before its last epoch when a value has stopped improving. Every worker decides by itself, from values that
// are bit-identical on all of them, so nobody asks anybody. Knows nothing of threads.
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
  /** A metric of the job that says its direction, or "loss": the mean training loss of the epoch, lower is better. */
  metric: string;
  /** The run ends after so many epochs in a row without improvement. */
  patience: number;
  /** The least change that counts as an improvement; it must be exceeded. Default 0. */
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

/** @throws JobError unless it is a valid rule for a job with these metrics */
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
  /** 0 until a value is finite. */
  #bestEpoch = 0;
  #epoch = 0;

  constructor(rule: EarlyStoppingRule, metrics: readonly PlannedMetric[]) {
    this.#rule = rule;
    this.#steering = steerBy(rule.metric, metrics);
  }

  /** Records an epoch; returns true if it is the last one. */
  observe(epoch: EpochValues): boolean {
    const { patience, minDelta = 0 } = this.#rule;
    const value = this.#steering.of(epoch);
    this.#epoch++;
    const gain = gainOver(this.#best, value, this.#steering.direction);
    // NaN is never an improvement, but any number after NaN is.
    if (Number.isFinite(value) && (this.#bestEpoch === 0 || gain > minDelta)) {
      this.#best = value;
      this.#bestEpoch = this.#epoch;
    }
    return this.#epoch - this.#bestEpoch >= patience;
  }

  /** Says why the run ended. */
  get reason(): string {
    const { metric, patience } = this.#rule;
    const best =
      this.#bestEpoch === 0
        ? "was never finite"
        : `was best, ${Number(this.#best.toPrecision(6))}, in epoch ${this.#bestEpoch}`;
    return `${metric} ${best}, and has not improved in ${patience} ${patience === 1 ? "epoch" : "epochs"}`;
  }
}
