// What a run needs from its process besides a job: an existing working directory, and permission to start threads.
import { JobError } from "./errors.ts";

/** @throws JobError that says what is missing and what to do */
export function requireSurroundings(operation: string): void {
  try {
    process.cwd();
  } catch (error) {
    throw new JobError(
      `${operation}: the working directory is no longer there; change to a folder that exists`,
      { cause: error },
    );
  }
  if (process.permission && !process.permission.has("worker")) {
    throw new JobError(
      `${operation}: Node.js runs with --permission, and may not start threads; give it --allow-worker, too`,
    );
  }
}
