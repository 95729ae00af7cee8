// The checkpoint options of a run: where, when, how many. Only checks them; run/checkpointing.ts acts on them.
import { optionNames } from "@shardgrad/core/engine";
import { checkParts } from "../check-parts.ts";
import type { BestBy } from "../checkpoint/retention.ts";
import { checkRetention } from "../checkpoint/retention.ts";
import { JobError } from "../errors.ts";
import { requireCount } from "../job/define-job.ts";
import type { Direction, Metric } from "../metrics/definition.ts";
import { steeringDirection } from "../metrics/definition.ts";

/** What ranks the epochs: a metric with a direction, or `loss`. */
export interface BestOption {
  metric: string;
  /** Optional; must not contradict the metric. */
  direction?: Direction;
}

/** Where and when a run saves checkpoints; by default at the end of every epoch. It always saves the last step. */
export interface CheckpointOptions {
  /** Created if missing. Use one directory per run. */
  directory: string;
  /** Saves every so many steps. If a save is due while the previous one is being written, it waits for that one. */
  everySteps?: number;
  /** Saves every so many epochs. */
  everyEpochs?: number;
  /** Saves when so many seconds have passed since the last save. */
  everySeconds?: number;
  /** How many of the newest to keep; default 3, Infinity for all. */
  keep?: number;
  /**
   * Also keeps the best checkpoint: by a metric, or by `loss`, the mean training loss of an epoch. It is saved at the
   * end of each epoch that beats all before. The run does not wait for the disk; if a better epoch ends meanwhile, it
   * replaces the waiting one.
   */
  best?: BestOption;
  /** Whether a run continues after a failed save, which it reports as an event. Default "continue". */
  onError?: "continue" | "stop";
}

const names = optionNames<CheckpointOptions>({
  directory: true,
  everySteps: true,
  everyEpochs: true,
  everySeconds: true,
  keep: true,
  best: true,
  onError: true,
});

/**
 * What ranks the epochs.
 *
 * @throws JobError if the job has no such metric, or the metric has no direction or another one
 */
function bestBy(
  { metric, direction }: BestOption,
  metrics: Readonly<Record<string, Metric<never, never, never, never>>>,
): BestBy {
  const own = steeringDirection("train: checkpoint.best.metric is", metric, metrics);
  if (direction === undefined || direction === own) return { metric, direction: own };
  throw new JobError(
    `train: checkpoint.best.direction is ${JSON.stringify(direction)}, but that of ${metric} is "${own}"; leave it out`,
  );
}

/**
 * Checks the options against a job with these metrics.
 *
 * @returns what ranks the epochs, if the best one is kept
 */
export function checkCheckpointOptions(
  options: CheckpointOptions,
  metrics: Readonly<Record<string, Metric<never, never, never, never>>>,
): BestBy | undefined {
  const { directory, everySteps, everyEpochs, everySeconds, keep, best, onError = "continue" } = options;
  const refuse = (problem: string) => new JobError(`train: checkpoint.${problem}`);
  checkParts("train: checkpoint", options, names, "option");
  if (typeof directory !== "string" || directory === "") {
    throw refuse(`directory is ${JSON.stringify(directory)}, expected the path of a folder`);
  }
  for (const [name, value] of Object.entries({ everySteps, everyEpochs })) {
    if (value !== undefined) requireCount("train", `checkpoint.${name}`, value);
  }
  if (everySeconds !== undefined && !(everySeconds > 0)) {
    throw refuse(`everySeconds is ${everySeconds}, expected a number above 0`);
  }
  if (onError !== "continue" && onError !== "stop") {
    throw refuse(`onError is "${String(onError)}", expected "continue" or "stop"`);
  }
  if (keep !== undefined) checkRetention({ keepLast: keep });
  return best && bestBy(best, metrics);
}

/** Saves happen at multiples of these numbers of steps. */
export function checkpointSteps(options: CheckpointOptions, perEpoch: number): number[] {
  const { everySteps, everyEpochs, everySeconds } = options;
  const unsaid = everySteps === undefined && everyEpochs === undefined && everySeconds === undefined;
  const epochs = unsaid ? 1 : (everyEpochs ?? 0);
  return [everySteps ?? 0, epochs * perEpoch].filter((steps) => steps > 0);
}
