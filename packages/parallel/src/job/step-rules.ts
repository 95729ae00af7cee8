// What a job may say of a step beyond its loss and its optimizer: of how many micro-batches it is made, what happens to
// the averaged gradient, and when the run ends early. Types and checks only; who does it is said at each part.
import { optionNames } from "@shardgrad/core/engine";
import { checkParts } from "../check-parts.ts";
import { JobError } from "../errors.ts";
import type { Metric } from "../metrics/definition.ts";
import type { EarlyStoppingRule } from "./early-stopping.ts";
import { checkEarlyStopping } from "./early-stopping.ts";

/** What to do about a loss or a gradient that is infinite or NaN. */
export type NonFiniteRule = "stop" | "skip";

/** An exponential moving average of the weights, as core's `EMA` takes it. */
export interface EMARule {
  /** Share of the average that is kept, or a function of the number of updates done so far. */
  decay: number | ((updates: number) => number);
}

const emaParts = optionNames<EMARule>({ decay: true });

/** Parts of a job that are about its steps. */
export interface StepRules {
  /**
   * Micro-batches of `batchSize` samples in one optimizer step; 1 if absent. The step is that of a batch of
   * `accumulate * batchSize` samples: the same samples, the same shards, the same bits.
   */
  accumulate?: number;
  /**
   * Scales the averaged gradient down so that its norm, over all parameters, is at most this; Infinity only measures it.
   * Before `clipGradValue`.
   */
  clipGradNorm?: number;
  /** Limits every element of the averaged gradient to ± this. */
  clipGradValue?: number;
  /** Keeps an average of the weights; evaluated and returned in their place if the run is told `useEma`. */
  ema?: EMARule;
  /**
   * Looks at all gradients in every step. If something is not finite, "stop" ends the run before the weights change, and
   * "skip" leaves the step out. If absent, only losses are looked at, and one that is not finite ends the run.
   */
  onNonFinite?: NonFiniteRule;
  /** Ends the run when a value stops improving from epoch to epoch. */
  earlyStopping?: EarlyStoppingRule;
}

/** The names of these parts. */
export const stepRuleNames: Readonly<Record<keyof StepRules, true>> = {
  accumulate: true,
  clipGradNorm: true,
  clipGradValue: true,
  ema: true,
  onNonFinite: true,
  earlyStopping: true,
};

/** @throws JobError unless it is one of the rules */
export function checkNonFiniteRule(operation: string, value: unknown): void {
  if (value === undefined || value === "stop" || value === "skip") return;
  throw new JobError(`${operation}: onNonFinite is ${JSON.stringify(value)}, expected "stop" or "skip"`);
}

/** Checks all but `accumulate`, which is a count like others. */
export function checkStepRules(
  rules: StepRules,
  metrics: Readonly<Record<string, Metric<never, never, never, never>>>,
): void {
  for (const name of ["clipGradNorm", "clipGradValue"] as const) {
    const limit = rules[name];
    if (limit === undefined || (typeof limit === "number" && limit > 0)) continue;
    throw new JobError(
      `defineJob: ${name} is ${String(limit)}, expected a number above 0, or Infinity to clip nothing`,
    );
  }
  checkNonFiniteRule("defineJob", rules.onNonFinite);
  if (rules.earlyStopping !== undefined) checkEarlyStopping(rules.earlyStopping, metrics);
  if (rules.ema === undefined) return;
  checkParts("defineJob: ema", rules.ema, emaParts);
  const { decay }: { decay: unknown } = rules.ema;
  if (typeof decay === "function" || (typeof decay === "number" && decay >= 0 && decay <= 1)) return;
  throw new JobError(
    `defineJob: ema has the decay ${String(decay)}, expected { decay } with a number from 0 to 1, or a function that returns one`,
  );
}
