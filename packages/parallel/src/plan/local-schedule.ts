// When shards that train apart from each other meet, and which runs may do so: Local SGD (Stich 2018,
// https://arxiv.org/abs/1805.09767) and Hogwild (Niu et al. 2011, https://arxiv.org/abs/1106.5730). Checks and numbers
// only; what happens between meetings is in local-steps.ts.
import { JobError } from "../errors.ts";
import type { RunJob } from "../job/define-job.ts";
import type { NonFiniteRule } from "../job/step-rules.ts";
import type { ReduceMode } from "../step/allreduce.ts";

export interface LocalSchedule {
  /** Steps between meetings, counted from the start of each epoch; there is one at its end, too. */
  syncEvery: number;
  /** Whether all shards update the same weights at any time. If not, each has its own, averaged at the meetings. */
  hogwild: boolean;
}

/** With Hogwild, meetings are only there to save, to tell and to stop. */
const hogwildSyncEvery = 100;

/**
 * The schedule that the options of a run ask for; undefined if all shards are to do every step together.
 *
 * @throws JobError if they make no sense, or the run does what needs one state of all shards after every step
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

/** Steps done at the first meeting after step `step`, counted from 0, has begun. */
export function nextMeeting(step: number, { syncEvery }: LocalSchedule, perEpoch: number): number {
  const inEpoch = step % perEpoch;
  return step - inEpoch + Math.min(perEpoch, (Math.floor(inEpoch / syncEvery) + 1) * syncEvery);
}

/** Steps between two meetings at most. */
export function longestRound({ syncEvery }: LocalSchedule, perEpoch: number): number {
  return Math.min(syncEvery, perEpoch);
}
