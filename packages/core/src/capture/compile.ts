// compile: runs a function twice while writing down its kernel calls, and from then on does only these, without building
// graphs, without allocating, and with the bits that the function would give. Which calls were recorded: kinds-of-calls.ts;
// what could go wrong, and what is done about it: README.md beside it. Knows no op by name.

import { requireFunction } from "../arguments.ts";
import { CaptureError } from "../errors.ts";
import type { Meeting } from "../observer.ts";
import { observer } from "../observer.ts";
import { checkOptions, optionNames } from "../options.ts";
import { isDue, KindsOfCalls } from "./kinds-of-calls.ts";
import { handOut, load } from "./nested-tensors.ts";
import type { Recording } from "./recording.ts";

/** What `compile` takes besides the function. */
export interface CompileOptions {
  /** Kinds of calls that are recorded before it is an error; 64 if absent. */
  limit?: number;
}

const compileOptions = optionNames<CompileOptions>(
  { limit: true },
  {
    dynamic: "each kind of call is recorded for itself; leave it out",
    fullgraph: "the whole function is recorded; leave it out",
  },
);

/** A function that was compiled. Called like the function. */
export interface Compiled<Args extends readonly unknown[], Result> {
  (...args: Args): Result;
  /** Recordings made so far, one for each kind of call. */
  readonly recordings: number;
  /** Gives back all its memory. It must not be called any more. */
  dispose(): void;
}

const defaultLimit = 64;

/** A function as it is recorded, whatever the types of its arguments. */
type Recorded = (...args: readonly unknown[]) => unknown;

/** What `profile` looks at: the recording that the last call replayed. */
const latest = new WeakMap<object, () => Recording | undefined>();

/** The recording that the last call of a compiled function replayed, if it did. */
export function latestRecording(compiled: object): Recording | undefined {
  return latest.get(compiled)?.();
}

/** Plans of compiled functions that nobody can call any more. */
const abandoned = new FinalizationRegistry<() => void>((giveBack) => giveBack());

/**
 * Makes a fast version of a function of tensors, such as a training step. Its first two calls run the function and write
 * down the kernels that it calls; all later ones do only these, in memory that was planned then. The results are those
 * of the function, bit for bit, in tensors of their own.
 *
 * Calls that differ in shapes or dtypes of tensors, in other arguments, in `training` of a module, in what requires a
 * gradient, or in which `.grad` there are, are recorded each for itself; so a number that often changes belongs in a
 * tensor. What a number outside of the function, or control flow that depends on one, changes is not seen by replays:
 * pass it as an argument (each value is then a recording of its own) or as a tensor. The function is run once more after
 * 10, 100, 1000 … replays: a difference to what was recorded is an error.
 *
 * @throws CaptureError if the function does what a replay cannot: reads values on the host, makes tensors from numbers,
 *   chooses random streams, does something else in its second run, or returns something other than tensors
 */
export function compile<Args extends readonly unknown[], Result>(
  f: (...args: Args) => Result,
  options: CompileOptions = {},
): Compiled<Args, Result> {
  requireFunction("compile", f);
  checkOptions("compile", options, compileOptions);
  const kinds = new KindsOfCalls(f as Recorded, options.limit ?? defaultLimit, false);
  const call = (...args: Args): Result => {
    // Inside another compiled function it is a part of that one's recording.
    if (observer()) return f(...args);
    if (kinds.disposed) throw new CaptureError("compile: this compiled function was disposed");
    const kind = kinds.find(args);
    if (!kind) return handOut(kinds.start(args).result) as Result;
    load(args, kind.own);
    if (isDue(kind)) kinds.verify(kind);
    else kinds.countReplay(kind).replay();
    return handOut(kind.result) as Result;
  };
  const dispose = () => kinds.dispose();
  abandoned.register(call, dispose);
  latest.set(call, () => kinds.latest);
  return Object.defineProperties(call as Compiled<Args, Result>, {
    recordings: { get: () => kinds.count },
    dispose: { value: dispose },
  });
}

/** A pass over one shard that is about to be replayed, in turns with those over the other shards. */
export interface Rounds {
  /** Where the pass stops. */
  readonly meetings: readonly Meeting[];
  /** Goes on to the next of these; to the end after the last. */
  readonly replay: Iterator<Meeting, void>;
}

/** Options of `compileInRounds`. */
export interface RoundsOptions extends CompileOptions {
  /** Called before each run of the function and before each replay: restarts what must be the same in all of them. */
  before: () => void;
}

/**
 * As `compile`, for a step that is one shard's part of a batch: it is recorded as often as it must be, with numbers that
 * count for nothing, and then replayed from meeting to meeting. The function's result is not handed out.
 *
 * @returns a function that gets a pass ready to be replayed
 * @throws CaptureError as what `compile` returns
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
    return { meetings: recording.meetings, replay: recording.replayInRounds() };
  };
  abandoned.register(prepare, () => kinds.dispose());
  return prepare;
}
