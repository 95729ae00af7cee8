// What tensors, ops and optimizers tell of themselves while a step is recorded, and how they do what is not a kernel
// call. Everybody may import this; who listens is capture/recording.ts. Nobody listens most of the time.
import { CaptureError } from "./errors.ts";
import type { Storage } from "./memory/storage.ts";
import type { Generator } from "./random.ts";

/** A tensor, to whoever passes it on without a look at it. */
interface Passed {
  readonly alive: boolean;
}

/** What one shard of a batch brings to a meeting. */
export interface Share {
  /** Its place among the shards of the batch. */
  readonly place: number;
  /** Weight of the shard in the mean loss over the batch. */
  readonly weight: number;
  /** What `Meeting.count` is for the shard. */
  readonly count: number;
  /** What lay at the addresses of the meeting, one after another. */
  readonly values: Float64Array;
}

/**
 * A place of a step where shards of one batch put numbers together before any of them goes on. Each shard's numbers
 * (float32) lie at `addresses`, and are replaced there by what comes out.
 */
export interface Meeting {
  readonly name: string;
  readonly addresses: readonly number[];
  /** Numbers at each address. */
  readonly size: number;
  /** How many values of this shard each number stands for. */
  readonly count: number;
  /** What the shard `own`, one of `shares`, goes on with. Shards that bring nothing are not among them. */
  merge(shares: readonly Share[], own: Share): Float64Array;
  /** Does what is done once for all shards, at the end of the step, with what came out and the count of all shards. */
  settle?(merged: Float64Array, count: number): void;
}

/** Who is told; see capture/recording.ts. */
export interface Observer {
  /** Whether the step is one shard's part of a batch, done in turns with the others'; null if it is all there is. */
  readonly meet: ((meeting: Meeting) => void) | null;
  /** The elements of `x` are about to be used. */
  uses(x: Passed, storage: Storage, address: number): void;
  /** `grad` is what it is before. */
  readsGrad(leaf: Passed, grad: Passed | null): void;
  writesGrad(leaf: Passed, grad: Passed | null): void;
  /** Its gradient is given back, and is null from now on. */
  clearsGrad(leaf: Passed): void;
  /** What is recorded holds only as long as `holds()` is true. */
  dependsOn(holds: () => boolean): void;
  /** Does `body` now, and at this place of every replay. */
  hostStep(name: string, body: () => void): void;
  /** Does `body` now, and never again. */
  once<T>(body: () => T): T;
  /** Cells of the generator, and the position of the next `count` numbers from there. */
  draw(generator: Generator, count: number): { cells: number; position: number };
}

let current: Observer | null = null;

/** Who listens; null most of the time. */
export function observer(): Observer | null {
  return current;
}

/** Runs `body` with `next` listening. */
export function observe<T>(next: Observer | null, body: () => T): T {
  const before = current;
  current = next;
  try {
    return body();
  } finally {
    current = before;
  }
}

/**
 * Does `body`, work of the host (not of kernels) that must be done in every step: counting steps, computing the
 * learning rate, checking labels. A compiled function does it again at this place of every replay. It must not make
 * tensors, nor use any that the step makes: take their addresses before.
 */
export function hostStep(name: string, body: () => void): void {
  if (current) current.hostStep(name, body);
  else body();
}

/**
 * Notes a meeting where the step that is recorded is one shard's part of a batch (see `compileInRounds`). Null otherwise:
 * there is nobody to meet.
 */
export function meetings(): ((meeting: Meeting) => void) | null {
  return current?.meet ?? null;
}

/** Does `body`, which prepares what outlives the step: once, also if a step is being recorded. */
export function outsideOfCapture<T>(body: () => T): T {
  return current ? current.once(body) : body();
}

/** Throws while a step is recorded: what the host reads or writes now would not be read or written again. */
export function refuseHostAccess(operation: string, advice: string): void {
  if (!current) return;
  throw new CaptureError(
    `compile: ${operation} inside a compiled function happens once, when it is recorded, and not in replays; ${advice}`,
  );
}
