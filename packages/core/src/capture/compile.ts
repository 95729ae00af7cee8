// compile: runs a function twice while recording its kernel calls. From then on it only repeats these, without building
// graphs or allocating, and with the function's bits. Which calls were recorded: kinds-of-calls.ts. What could go
// wrong, and the answers: README.md in this folder. Knows no op by name.

import { requireFunction } from "../arguments.ts";
import { CaptureError } from "../errors.ts";
import type { Exchange } from "../observer.ts";
import { observer } from "../observer.ts";
import { checkOptions, optionNames } from "../options.ts";
import { isDue, KindsOfCalls, replayPlainly } from "./kinds-of-calls.ts";
import { handOut, load } from "./nested-tensors.ts";
import type { TimedCall } from "./operands.ts";
import { timedReplay } from "./operands.ts";
import type { Recording } from "./recording.ts";

/** The options of `compile`. */
export interface CompileOptions {
  /** How many kinds of calls to record before it is an error; default 64. */
  limit?: number;
}

const compileOptions = optionNames<CompileOptions>(
  { limit: true },
  {
    dynamic: "each kind of call is recorded for itself; leave it out",
    fullgraph: "the whole function is recorded; leave it out",
  },
);

/** A compiled function. Call it like the original. */
export interface Compiled<Args extends readonly unknown[], Result> {
  (...args: Args): Result;
  /** Recordings made so far, one for each kind of call. */
  readonly recordings: number;
  /** Frees all its memory. Do not call it afterwards. */
  dispose(): void;
}

const defaultLimit = 64;

/** A function as it is recorded, without its argument types. */
type Recorded = (...args: readonly unknown[]) => unknown;

/** For `profile` and `timeReplays`: the recordings of compiled functions. */
const recorded = new WeakMap<object, KindsOfCalls>();

/** The recording that the last call of a compiled function replayed, if it did. */
export function latestRecording(compiled: object): Recording | undefined {
  return recorded.get(compiled)?.latest;
}

/**
 * Times the kernel calls of every replay of a compiled function, and gives them to `take`, until it is called without.
 * Calls that are recorded or checked are not timed, and those of other functions cannot be.
 */
export function timeReplays(compiled: object, take: ((calls: TimedCall[]) => void) | undefined): void {
  const kinds = recorded.get(compiled);
  if (kinds) kinds.replay = take ? (recording) => take(timedReplay(recording)) : replayPlainly;
}

/** Plans of compiled functions that were garbage-collected. */
const abandoned = new FinalizationRegistry<() => void>((giveBack) => giveBack());

/**
 * Makes a fast version of a function of tensors, such as a training step. The first two calls run the function and
 * record its kernel calls. Later calls only repeat these, in memory planned in advance. The results are the function's,
 * bit for bit, in new tensors.
 *
 * Each kind of call gets its own recording. Kinds differ in shapes or dtypes of tensors, in other arguments, in
 * `training` of a module, in what requires a gradient, or in which `.grad` exist. So put a number that often changes
 * into a tensor. Replays do not see changes of a number outside of the function, nor of control flow that depends on
 * one. Pass it as an argument (each value then gets a recording) or as a tensor. After 10, 100, 1000 … replays the
 * function runs once more, and it is an error if it does something else than the recording.
 *
 * @throws CaptureError if the function does what a replay cannot: reads values on the host, makes tensors from numbers,
 * or
 *   chooses random streams. Also if its second run differs, or it returns something other than tensors
 */
export function compile<Args extends readonly unknown[], Result>(
  f: (...args: Args) => Result,
  options: CompileOptions = {},
): Compiled<Args, Result> {
  requireFunction("compile", f);
  checkOptions("compile", options, compileOptions);
  const kinds = new KindsOfCalls(f as Recorded, options.limit ?? defaultLimit, false);
  const call = (...args: Args): Result => {
    // Inside another compiled function it becomes part of that recording.
    if (observer()) return f(...args);
    if (kinds.disposed) throw new CaptureError("compile: this compiled function was disposed");
    const kind = kinds.find(args);
    if (!kind) return handOut(kinds.start(args).result) as Result;
    load(args, kind.own);
    if (isDue(kind)) kinds.verify(kind);
    else kinds.replay(kinds.countReplay(kind));
    return handOut(kind.result) as Result;
  };
  const dispose = () => kinds.dispose();
  abandoned.register(call, dispose);
  recorded.set(call, kinds);
  return Object.defineProperties(call as Compiled<Args, Result>, {
    recordings: { get: () => kinds.count },
    dispose: { value: dispose },
  });
}

/** A pass over one shard, ready to be replayed in turns with those over the other shards. */
export interface Rounds {
  /** The exchanges at which the pass stops. */
  readonly exchanges: readonly Exchange[];
  /** Continues to the next exchange, or to the end after the last. */
  readonly replay: Iterator<Exchange, void>;
}

/** Options of `compileInRounds`. */
export interface RoundsOptions extends CompileOptions {
  /** Called before each run of the function and before each replay. Restarts what must be the same in all of them. */
  before: () => void;
}

/**
 * Like `compile`, for a step that is one shard's part of a batch. Recording repeats the function as often as needed,
 * with numbers that do not count. Replays go from exchange to exchange. The function's result is not returned.
 *
 * @returns a function that prepares a pass for replay
 * @throws CaptureError like the result of `compile`
 */
export function compileInRounds<Args extends readonly unknown[]>(
  f: (...args: Args) => void,
  { before, limit = defaultLimit }: RoundsOptions,
): (...args: Args) => Rounds {
  const kinds = new KindsOfCalls(f as Recorded, limit, true);
  const prepare = (...args: Args): Rounds => {
    before();
    const kind = kinds.find(args) ?? kinds.start(args);
    load(args, kind.own);
    if (isDue(kind)) {
      before();
      kinds.verify(kind);
      before();
    }
    const recording = kinds.countReplay(kind);
    return { exchanges: recording.exchanges, replay: recording.replayInRounds() };
  };
  abandoned.register(prepare, () => kinds.dispose());
  return prepare;
}
