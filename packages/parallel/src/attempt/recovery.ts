// What to do when a worker fails: try again from the last snapshot, a bounded number of times, unless the same would
// happen again. Knows nothing of threads or memory, so that a simulated run can use it.
import { ShardgradError } from "@shardgrad/core";
import { JobError, WorkerError } from "../errors.ts";

/** Whether the same step would make the same mistake again: in the job, its data, or an option. */
function isMistake({ cause }: WorkerError): boolean {
  return cause instanceof ShardgradError;
}

export interface Recovery {
  /** Restarts at most. */
  restarts: number;
  /** Does the run, from where it is to its end; all that it started has ended when it settles. */
  attempt: (restartsSoFar: number) => Promise<void>;
  /** Why another attempt would not go on with the same run, in words; undefined if it would. */
  obstacle: () => string | undefined;
  /** Takes the run back to where the next attempt begins; the `restart`-th one, counted from 1. */
  goBack: (failure: WorkerError, restart: number) => void;
}

/**
 * Attempts until one succeeds.
 *
 * @throws what an attempt throws that is no WorkerError; else the first WorkerError: of a mistake, of a failure that came
 *   again at the same place, when there are no restarts left, or when there is an obstacle to one, which it names
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
