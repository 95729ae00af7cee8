// Decides which checkpoints to keep: the last ones, and the best by a metric.
import type { OptionNames } from "@shardgrad/core/engine";
import { findUnknown, optionNames } from "@shardgrad/core/engine";
import { CheckpointError } from "../errors.ts";

/** The metric that ranks checkpoints. */
export interface BestBy {
  /** Its name among the `metrics` of a checkpoint's state. */
  metric: string;
  /** Whether lower or higher is better. */
  direction: "min" | "max";
}

/** Which checkpoints to keep. */
export interface Retention {
  /** How many of the last ones; default 3. */
  keepLast?: number;
  /** Also keeps the best one by this; none if absent. */
  keepBest?: BestBy;
}

/** One checkpoint on the disk. */
export interface Kept {
  name: string;
  /** The metrics of its last evaluation; undefined if it is damaged. A damaged one is neither counted nor removed. */
  metrics: Readonly<Record<string, number>> | undefined;
}

const retentionNames = optionNames<Retention>(
  { keepLast: true, keepBest: true },
  { keep: "it is called keepLast here" },
);
const bestNames = optionNames<BestBy>(
  { metric: true, direction: true },
  { mode: "it is called direction here" },
);

function checkNames(operation: string, given: unknown, names: OptionNames): void {
  const problem = findUnknown(given, names);
  if (problem !== undefined) throw new CheckpointError(`${operation}: ${problem}`);
}

/** Throws unless the options make sense. */
export function checkRetention(retention: Retention): void {
  checkNames("checkpoint", retention, retentionNames);
  const { keepLast = 3, keepBest } = retention;
  if (keepBest) checkNames("checkpoint: keepBest", keepBest, bestNames);
  if (!(keepLast === Number.POSITIVE_INFINITY || (Number.isSafeInteger(keepLast) && keepLast >= 1))) {
    throw new CheckpointError(
      `checkpoint: keepLast is ${keepLast}, expected an integer of at least 1, or Infinity`,
    );
  }
  if (keepBest && keepBest.direction !== "min" && keepBest.direction !== "max") {
    throw new CheckpointError(
      `checkpoint: keepBest.direction is "${String(keepBest.direction)}", expected "min" or "max"`,
    );
  }
}

/** The best checkpoint and its value. Of equal ones, the oldest; NaN is never best. */
export function bestOf(
  newestFirst: readonly Kept[],
  { metric, direction }: BestBy,
): { name: string; value: number } | undefined {
  let best: { name: string; value: number } | undefined;
  for (const { name, metrics } of newestFirst) {
    const value = metrics?.[metric];
    if (value === undefined || Number.isNaN(value)) continue;
    if (!best || (direction === "min" ? value <= best.value : value >= best.value)) best = { name, value };
  }
  return best;
}

/** Names of the checkpoints to remove, oldest first. Never those in `stays`, such as the one just saved, whatever their steps. */
export function surplus(
  newestFirst: readonly Kept[],
  stays: readonly string[],
  retention: Retention,
): string[] {
  const { keepLast = 3, keepBest } = retention;
  const whole = newestFirst.filter(({ metrics }) => metrics);
  const best = keepBest && bestOf(whole, keepBest)?.name;
  return whole
    .filter(({ name }, index) => index >= keepLast && name !== best && !stays.includes(name))
    .map(({ name }) => name)
    .reverse();
}
