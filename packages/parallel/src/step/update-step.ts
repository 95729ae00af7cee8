// From the averaged gradient to the next step: checks for non-finite numbers, clipping, the optimizer's update, and the
// average of the weights. Each worker handles its slice. Every worker makes the decisions by itself, from shared
// numbers that are bit-identical for all. Knows no barrier: worker/step.ts has them in between.
import type { EMA, Optimizer } from "@shardgrad/core";
import { trainingKernels } from "@shardgrad/core/engine";
import { NonFiniteError } from "../errors.ts";
import type { StepRules } from "../job/step-rules.ts";
import type { Layout } from "../shared/layout.ts";
import type { SliceReducer } from "./allreduce.ts";
import { sumOverShards } from "./allreduce.ts";
import { normOfBlocks, sumBlocks } from "./gradient-norm.ts";
import { describeNonFinite } from "./non-finite.ts";

/** How many skipped steps get a line of their own; all are counted. */
const mostReports = 5;

/** Whether a job's rules need the whole average before any of it is used. */
export function needsWholeAverage({ clipGradNorm, onNonFinite }: StepRules): boolean {
  return clipGradNorm !== undefined || onNonFinite !== undefined;
}

/** What happens with the averages of each step. */
export class UpdateStep {
  /** See the function of this name. */
  readonly needsWholeAverage: boolean;
  /** Whether the average has other numbers after the update. */
  readonly changesAverage: boolean;
  /** The norm of the average, before clipping, when it was last computed. */
  norm = Number.NaN;
  /** Steps that were skipped. */
  skipped = 0;
  #weightlessTold = false;
  readonly #rules: StepRules;
  readonly #layout: Layout;
  readonly #slice: readonly [from: number, to: number];
  readonly #reducer: SliceReducer;
  readonly #optimizer: Optimizer;
  readonly #ema: EMA | undefined;
  readonly #report: (line: string) => void;
  readonly #firstShard: number;

  /**
   * @param parts `report` gets a line for the user, and does nothing on all workers but one; `shard` is the layout's
   * shard, if it has only one of several
   */
  constructor(
    rules: StepRules,
    layout: Layout,
    parts: {
      slice: readonly [from: number, to: number];
      reducer: SliceReducer;
      optimizer: Optimizer;
      ema: EMA | undefined;
      report?: (line: string) => void;
      shard?: number;
    },
  ) {
    this.#rules = rules;
    this.#layout = layout;
    this.#slice = parts.slice;
    this.#reducer = parts.reducer;
    this.#optimizer = parts.optimizer;
    this.#ema = parts.ema;
    this.#report = parts.report ?? (() => {});
    this.#firstShard = parts.shard ?? 0;
    this.needsWholeAverage = needsWholeAverage(rules);
    this.changesAverage = rules.clipGradNorm !== undefined || rules.clipGradValue !== undefined;
  }

  /** Checks this worker's part of the average, which must be ready. */
  measure(): void {
    sumBlocks(this.#layout, this.#slice);
  }

  /** Computes the norm of the average, after all workers have checked their parts. */
  takeNorm(): void {
    this.norm = normOfBlocks(this.#layout);
  }

  /**
   * Whether the step may change the weights. All workers get the same answer. If the whole average is needed, its norm
   * must be computed already.
   *
   * @param step counted from 1; it has some weight
   * @throws NonFiniteError if it may not, and such steps are not skipped
   */
  admit(step: number): boolean {
    const { onNonFinite } = this.#rules;
    const loss = sumOverShards(this.#layout, "losses");
    if (Number.isFinite(loss) && (!this.needsWholeAverage || Number.isFinite(this.norm))) return true;
    if (onNonFinite !== "skip") {
      throw new NonFiniteError(
        `train: step ${step}: ${describeNonFinite(this.#layout, this.#firstShard)}; expected finite numbers: lower the learning rate, clip gradients, or look at the data`,
      );
    }
    this.skipped++;
    if (this.skipped <= mostReports) {
      const rest = this.skipped === mostReports ? "; further ones are only counted" : "";
      this.#report(
        `train: step ${step} is skipped: ${describeNonFinite(this.#layout, this.#firstShard)}${rest}`,
      );
    }
    return false;
  }

  /**
   * Skips a step whose samples have no weight: it has no mean loss, and nothing to learn.
   *
   * @param step counted from 1
   */
  skipWeightless(step: number): void {
    this.norm = Number.NaN;
    this.skipped++;
    if (this.#weightlessTold) return;
    this.#weightlessTold = true;
    this.#report(
      `train: step ${step} is skipped: its samples have no weight; further ones like it are only counted`,
    );
  }

  /** The update itself. `averaged` says whether the average is ready, as it is if the whole average is needed. */
  apply(averaged: boolean): void {
    if (!averaged && this.#rules.clipGradValue === undefined) {
      this.#reducer.averageAndUpdate(this.#optimizer, this.#ema);
      return;
    }
    if (!averaged) this.#reducer.average();
    this.#clip();
    this.#reducer.update(this.#optimizer, this.#ema);
  }

  #clip(): void {
    const { clipGradNorm, clipGradValue } = this.#rules;
    const [from, to] = this.#slice;
    const [n, at] = [to - from, this.#layout.average + from * 4];
    if (n === 0) return;
    // Core's clipGradNorm does the same.
    const scale = clipGradNorm === undefined ? 1 : Math.min(1, clipGradNorm / (this.norm + 1e-6));
    if (scale < 1) this.#reducer.scale(scale);
    if (clipGradValue !== undefined) trainingKernels("float32").clip(n, clipGradValue, at);
  }
}
