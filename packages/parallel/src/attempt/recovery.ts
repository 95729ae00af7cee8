// What to do when a worker fails: retry from the last snapshot, a limited number of times, unless the same error would
// recur. Knows nothing of threads or memory, so that a simulated run can use it.
import { ShardgradError } from "@shardgrad/core";
import { JobError, WorkerError } from "../errors.ts";

/** Whether a retry of the step would fail again: the error is in the job, its data, or an option. */
function isMistake({ cause }: WorkerError): boolean {
  return cause instanceof ShardgradError;
}

export interface Recovery {
  /** The most restarts. */
  restarts: number;
  /** Runs from the current position to the end. When it settles, all that it started has ended. */
  attempt: (restartsSoFar: number) => Promise<void>;
  /** Why another attempt would not continue the same run; undefined if it would. */
  obstacle: () => string | undefined;
  /** Rewinds the run to where the next attempt begins; `restart` counts from 1. */
  goBack: (failure: WorkerError, restart: number) => void;
}

/**
 * Attempts until one succeeds.
 *
 * @throws any error of an attempt that is not a WorkerError. Otherwise the first WorkerError: when it is a mistake in
 * the job, when the failure recurred at the same place, when no restarts are left, or when there is an obstacle, which the
 * message names
 */
export async function withRestarts({ restarts, attempt, obstacle, goBack }: Recovery): Promise<void> {
  let first: WorkerError | undefined;
  const places = new Set<string>();
  for (let done = 0; ; done++) {
    try {
      return await attempt(done);
    } catch (error) {
      if (!(error instanceof WorkerError)) {
        if (first && error instanceof JobError) error.message += `; before that, ${first.message}`;
        throw error;
      }
      first ??= error;
      const place = `${error.step} ${error.phase}`;
      if (done >= restarts || places.has(place) || isMistake(error)) {
        if (done > 0) first.message += `; ${done === 1 ? "a restart" : `${done} restarts`} did not help`;
        throw first;
      }
      const reason = obstacle();
      if (reason !== undefined) {
        first.message += `; it is not restarted: ${reason}`;
        throw first;
      }
      places.add(place);
      goBack(error, done + 1);
    }
  }
}
