// What a run is told of its checkpoints: where, when, how many. Checks only; run/checkpointing.ts does it.
import { optionNames } from "@shardgrad/core/engine";
import { checkParts } from "../check-parts.ts";
import type { BestBy } from "../checkpoint/retention.ts";
import { checkRetention } from "../checkpoint/retention.ts";
import { JobError } from "../errors.ts";
import { requireCount } from "../job/define-job.ts";
import type { Direction, Metric } from "../metrics/definition.ts";
import { steeringDirection } from "../metrics/definition.ts";

/** By what the best epoch is known: a metric that says its direction, or `loss`. */
export interface BestOption {
  metric: string;
  /** Need not be said, and must not contradict the metric. */
  direction?: Direction;
}

/** Where and when a run saves checkpoints; at the end of every epoch, if it is not said when. The last step always is. */
export interface CheckpointOptions {
  /** Made if it is not there. One run, one directory. */
  directory: string;
  /** After every so many steps. A save that is due while the one before is being written follows it. */
  everySteps?: number;
  /** After every so many epochs. */
  everyEpochs?: number;
  /** When so many seconds have gone by since the last one. */
  everySeconds?: number;
  /** How many of the newest are kept; 3 if absent, Infinity for all. */
  keep?: number;
  /**
   * Keeps the best one, too: by a metric, or by `loss`, the mean training loss of an epoch. It is saved at the end of each
   * epoch that is better than all before; the run does not wait for that, and while the disk is busy a better one takes its place.
   */
  best?: BestOption;
  /** Whether a run goes on when a checkpoint cannot be saved, which an event tells of; "continue" if absent. */
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
 * By what the best epoch is known.
 *
 * @throws JobError if the job has no such metric, or it says another direction or none
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
 * Throws unless the options make sense for a job with these metrics.
 *
 * @returns by what the best epoch is known, if it is to be kept
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

/** Numbers of steps whose multiples are saved. */
export function checkpointSteps(options: CheckpointOptions, perEpoch: number): number[] {
  const { everySteps, everyEpochs, everySeconds } = options;
  const unsaid = everySteps === undefined && everyEpochs === undefined && everySeconds === undefined;
  const epochs = unsaid ? 1 : (everyEpochs ?? 0);
  return [everySteps ?? 0, epochs * perEpoch].filter((steps) => steps > 0);
}
