// A call of somebody's function on this thread that may never return, such as one with an endless loop: broken off after
// a time, or by Ctrl-C, which no handler would see while it lasts.
import { runInNewContext } from "node:vm";
import { JobError } from "../errors.ts";

/** The longest time that Node.js takes. */
const mostMs = 2 ** 31 - 1;

/**
 * Calls `body`. If it is broken off, not even its `finally` blocks run: what it was in the middle of stays so, and the
 * process should end.
 *
 * @param what it is, for the error
 * @throws JobError if it was broken off; whatever it throws
 */
export function callBounded<T>(body: () => T, limitMs: number, what: string): T {
  try {
    const timeout = Math.min(mostMs, Math.max(1, Math.round(limitMs)));
    return runInNewContext("body()", { body }, { timeout, breakOnSigint: true }) as T;
  } catch (error) {
    switch ((error as { code?: unknown } | null)?.code) {
      case "ERR_SCRIPT_EXECUTION_TIMEOUT":
        throw new JobError(
          `train: ${what} has not returned for ${limitMs / 1000} s: is there an endless loop? Let this process end, as what was broken off stays half done`,
        );
      case "ERR_SCRIPT_EXECUTION_INTERRUPTED":
        // Who listens is told now; who does not is ended, as by any Ctrl-C.
        if (!process.emit("SIGINT", "SIGINT")) process.kill(process.pid, "SIGINT");
        throw new JobError(`train: ${what} was interrupted, before the first step`);
      default:
        throw error;
    }
  }
}
