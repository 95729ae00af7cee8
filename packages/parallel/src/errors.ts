// Errors of training runs. Messages say: what, what it got, what was expected, what to do.
import { ShardgradError } from "@shardgrad/core";

/** A job, or an option of a run, that cannot be trained as it is. */
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

/** A thread of a run cannot be ended: it may go on writing into shared memory, which is never used again. */
export class UnendingThreadError extends ShardgradError {
  override name = "UnendingThreadError";
}

/** The final weights cannot be written to their file. */
export class OutputError extends ShardgradError {
  override name = "OutputError";
}

/** Whether what a failed save was to write is there: `perhaps` if it may be in place, and a power cut may undo that. */
export type Committed = "no" | "perhaps";

/** A checkpoint that cannot be written or read, that is damaged, or that does not fit the job. */
export class CheckpointError extends ShardgradError {
  override name = "CheckpointError";
  /** Of errors of a save: whether the checkpoint is there nevertheless. */
  readonly committed: Committed | undefined;
  /** What is wrong with a checkpoint that is damaged: the one before it may be whole. */
  readonly damage: string | undefined;

  /** `committed` is given by saves only. */
  constructor(message: string, options: { cause?: unknown; committed?: Committed; damage?: string } = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.committed = options.committed;
    this.damage = options.damage;
  }
}

/** A checkpoint, by its path or its step, that is not what was written. */
export function damagedCheckpoint(which: string, damage: string, cause?: unknown): CheckpointError {
  return new CheckpointError(`checkpoint: ${which} is damaged: ${damage}; use another one`, {
    cause,
    damage,
  });
}

/** A message on one line, whatever is quoted in it. */
export const oneLine = (text: string): string => text.replace(/\s*[\n\r\u2028\u2029]+\s*/g, " ");

/** Name and message of whatever was thrown, in one line. */
export function describeThrown(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message.split("\n")[0]}` : String(error);
}

/** Where in somebody's module an error was thrown, ` (job.ts:21:30)`; empty if only packages were involved. */
export function placeOf({ stack = "" }: { stack?: string }): string {
  const frames = stack.split("\n").filter((line) => /^\s+at /.test(line));
  const own = frames.find((line) => !/node:|node_modules|\/packages\/\w+\/dist\//.test(line));
  const place = own && /([^/\\()]+:\d+:\d+)\)?$/.exec(own)?.[1];
  return place ? ` (${place})` : "";
}

/** An error as it crosses threads: structured cloning would turn some errors into `{}`. */
export interface SerializedError {
  name: string;
  message: string;
  stack: string;
  /** Whether it is one of ours: a mistake, which the same step makes again. */
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
