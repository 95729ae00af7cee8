// A run as scripts see it: a promise of the result that also yields its events. Knows nothing of how a run works.
import type { AnyModule, Module } from "@shardgrad/core";
import { nearestName } from "@shardgrad/core/engine";
import { JobError } from "./errors.ts";
import type { EventType, TrainEvent, TrainResult } from "./events.ts";
import { eventTypes } from "./events.ts";

type Listener<T extends EventType> = (event: Extract<TrainEvent, { type: T }>) => void;

interface Queue {
  events: TrainEvent[];
  wake: () => void;
}

/** Does the run. Gets a function that publishes events, and one that says whether to stop. */
export type Runner<M extends AnyModule> = (
  publish: (event: TrainEvent) => void,
  stopRequested: () => boolean,
) => Promise<TrainResult<M>>;

/** A run in progress: a promise of its result, whose events several callers can iterate over or listen to at once. */
export class TrainingRun<M extends AnyModule = Module>
  implements Promise<TrainResult<M>>, AsyncIterable<TrainEvent>
{
  readonly [Symbol.toStringTag] = "TrainingRun";
  readonly #result: Promise<TrainResult<M>>;
  readonly #listeners = new Map<string, Set<(event: TrainEvent) => void>>();
  readonly #queues = new Set<Queue>();
  /** Events that occur only once; a late iterator gets them first. */
  readonly #told: TrainEvent[] = [];
  #settled = false;
  #failure: { error: unknown } | undefined;
  #stopRequested = false;
  /** Whether anybody awaits the result. */
  #awaited = false;

  /** @param signal stops the run, which then rejects with its reason */
  constructor(run: Runner<M>, signal?: AbortSignal) {
    // Begins in a later microtask, so that listeners added right after the call miss nothing.
    this.#result = Promise.resolve().then(() => this.#abortable(run, signal));
    const settle = () => {
      this.#settled = true;
      for (const queue of this.#queues) queue.wake();
    };
    this.#result.then(settle, (error) => {
      this.#failure = { error };
      settle();
      this.#throwUnheard();
    });
  }

  // biome-ignore lint/suspicious/noThenProperty: a run is awaited for its result, as any promise
  then<A = TrainResult<M>, B = never>(
    fulfilled?: ((result: TrainResult<M>) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#awaited = true;
    return this.#result.then(fulfilled, rejected);
  }

  catch<B = never>(rejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<TrainResult<M> | B> {
    return this.then(undefined, rejected);
  }

  finally(settled?: (() => void) | null): Promise<TrainResult<M>> {
    this.#awaited = true;
    return this.#result.finally(settled);
  }

  /**
   * Calls `listener` for every event of one type from now on.
   *
   * @throws JobError if there is no such event
   */
  on<T extends EventType>(type: T, listener: Listener<T>): this {
    if (!Object.hasOwn(eventTypes, type)) {
      const types = Object.keys(eventTypes);
      const near = nearestName(type, types);
      const advice = near ? `did you mean ${near}?` : `there are ${types.join(", ")}`;
      throw new JobError(`on: there is no event "${type}"; ${advice}`);
    }
    if (typeof listener !== "function") throw new JobError(`on: got ${typeof listener}, expected a function`);
    const listeners = this.#listeners.get(type) ?? new Set();
    listeners.add(listener as (event: TrainEvent) => void);
    this.#listeners.set(type, listeners);
    return this;
  }

  /** Stops calling it. */
  off<T extends EventType>(type: T, listener: Listener<T>): this {
    const listeners = this.#listeners.get(type);
    listeners?.delete(listener as (event: TrainEvent) => void);
    if (listeners?.size === 0) this.#listeners.delete(type);
    return this;
  }

  /**
   * Ends the run soon, at the end of a step; it then evaluates and finishes as usual. Which step depends on timing,
   * since the workers do not wait for the request.
   */
  stop(): void {
    this.#stopRequested = true;
  }

  /**
   * Yields events from now on, after past events that occur only once (`start`, `resume`, `end`). Throws the run's
   * error if it fails. Leaving the loop stops the run, unless somebody else iterates, listens, or awaits the result.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<TrainEvent, void, undefined> {
    const queue: Queue = { events: [...this.#told], wake: () => undefined };
    this.#queues.add(queue);
    let done = false;
    try {
      while (true) {
        for (let event = queue.events.shift(); event; event = queue.events.shift()) yield event;
        if (this.#settled) break;
        await new Promise<void>((resolve) => {
          queue.wake = resolve;
        });
      }
      done = true;
      if (this.#failure) throw this.#failure.error;
    } finally {
      this.#queues.delete(queue);
      if (!done) this.#left();
    }
  }

  async #abortable(run: Runner<M>, signal: AbortSignal | undefined): Promise<TrainResult<M>> {
    signal?.throwIfAborted();
    const stop = () => this.stop();
    signal?.addEventListener("abort", stop, { once: true });
    try {
      const result = await run(this.#publish, () => this.#stopRequested);
      // A run that finished before it saw the signal has a result.
      if (result.stopped) signal?.throwIfAborted();
      return result;
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  readonly #publish = (event: TrainEvent): void => {
    if (eventTypes[event.type] === "once") this.#told.push(event);
    for (const queue of this.#queues) {
      queue.events.push(event);
      queue.wake();
    }
    // Not for listeners that are added meanwhile.
    for (const listener of [...(this.#listeners.get(event.type) ?? [])]) listener(event);
  };

  /** Somebody has left a loop early. */
  #left(): void {
    const watched = this.#queues.size > 0 || this.#listeners.size > 0 || this.#awaited;
    if (!this.#settled && !watched) this.stop();
    this.#throwUnheard();
  }

  /** An error that nobody receives must not vanish: make it an unhandled rejection. */
  #throwUnheard(): void {
    if (this.#failure && !this.#awaited && this.#queues.size === 0) void Promise.reject(this.#failure.error);
  }
}
