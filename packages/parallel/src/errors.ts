// Errors of training runs. Messages say: operation, what it got, what it expected, what to do.
import { ShardgradError } from "@shardgrad/core";

/** A job, or an option of a run, that cannot be trained. */
export class JobError extends ShardgradError {
  override name = "JobError";
}

/** A loss or a gradient is infinite or NaN. The message names the step, the first shard and the first parameter. */
export class NonFiniteError extends ShardgradError {
  override name = "NonFiniteError";
}

/** Where in a step a worker is; shown when it fails or dies. */
export const phases = [
  "idle",
  "gather",
  "forward",
  "backward",
  "barrier",
  "reduce",
  "update",
  "evaluate",
  "checkpoint",
] as const;
export type Phase = (typeof phases)[number];

/** A worker failed or died. The message names it, its step and its phase. */
export class WorkerError extends ShardgradError {
  override name = "WorkerError";
  readonly rank: number;
  readonly step: number;
  readonly phase: Phase;

  constructor(message: string, rank: number, step: number, phase: Phase, cause?: unknown) {
    super(message, { cause });
    this.rank = rank;
    this.step = step;
    this.phase = phase;
  }
}

/** A thread of a run cannot be ended. It may still write into shared memory, which is therefore never reused. */
export class UnendingThreadError extends ShardgradError {
  override name = "UnendingThreadError";
}

/** Another machine of the run has failed, or does not do the same as this one. The message names it. */
export class MachineError extends ShardgradError {
  override name = "MachineError";
}

/** The final weights cannot be written to their file. */
export class OutputError extends ShardgradError {
  override name = "OutputError";
}

/** Snapshots that are to be in a file cannot be written there, or read. */
export class SnapshotError extends ShardgradError {
  override name = "SnapshotError";
}

/** Whether the content of a failed save is there: `perhaps` if it may be in place, but a power cut could undo that. */
export type Committed = "no" | "perhaps";

/** A checkpoint cannot be written or read, is damaged, or belongs to another job. */
export class CheckpointError extends ShardgradError {
  override name = "CheckpointError";
  /** For errors of a save: whether the checkpoint is there nevertheless. */
  readonly committed: Committed | undefined;
  /** What is damaged, if it is. The previous checkpoint may be intact. */
  readonly damage: string | undefined;

  /** Only saves pass `committed`. */
  constructor(message: string, options: { cause?: unknown; committed?: Committed; damage?: string } = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.committed = options.committed;
    this.damage = options.damage;
  }
}

/** A damaged checkpoint, named by its path or its step. */
export function damagedCheckpoint(which: string, damage: string, cause?: unknown): CheckpointError {
  return new CheckpointError(`checkpoint: ${which} is damaged: ${damage}; use another one`, {
    cause,
    damage,
  });
}

/** Puts a message on one line, whatever it quotes. */
export const oneLine = (text: string): string => text.replace(/\s*[\n\r\u2028\u2029]+\s*/g, " ");

/** Name and message of a thrown value, on one line. */
export function describeThrown(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message.split("\n")[0]}` : String(error);
}

/** Where in the user's module an error was thrown, ` (job.ts:21:30)`; empty if only packages were involved. */
export function placeOf({ stack = "" }: { stack?: string }): string {
  const frames = stack.split("\n").filter((line) => /^\s+at /.test(line));
  const own = frames.find((line) => !/node:|node_modules|\/packages\/\w+\/dist\//.test(line));
  const place = own && /([^/\\()]+:\d+:\d+)\)?$/.exec(own)?.[1];
  return place ? ` (${place})` : "";
}

/**
 * Calls a function of the job. An error that is not one of ours gets its name and its place in the module.
 *
 * @param what names the function, such as `predict: the job's decode()`
 */
export function callOfJob<T>(what: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (error instanceof ShardgradError) throw error;
    const place = error instanceof Error ? placeOf(error) : "";
    throw new JobError(`${what} threw ${describeThrown(error)}${place}`, { cause: error });
  }
}

/** An error in a form that crosses threads: structured cloning would turn some errors into `{}`. */
export interface SerializedError {
  name: string;
  message: string;
  stack: string;
  /** Whether it is an error of ours: a mistake that recurs when the step is repeated. */
  mistake: boolean;
}

export function serializeError(error: unknown): SerializedError {
  if (error instanceof Error) {
    const { name, message, stack = "", cause } = error;
    const because = cause instanceof Error ? `\ncaused by: ${cause.stack}` : "";
    return { name, message, stack: stack + because, mistake: error instanceof ShardgradError };
  }
  const message = `the job threw ${String(error)}, which is not an Error`;
  return { name: "Error", message, stack: "", mistake: false };
}

export function deserializeError({ name, message, stack, mistake }: SerializedError): Error {
  const error = mistake ? new ShardgradError(message) : new Error(message);
  error.name = name;
  error.stack = stack;
  return error;
}
