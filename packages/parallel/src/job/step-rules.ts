// What a job may say about a step besides its loss and its optimizer. That is: the number of micro-batches, what
// happens to the averaged gradient, and when the run ends early. Types and checks only; each field says who implements
// it.
import { optionNames } from "@shardgrad/core/engine";
import { checkParts } from "../check-parts.ts";
import { JobError } from "../errors.ts";
import type { Metric } from "../metrics/definition.ts";
import type { EarlyStoppingRule } from "./early-stopping.ts";
import { checkEarlyStopping } from "./early-stopping.ts";

/** How to handle an infinite or NaN loss or gradient. */
export type NonFiniteRule = "stop" | "skip";

/** An exponential moving average of the weights, as core's `EMA` takes it. */
export interface EMARule {
  /** The share of the average to keep, or a function of the number of updates so far. */
  decay: number | ((updates: number) => number);
}

const emaParts = optionNames<EMARule>({ decay: true });

/** The fields of a job that concern its steps. */
export interface StepRules {
  /**
   * Micro-batches of `batchSize` samples in one optimizer step; default 1. The step equals one over a batch of
   * `accumulate * batchSize` samples: the same samples, the same shards, the same bits.
   */
  accumulate?: number;
  /**
   * Scales the averaged gradient down so that its norm over all parameters is at most this; Infinity only measures the
   * norm. Applied before `clipGradValue`.
   */
  clipGradNorm?: number;
  /** Clamps every element of the averaged gradient to ± this. */
  clipGradValue?: number;
  /** Keeps an average of the weights. With the run's option `useEma`, it is evaluated and returned in place of the weights. */
  ema?: EMARule;
  /**
   * Checks all gradients in every step. If something is not finite, "stop" ends the run before the weights change, and
   * "skip" leaves the step out. By default only the loss is checked; if it is not finite, the run ends.
   */
  onNonFinite?: NonFiniteRule;
  /** Ends the run when a value stops improving from epoch to epoch. */
  earlyStopping?: EarlyStoppingRule;
}

/** The names of these fields. */
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

/** Checks all but `accumulate`, which the checks of counts cover. */
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
