// What tensors, ops and optimizers report while a step is recorded, and how they do work that is not a kernel call. Any
// file may import this; capture/recording.ts listens. Most of the time nobody does.
import { CaptureError } from "./errors.ts";
import type { Storage } from "./memory/storage.ts";
import type { Generator } from "./random.ts";

/** A tensor, for code that only passes it on. */
interface Passed {
  readonly alive: boolean;
}

/** What one shard of a batch contributes to an exchange. */
export interface Share {
  /** Its place among the shards of the batch. */
  readonly place: number;
  /** Weight of the shard in the mean loss over the batch. */
  readonly weight: number;
  /** The shard's `Exchange.count`. */
  readonly count: number;
  /** The numbers at the exchange's addresses, one after another. */
  readonly values: Float64Array;
}

/**
 * A point of a step where the shards of one batch combine numbers before any of them continues. Each shard's numbers
 * (float32) lie at `addresses`; the result replaces them.
 */
export interface Exchange {
  readonly name: string;
  readonly addresses: readonly number[];
  /** Numbers at each address. */
  readonly size: number;
  /** How many values of this shard each number stands for. */
  readonly count: number;
  /** The result for the shard `own`, one of `shares`. Shards that contribute nothing are not among them. */
  merge(shares: readonly Share[], own: Share): Float64Array;
  /** Called once for all shards, at the end of the step, with the result and the count of all shards. */
  settle?(merged: Float64Array, count: number): void;
}

/** The listener; see capture/recording.ts. */
export interface Observer {
  /** Not null if the step is one shard's part of a batch, and takes turns with the others. */
  readonly exchange: ((exchange: Exchange) => void) | null;
  /** The elements of `x` are about to be used. */
  uses(x: Passed, storage: Storage, address: number): void;
  /** `grad` is the gradient before this. */
  readsGrad(leaf: Passed, grad: Passed | null): void;
  writesGrad(leaf: Passed, grad: Passed | null): void;
  /** Its gradient is freed, and is null from now on. */
  clearsGrad(leaf: Passed): void;
  /** The recording is valid only while `holds()` is true. */
  dependsOn(holds: () => boolean): void;
  /** Runs `body` now, and at this point of every replay. */
  hostStep(name: string, body: () => void): void;
  /** Runs `body` now, and never again. */
  once<T>(body: () => T): T;
  /** The generator's cells, and the position of its next `count` numbers. */
  draw(generator: Generator, count: number): { cells: number; position: number };
}

let current: Observer | null = null;

/** The listener; null most of the time. */
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
 * Runs `body`, host work (not kernels) that every step must repeat: counting steps, computing the learning rate,
 * checking labels. A compiled function repeats it at this point of every replay. It must not make tensors, nor use any
 * that the step makes: take their addresses right before.
 */
export function hostStep(name: string, body: () => void): void {
  if (current) current.hostStep(name, body);
  else body();
}

/**
 * Records an exchange, if the recorded step is one shard's part of a batch (see `compileInRounds`). Otherwise null:
 * there are no other shards.
 */
export function exchanges(): ((exchange: Exchange) => void) | null {
  return current?.exchange ?? null;
}

/** Runs `body`, which prepares something that outlives the step: only once, even if a step is being recorded. */
export function outsideOfCapture<T>(body: () => T): T {
  return current ? current.once(body) : body();
}

/** Throws while a step is recorded: a replay would not repeat what the host reads or writes now. */
export function refuseHostAccess(operation: string, advice: string): void {
  if (!current) return;
  throw new CaptureError(
    `compile: ${operation} inside a compiled function happens once, when it is recorded, and not in replays; ${advice}`,
  );
}
