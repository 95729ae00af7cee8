// One attempt at a run, from its current position to its end, with its own workers. Starts them, follows them, notices
// one that hangs, and ends them all. Knows neither threads nor memory nor the clock, so that a simulated run can use it
// (testing/simulated-run.ts).
import { UnendingThreadError } from "../errors.ts";
import type { Gang } from "./gang.ts";
import { StallWatch } from "./stall-watch.ts";

/** How often to read the shared words. */
export const pollMs = 50;

/** Ending a thread takes milliseconds, unless native code holds it. */
const endingMs = 10_000;

/** A clock: the machine's, or a virtual one. */
export interface Clock {
  nowMs(): number;
  /** Resolves after this time, or as soon as the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<unknown>;
}

/** What belongs to the whole run, whatever happens to its workers. */
export interface Course {
  readonly clock: Clock;
  /** A worker without a sign of life for this long counts as failed. */
  readonly stallMs: number;
  /** Resets the shared words to the run's current position. Call only while no worker runs. */
  reset(): void;
  start(): Gang;
  /** Prepares the workers: first the part that must not be interrupted, then everything else. */
  load(gang: Gang): Promise<void>;
  prepare(gang: Gang): Promise<void>;
  run(gang: Gang): Promise<void>;
  /** A worker's signs of life so far, and whether it waits for others. */
  beatsOf(rank: number): number;
  waits(rank: number): boolean;
  /** Runs several times a second while workers run, and once when all are done. */
  look(): void;
  /** Releases what waits for the workers on this thread; some workers may be gone. */
  giveUp(): Promise<void>;
}

/**
 * Calls `check` and `look` repeatedly until `work` settles, and then `look` once more: what is still then only waits for
 * the one that has failed.
 */
async function follow(
  work: Promise<void>,
  clock: Clock,
  check: () => void,
  look: () => void = () => undefined,
): Promise<void> {
  let running = true;
  let wake: () => void = () => undefined;
  const settle = () => {
    running = false;
    wake();
  };
  // Awaited below; until then a failure only ends the loop.
  work.then(settle, settle);
  while (running) {
    // No race with `work`: that would remember each look for as long as the run goes on.
    await new Promise<void>((resolve) => {
      wake = resolve;
      void clock.sleep(pollMs).then(() => resolve());
    });
    if (running) check();
    look();
  }
  await work;
}

async function end(gang: Gang, clock: Clock, failure: unknown): Promise<void> {
  const ended = new AbortController();
  const ending = gang.destroy().finally(() => ended.abort());
  await Promise.race([ending, clock.sleep(endingMs, ended.signal)]);
  if (ended.signal.aborted) return;
  const reason = failure instanceof Error ? failure.message : "train: the run is over";
  throw new UnendingThreadError(
    `${reason}; a thread does not end within ${endingMs / 1000} s, probably because native code hangs in it: end the process`,
    { cause: failure },
  );
}

/**
 * Does the rest of a run in one attempt. When it settles, all its workers have ended.
 *
 * @throws WorkerError for the first worker that failed, died or hung; UnendingThreadError if one could not be ended
 */
export async function attempt(course: Course): Promise<void> {
  const { clock, stallMs } = course;
  course.reset();
  const gang = course.start();
  const watch = new StallWatch(course, gang, stallMs);
  const check = () => watch.look(clock.nowMs());
  let failure: unknown;
  try {
    await follow(course.load(gang), clock, check);
    await follow(course.prepare(gang), clock, check);
    await follow(course.run(gang), clock, check, () => course.look());
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    await course.giveUp();
    await end(gang, clock, failure);
  }
}
