// When shards that train separately synchronize, and which runs may do so: Local SGD (Stich 2018,
// https://arxiv.org/abs/1805.09767) and Hogwild (Niu et al. 2011, https://arxiv.org/abs/1106.5730). Checks and numbers
// only; local-steps.ts does the steps.
import { JobError } from "../errors.ts";
import type { RunJob } from "../job/define-job.ts";
import type { NonFiniteRule } from "../job/step-rules.ts";
import type { ReduceMode } from "../step/allreduce.ts";

export interface LocalSchedule {
  /** Steps between synchronizations, counted from the start of each epoch; there is also one at its end. */
  syncEvery: number;
  /** Whether all shards update the same weights at any time. If not, each has its own, averaged at each synchronization. */
  hogwild: boolean;
}

/** With Hogwild, synchronization only serves to save, report and stop. */
const hogwildSyncEvery = 100;

/**
 * The schedule that a run's options ask for; undefined if all shards do every step together.
 *
 * @throws JobError if the options make no sense, or the run needs one common state after every step
 */
export function planLocalSchedule(
  { syncEvery, hogwild = false }: { syncEvery?: number; hogwild?: boolean },
  { ema, afterStep }: Pick<RunJob, "ema" | "afterStep">,
  { reduce, onNonFinite }: { reduce: ReduceMode; onNonFinite: NonFiniteRule | undefined },
): LocalSchedule | undefined {
  if (syncEvery === undefined && !hogwild) return undefined;
  const option = hogwild ? "hogwild" : "syncEvery";
  if (reduce === "coordinator") {
    throw new JobError(
      `train: reduce is "coordinator", but with ${option} no gradients are averaged; leave one of the two out`,
    );
  }
  if (ema) {
    throw new JobError(
      `train: the job has ema, an average of the weights after every step, but with ${option} shards have no weights in common then; leave one of the two out`,
    );
  }
  if (afterStep) {
    throw new JobError(
      `train: the job has afterStep, which changes the state of all shards after every step, but with ${option} they have none in common then; leave one of the two out`,
    );
  }
  if (onNonFinite === "skip") {
    throw new JobError(
      `train: onNonFinite is "skip", but with ${option} no step is the same for all shards, so that it could be skipped; use "stop"`,
    );
  }
  return { syncEvery: syncEvery ?? hogwildSyncEvery, hogwild };
}

/** Steps done at the next synchronization after step `step`, counted from 0, has begun. */
export function nextSynchronization(step: number, { syncEvery }: LocalSchedule, perEpoch: number): number {
  const inEpoch = step % perEpoch;
  return step - inEpoch + Math.min(perEpoch, (Math.floor(inEpoch / syncEvery) + 1) * syncEvery);
}

/** The most steps between two synchronizations. */
export function longestRound({ syncEvery }: LocalSchedule, perEpoch: number): number {
  return Math.min(syncEvery, perEpoch);
}
