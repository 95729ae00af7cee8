// When a run ends before its last epoch because a value has stopped improving. Every worker comes to the same decision by
// itself, from values that are the same bits on all of them: nobody asks anybody. Knows nothing of threads.
import { JobError } from "./errors.ts";

/** When to give up. */
export interface EarlyStoppingRule {
  /** A metric of the job, or "loss": the mean training loss of the epoch. */
  metric: string;
  /** Epochs in a row without improvement that end the run. */
  patience: number;
  /** A change of no more than this is no improvement; 0 if absent. */
  minDelta?: number;
  /** What improvement is; "min" for "loss", "max" for metrics if absent. */
  direction?: "min" | "max";
}

const parts = ["metric", "patience", "minDelta", "direction"];

/** Checks what needs no metrics. */
export function checkEarlyStopping(rule: unknown): void {
  const problem = (reason: string) => new JobError(`defineJob: earlyStopping ${reason}`);
  if (typeof rule !== "object" || rule === null) {
    throw problem(`is ${String(rule)}, expected { ${parts.join(", ")} }`);
  }
  const { metric, patience, minDelta = 0, direction } = rule as Partial<EarlyStoppingRule>;
  const unknown = Object.keys(rule).find((name) => !parts.includes(name));
  if (unknown) throw problem(`has no part "${unknown}"; there are ${parts.join(", ")}`);
  if (typeof metric !== "string") {
    throw problem(`metric is ${String(metric)}, expected "loss" or the name of a metric`);
  }
  if (!(Number.isSafeInteger(patience) && (patience as number) >= 1)) {
    throw problem(`patience is ${String(patience)}, expected an integer of at least 1`);
  }
  if (!(Number.isFinite(minDelta) && minDelta >= 0)) {
    throw problem(`minDelta is ${String(minDelta)}, expected a number of at least 0`);
  }
  if (direction !== undefined && direction !== "min" && direction !== "max") {
    throw problem(`direction is ${String(direction)}, expected "min" or "max"`);
  }
}

/** What an epoch brought. */
export interface EpochValues {
  loss: number;
  /** In the order of the metrics' names. */
  metrics: readonly number[];
}

/** Follows one value from epoch to epoch. */
export class EarlyStopping {
  readonly #rule: Required<EarlyStoppingRule>;
  readonly #metric: number;
  #best = 0;
  /** 0 as long as no value was finite. */
  #bestEpoch = 0;
  #epoch = 0;

  /**
   * @param metrics names of the metrics that are evaluated
   * @throws JobError if the one to follow is not among them
   */
  constructor(rule: EarlyStoppingRule, metrics: readonly string[]) {
    const { metric, patience, minDelta = 0 } = rule;
    this.#metric = metrics.indexOf(metric);
    const ofTraining = metric === "loss" && this.#metric < 0;
    if (this.#metric < 0 && !ofTraining) {
      throw new JobError(
        `train: earlyStopping looks at ${metric}, but what is evaluated is ${metrics.join(", ") || "nothing"}; name one of these, or "loss"`,
      );
    }
    const { direction = ofTraining ? "min" : "max" } = rule;
    this.#rule = { metric, patience, minDelta, direction };
  }

  /** Takes an epoch into account; true if it is the last. */
  observe({ loss, metrics }: EpochValues): boolean {
    const value = this.#metric < 0 ? loss : metrics[this.#metric]!;
    const { patience, minDelta, direction } = this.#rule;
    this.#epoch++;
    const gain = direction === "min" ? this.#best - value : value - this.#best;
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
