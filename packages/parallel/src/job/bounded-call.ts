// Calls a user's function that may never return, such as an endless loop, on this thread. A time limit breaks it off,
// and so does Ctrl-C, which a handler could not see while the function runs.
import type { Context } from "node:vm";
import { createContext, Script } from "node:vm";
import { JobError } from "../errors.ts";

/** Made once: a context costs more than most calls. */
let bounded: { script: Script; context: Context } | undefined;

/** The longest timeout that Node.js accepts. */
const mostMs = 2 ** 31 - 1;

/**
 * Calls `body`. If it is broken off, not even its `finally` blocks run. Its work stays half done, so the process should
 * end.
 *
 * @param what names the call in the error
 * @throws JobError if it was broken off, or whatever `body` throws
 */
export function callBounded<T>(body: () => T, limitMs: number, what: string): T {
  try {
    const timeout = Math.min(mostMs, Math.max(1, Math.round(limitMs)));
    bounded ??= { script: new Script("body()"), context: createContext({}) };
    bounded.context.body = body;
    return bounded.script.runInContext(bounded.context, { timeout, breakOnSigint: true }) as T;
  } catch (error) {
    switch ((error as { code?: unknown } | null)?.code) {
      case "ERR_SCRIPT_EXECUTION_TIMEOUT":
        throw new JobError(
          `train: ${what} has not returned for ${limitMs / 1000} s: is there an endless loop? End this process, because the call was broken off half done`,
        );
      case "ERR_SCRIPT_EXECUTION_INTERRUPTED":
        // Tells SIGINT listeners; without any, ends the process like Ctrl-C.
        if (!process.emit("SIGINT", "SIGINT")) process.kill(process.pid, "SIGINT");
        throw new JobError(`train: ${what} was interrupted, before the first step`);
      default:
        throw error;
    }
  } finally {
    if (bounded) bounded.context.body = undefined;
  }
}
