// compile: runs a function twice while writing down its kernel calls, and from then on does only these, without building
// graphs, without allocating, and with the bits that the function would give. What a recording is: capture/recording.ts;
// what could go wrong, and what is done about it: capture/README.md. Knows no op by name.
import { observer } from "./capture/observer.ts";
import { Recording } from "./capture/recording.ts";
import { gradEnabled } from "./define-op.ts";
import { CaptureError } from "./errors.ts";
import { heap } from "./memory/heap.ts";
import { Plan } from "./memory/plan.ts";
import { scope } from "./scope.ts";
import { formatShape } from "./shape.ts";
import { copyStrided, Tensor } from "./tensor.ts";

/** What `compile` takes besides the function. */
export interface CompileOptions {
  /** Kinds of calls that are recorded before it is an error; 64 if absent. */
  limit?: number;
}

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
  /** Tensors of its own that stand for the tensors among the arguments. */
  readonly inputs: readonly Tensor[];
  result: unknown;
}

/** What `profile` looks at: the recording that the last call replayed. */
const latest = new WeakMap<object, () => Recording | undefined>();

/** The recording that the last call of a compiled function replayed, if it did. */
export function latestRecording(compiled: object): Recording | undefined {
  return latest.get(compiled)?.();
}

/** Plans of compiled functions that nobody can call any more. */
const abandoned = new FinalizationRegistry<() => void>((giveBack) => giveBack());

/** Identifies objects that are passed through, such as models. */
const identities = new WeakMap<object, number>();
let identified = 0;

function identify(value: object): number {
  let number = identities.get(value);
  if (number === undefined) {
    number = identified++;
    identities.set(value, number);
  }
  return number;
}

const isPlain = (value: object): value is Record<string, unknown> =>
  Object.getPrototypeOf(value) === Object.prototype;

/** Kind of a value: equal for calls that one recording serves. Its tensors are added to `tensors`, in order. */
function kindOf(value: unknown, tensors: Tensor[]): string {
  if (value instanceof Tensor) {
    tensors.push(value);
    return `${value.dtype}${formatShape(value.shape)}${value.requiresGrad ? "g" : ""}`;
  }
  if (typeof value === "function" || typeof value === "symbol") {
    return typeof value === "symbol" ? String(value) : `#${identify(value)}`;
  }
  if (typeof value !== "object" || value === null) return `${typeof value} ${String(value)}`;
  if (Array.isArray(value)) return `[${value.map((element) => kindOf(element, tensors)).join()}]`;
  if (!isPlain(value)) return `#${identify(value)}`;
  const parts = Object.entries(value).map(
    ([name, part]) => `${JSON.stringify(name)}:${kindOf(part, tensors)}`,
  );
  return `{${parts.join()}}`;
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
 * gradient, or in which `.grad` there are, are recorded each for itself. What a number outside of the function, or control flow
 * that depends on one, changes is not seen by replays: pass it as an argument (each value is then a recording of its
 * own) or as a tensor. A difference between the first two calls is an error.
 *
 * @throws CaptureError if the function does what a replay cannot: reads values on the host, makes tensors from numbers,
 *   chooses random streams, does something else in its second run, or returns something other than tensors
 */
export function compile<Args extends readonly unknown[], Result>(
  f: (...args: Args) => Result,
  options: CompileOptions = {},
): Compiled<Args, Result> {
  const { limit = 64 } = options;
  const plan = new Plan(heap().arena);
  const variants = new Map<string, Variant[]>();
  const all = () => [...variants.values()].flat();
  let disposed = false;
  let last: Recording | undefined;

  const call = (...args: Args): Result => {
    // Inside another compiled function it is a part of that one's recording.
    if (observer()) return f(...args);
    if (disposed) throw new CaptureError("compile: this compiled function was disposed");
    const tensors: Tensor[] = [];
    const kind = `${gradEnabled() ? "grad" : "no grad"} ${kindOf(args, tensors)}`;
    const known = variants.get(kind) ?? [];
    let variant = known.find(({ recording }) => recording.fits());
    if (variant?.verified) {
      load(tensors, variant.inputs);
      last = variant.recording;
      last.replay();
    } else if (variant) {
      load(tensors, variant.inputs);
      verify(variant, args);
    } else {
      if (all().length >= limit) throw tooMany(limit, kind);
      variant = start(args, tensors);
      variants.set(kind, [...known, variant]);
    }
    return handOut(variant.result) as Result;
  };

  const run = (args: Args, inputs: readonly Tensor[]): { recording: Recording; result: unknown } => {
    const recording = new Recording(plan);
    let next = 0;
    const own = mapTensors(args, () => inputs[next++]!) as unknown as Args;
    try {
      const result = recording.record(() => scope(() => f(...own)));
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

  const start = (args: Args, tensors: readonly Tensor[]): Variant => {
    const inputs = tensors.map((x) => {
      const own = Tensor.allocate(x.shape, x.dtype, "captured step").keep();
      own.requiresGrad = x.requiresGrad;
      return own;
    });
    load(tensors, inputs);
    try {
      return { ...run(args, inputs), inputs, verified: false };
    } catch (error) {
      for (const input of inputs) input.dispose();
      throw error;
    }
  };

  const verify = (variant: Variant, args: Args): void => {
    const again = run(args, variant.inputs);
    const difference = variant.recording.difference(again.recording);
    if (difference) {
      again.recording.dispose();
      throw new CaptureError(
        `compile: the function did something else the second time: ${difference}; what changes from call to call must be an argument, or a tensor that is changed in place`,
      );
    }
    variant.recording.dispose();
    Object.assign(variant, again, { verified: true });
  };

  const dispose = () => {
    if (disposed) return;
    disposed = true;
    last = undefined;
    for (const { recording, inputs } of all()) {
      recording.dispose();
      for (const input of inputs) input.dispose();
    }
    variants.clear();
    plan.close();
  };

  abandoned.register(call, dispose);
  latest.set(call, () => last);
  return Object.defineProperties(call as Compiled<Args, Result>, {
    recordings: { get: () => all().length },
    dispose: { value: dispose },
  });
}

/** Copies the arguments of a call to where its recording reads them. */
function load(tensors: readonly Tensor[], inputs: readonly Tensor[]): void {
  for (let i = 0; i < tensors.length; i++) {
    if (tensors[i]!.node !== null) {
      throw new CaptureError(
        `compile: argument of shape ${formatShape(tensors[i]!.shape)} was computed from something that requires a gradient, which cannot flow out of a compiled function; detach it`,
      );
    }
    copyStrided(tensors[i]!, inputs[i]!);
  }
}

/** The result in tensors of the caller's own. */
function handOut(result: unknown): unknown {
  return mapTensors(result, (x) => {
    const y = Tensor.allocate(x.shape, x.dtype, "compiled");
    copyStrided(x, y);
    return y;
  });
}

function tooMany(limit: number, kind: string): CaptureError {
  return new CaptureError(
    `compile: ${limit} kinds of calls were recorded, and this is another one (${kind}); pass what changes often as a tensor, keep shapes the same, or raise { limit }`,
  );
}
