// The recordings of a compiled function: one for each kind of call, all in one plan. Makes recordings, finds them, and
// compares them with another run of the function. Replays happen in compile.ts.
import { gradEnabled } from "../autograd/define-op.ts";
import { CaptureError } from "../errors.ts";
import { heap } from "../memory/heap.ts";
import { Plan } from "../memory/plan.ts";
import { scope } from "../scope.ts";
import { Tensor } from "../tensor.ts";
import { checkResult, describe, isLike, load, mapTensors } from "./nested-tensors.ts";
import { Recording } from "./recording.ts";

/** One recorded run of the function. Its result lives as long as the recording. */
interface Run {
  recording: Recording;
  result: unknown;
}

/** A recorded kind of call. */
export interface Kind extends Run {
  /** Whether a second run has confirmed the first one. */
  verified: boolean;
  /** Replays so far, and the number after which the function runs once more as a check. */
  replays: number;
  nextCheck: number;
  /** Whether gradients were recorded. */
  readonly recorded: boolean;
  /** The arguments, with its own tensors in place of the caller's. */
  readonly own: readonly unknown[];
  readonly inputs: readonly Tensor[];
}

/** After so many replays, ten times as many, and so on, the function itself runs and must match the recording. */
const firstCheck = 10;

/** True if the next call must run the function instead of a replay. */
export const isDue = ({ verified, replays, nextCheck }: Kind): boolean => !verified || replays === nextCheck;

export const replayPlainly = (recording: Recording): void => recording.replay();

export class KindsOfCalls {
  /** The recording of the last replay. */
  latest: Recording | undefined;
  disposed = false;
  /** How a recording is replayed. */
  replay = replayPlainly;
  readonly #plan = new Plan(heap().arena);
  readonly #kinds: Kind[] = [];
  readonly #f: (...args: readonly unknown[]) => unknown;
  readonly #limit: number;
  readonly #inRounds: boolean;

  /** `inRounds` if the function is one shard's part of a batch and waits for the others. */
  constructor(f: (...args: readonly unknown[]) => unknown, limit: number, inRounds: boolean) {
    this.#f = f;
    this.#limit = limit;
    this.#inRounds = inRounds;
  }

  get count(): number {
    return this.#kinds.length;
  }

  /** The kind of a call, if it is recorded. */
  find(args: readonly unknown[]): Kind | undefined {
    const recorded = gradEnabled();
    for (const kind of this.#kinds) {
      if (kind.recorded === recorded && isLike(args, kind.own) && kind.recording.fits()) return kind;
    }
    return undefined;
  }

  /** The first call of a kind: runs the function on its own tensors, and records it. */
  start(args: readonly unknown[]): Kind {
    if (this.#kinds.length >= this.#limit) {
      throw new CaptureError(
        `compile: ${this.#limit} kinds of calls were recorded, and this is another one (${args.map(describe).join(", ")}); pass what changes often as a tensor, keep shapes the same, or raise { limit }`,
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
      const run = this.#run(own, inputs);
      const begun = { recorded: gradEnabled(), verified: false, replays: 0, nextCheck: firstCheck };
      const kind: Kind = { ...run, own, inputs, ...begun };
      this.#kinds.push(kind);
      return kind;
    } catch (error) {
      for (const input of inputs) input.dispose();
      throw error;
    }
  }

  /**
   * Runs the function once more, and replaces the old recording by the new one.
   *
   * @throws CaptureError if the function did something else than the recording
   */
  verify(kind: Kind): void {
    const again = this.#run(kind.own, kind.inputs);
    const difference = kind.recording.difference(again.recording);
    if (difference) {
      again.recording.dispose();
      const { replays } = kind;
      const when = replays ? `after ${replays} replays, which may have been wrong` : "the second time";
      throw new CaptureError(
        `compile: the function did something else ${when}: ${difference}; what changes from call to call must be in a tensor: one that is passed as an argument, or is changed in place`,
        replays,
      );
    }
    kind.recording.dispose();
    if (kind.verified) kind.nextCheck *= 10;
    Object.assign(kind, again, { verified: true });
  }

  /** Counts a replay of this kind; returns what to replay. */
  countReplay(kind: Kind): Recording {
    kind.replays++;
    this.latest = kind.recording;
    return kind.recording;
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.latest = undefined;
    for (const { recording, inputs } of this.#kinds) {
      recording.dispose();
      for (const input of inputs) input.dispose();
    }
    this.#kinds.length = 0;
    this.#plan.close();
  }

  #run(own: readonly unknown[], inputs: readonly Tensor[]): Run {
    const recording = new Recording(this.#plan, this.#inRounds);
    try {
      const result = recording.record(() => scope(() => this.#f(...own)));
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
  }
}
