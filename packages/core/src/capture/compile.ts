// compile: runs a function twice while writing down its kernel calls, and from then on does only these, without building
// graphs, without allocating, and with the bits that the function would give. What a recording is: recording.ts;
// what could go wrong, and what is done about it: README.md beside it. Knows no op by name.

import { gradEnabled } from "../autograd/define-op.ts";
import { CaptureError } from "../errors.ts";
import { kernelsFor } from "../kernels/dispatch.ts";
import { heap } from "../memory/heap.ts";
import { Plan } from "../memory/plan.ts";
import type { Meeting } from "../observer.ts";
import { observer } from "../observer.ts";
import { checkOptions, optionNames } from "../options.ts";
import { scope } from "../scope.ts";
import { formatShape, sameShape } from "../shape.ts";
import { copyStrided } from "../strided-copy.ts";
import { Tensor } from "../tensor.ts";
import { Recording } from "./recording.ts";

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

interface Variant {
  recording: Recording;
  /** Whether a second run has done the same as the first one. */
  verified: boolean;
  /** Replays so far, and the number after which the function is run once more, to see whether it still does the same. */
  replays: number;
  nextCheck: number;
  /** Whether gradients were recorded. */
  readonly recorded: boolean;
  /** The arguments, with tensors of its own in place of the caller's. */
  readonly own: readonly unknown[];
  readonly inputs: readonly Tensor[];
  result: unknown;
}

/** After so many replays, ten times as many, and so on, the function itself is run, and must still do the same. */
const firstCheck = 10;

/** What `profile` looks at: the recording that the last call replayed. */
const latest = new WeakMap<object, () => Recording | undefined>();

/** The recording that the last call of a compiled function replayed, if it did. */
export function latestRecording(compiled: object): Recording | undefined {
  return latest.get(compiled)?.();
}

/** Plans of compiled functions that nobody can call any more. */
const abandoned = new FinalizationRegistry<() => void>((giveBack) => giveBack());

const isPlain = (value: object): value is Record<string, unknown> =>
  Object.getPrototypeOf(value) === Object.prototype;

/** True if a recording made for arguments like `own` serves `value`: its tensors may have other elements, no more. */
function isLike(value: unknown, own: unknown): boolean {
  if (value instanceof Tensor) {
    if (!(own instanceof Tensor) || value.dtype !== own.dtype) return false;
    return value.requiresGrad === own.requiresGrad && sameShape(value.shape, own.shape);
  }
  if (typeof value !== "object" || value === null) return Object.is(value, own);
  if (Array.isArray(value)) {
    return (
      Array.isArray(own) && value.length === own.length && value.every((part, i) => isLike(part, own[i]))
    );
  }
  if (!isPlain(value)) return value === own;
  if (typeof own !== "object" || own === null || !isPlain(own)) return false;
  const names = Object.keys(value);
  if (names.length !== Object.keys(own).length) return false;
  return names.every((name) => Object.hasOwn(own, name) && isLike(value[name], own[name]));
}

/** Copies the elements of the tensors in `value` to those in `own`, which is like it. */
function load(value: unknown, own: unknown): void {
  if (value instanceof Tensor) loadTensor(value, own as Tensor);
  else if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) load(value[i], (own as unknown[])[i]);
  } else if (typeof value === "object" && value !== null && isPlain(value)) {
    for (const name of Object.keys(value)) load(value[name], (own as Record<string, unknown>)[name]);
  }
}

function loadTensor(x: Tensor, own: Tensor): void {
  if (x.node !== null) {
    throw new CaptureError(
      `compile: argument of shape ${formatShape(x.shape)} was computed from something that requires a gradient, which cannot flow out of a compiled function; detach it`,
    );
  }
  // In one go where it can be, without the garbage that walking over axes makes.
  if (x.contiguous && x.dtype !== "uint8") {
    kernelsFor(x.dtype).copy(1, 1, 1, x.size, x.address, 0, 0, 0, 1, own.address, 0, 0, 0, 1);
  } else copyStrided(x, own);
}

/** Shapes and values of the arguments, for an error. */
function describe(value: unknown): string {
  if (value instanceof Tensor) return `${value.dtype} ${formatShape(value.shape)}`;
  if (Array.isArray(value)) return `[${value.map(describe).join(", ")}]`;
  if (typeof value !== "object" || value === null) return String(value);
  if (!isPlain(value)) return value.constructor?.name ?? "object";
  return `{ ${Object.entries(value)
    .map(([name, part]) => `${name}: ${describe(part)}`)
    .join(", ")} }`;
}

/** The same value with every tensor in it replaced. */
function mapTensors(value: unknown, replace: (x: Tensor) => Tensor): unknown {
  if (value instanceof Tensor) return replace(value);
  if (Array.isArray(value)) return value.map((element) => mapTensors(element, replace));
  if (typeof value !== "object" || value === null || !isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, mapTensors(part, replace)]));
}

/** Throws unless the result consists of tensors that need no graph. */
function checkResult(value: unknown): void {
  if (value === undefined || value === null) return;
  if (value instanceof Tensor) {
    if (value.node === null || value.node.released) return;
    throw new CaptureError(
      "compile: the result still has a graph, which replays do not build; call backward or grad inside the compiled function, or compute inside noGrad",
    );
  }
  if (Array.isArray(value)) {
    for (const element of value) checkResult(element);
  } else if (typeof value === "object" && isPlain(value)) {
    for (const part of Object.values(value)) checkResult(part);
  } else {
    throw new CaptureError(
      `compile: the function returned ${typeof value === "object" ? value.constructor?.name : `the ${typeof value} ${String(value)}`}, which would be the same in every replay; return tensors, in arrays or objects if there are several`,
    );
  }
}

/**
 * Makes a fast version of a function of tensors, such as a training step. Its first two calls run the function and write
 * down the kernels that it calls; all later ones do only these, in memory that was planned then. The results are those
 * of the function, bit for bit, in tensors of their own.
 *
 * Calls that differ in shapes or dtypes of tensors, in other arguments, in `training` of a module, in what requires a
 * gradient, or in which `.grad` there are, are recorded each for itself; so a number that often changes belongs in a tensor. What a number outside of the function, or control flow
 * that depends on one, changes is not seen by replays: pass it as an argument (each value is then a recording of its
 * own) or as a tensor. The function is run once more after 10, 100, 1000 … replays: a difference to what was recorded is
 * an error.
 *
 * @throws CaptureError if the function does what a replay cannot: reads values on the host, makes tensors from numbers,
 *   chooses random streams, does something else in its second run, or returns something other than tensors
 */
export function compile<Args extends readonly unknown[], Result>(
  f: (...args: Args) => Result,
  options: CompileOptions = {},
): Compiled<Args, Result> {
  checkOptions("compile", options, compileOptions);
  const { call, count, dispose, latest: recording } = capture(f, options, false);
  latest.set(call, recording);
  return Object.defineProperties(call as Compiled<Args, Result>, {
    recordings: { get: count },
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
  options: RoundsOptions,
): (...args: Args) => Rounds {
  return capture(f, options, true).prepare;
}

/** What `compile` and `compileInRounds` share. `before` is for recordings in rounds. */
function capture<Args extends readonly unknown[], Result>(
  f: (...args: Args) => Result,
  { limit = 64, before }: Partial<RoundsOptions>,
  inRounds: boolean,
) {
  const plan = new Plan(heap().arena);
  const variants: Variant[] = [];
  let disposed = false;
  let last: Recording | undefined;

  const call = (...args: Args): Result => {
    // Inside another compiled function it is a part of that one's recording.
    if (observer()) return f(...args);
    if (disposed) throw new CaptureError("compile: this compiled function was disposed");
    const variant = find(args);
    if (!variant) return handOut(start(args).result) as Result;
    load(args, variant.own);
    if (!variant.verified || variant.replays === variant.nextCheck) verify(variant);
    else {
      variant.replays++;
      last = variant.recording;
      last.replay();
    }
    return handOut(variant.result) as Result;
  };

  const prepare = (...args: Args): Rounds => {
    before?.();
    const variant = find(args) ?? start(args);
    load(args, variant.own);
    if (!variant.verified || variant.replays === variant.nextCheck) {
      before?.();
      verify(variant);
      before?.();
    }
    variant.replays++;
    const { recording } = variant;
    last = recording;
    return { meetings: recording.meetings, replay: recording.replayInRounds() };
  };

  const find = (args: Args): Variant | undefined => {
    const recorded = gradEnabled();
    for (const variant of variants) {
      if (variant.recorded === recorded && isLike(args, variant.own) && variant.recording.fits())
        return variant;
    }
    return undefined;
  };

  const run = (own: readonly unknown[], inputs: readonly Tensor[]): Pick<Variant, "recording" | "result"> => {
    const recording = new Recording(plan, inRounds);
    try {
      const result = recording.record(() => scope(() => f(...(own as Args))));
      checkResult(result);
      if (inputs.some(({ grad }) => grad !== null)) {
        throw new CaptureError(
          "compile: backward reached an argument, whose .grad a replay cannot set; use grad(…) and return the result",
        );
      }
      return { recording, result: mapTensors(result, (x) => recording.keepResult(x)) };
    } catch (error) {
      recording.dispose();
      throw error;
    }
  };

  const start = (args: Args): Variant => {
    if (variants.length >= limit) {
      throw new CaptureError(
        `compile: ${limit} kinds of calls were recorded, and this is another one (${args.map(describe).join(", ")}); pass what changes often as a tensor, keep shapes the same, or raise { limit }`,
      );
    }
    const inputs: Tensor[] = [];
    const own = mapTensors(args, (x) => {
      const input = Tensor.allocate(x.shape, x.dtype, "captured step").keep();
      input.requiresGrad = x.requiresGrad;
      inputs.push(input);
      return input;
    }) as unknown[];
    try {
      load(args, own);
      const variant = {
        ...run(own, inputs),
        own,
        inputs,
        recorded: gradEnabled(),
        verified: false,
        replays: 0,
        nextCheck: firstCheck,
      };
      variants.push(variant);
      return variant;
    } catch (error) {
      for (const input of inputs) input.dispose();
      throw error;
    }
  };

  const verify = (variant: Variant): void => {
    const again = run(variant.own, variant.inputs);
    const difference = variant.recording.difference(again.recording);
    if (difference) {
      again.recording.dispose();
      const { replays } = variant;
      const when = replays ? `after ${replays} replays, which may have been wrong` : "the second time";
      throw new CaptureError(
        `compile: the function did something else ${when}: ${difference}; what changes from call to call must be in a tensor: one that is passed as an argument, or is changed in place`,
        replays,
      );
    }
    variant.recording.dispose();
    if (variant.verified) variant.nextCheck *= 10;
    Object.assign(variant, again, { verified: true });
  };

  const dispose = () => {
    if (disposed) return;
    disposed = true;
    last = undefined;
    for (const { recording, inputs } of variants) {
      recording.dispose();
      for (const input of inputs) input.dispose();
    }
    variants.length = 0;
    plan.close();
  };

  abandoned.register(inRounds ? prepare : call, dispose);
  return { call, prepare, dispose, count: () => variants.length, latest: () => last };
}

/** The result in tensors of the caller's own. */
function handOut(result: unknown): unknown {
  return mapTensors(result, (x) => {
    const y = Tensor.allocate(x.shape, x.dtype, "compiled");
    copyStrided(x, y);
    return y;
  });
}
