// A virtual clock with seeded choices: sleepers continue when it is their turn, and no real time passes. The seed
// determines everything, because only one task moves at a time.
import { setImmediate } from "node:timers/promises";
import type { Clock } from "../src/attempt/attempt.ts";

/** Event-loop turns without sleepers before everything counts as stuck: modules may be loading. */
const mostIdle = 1000;

interface Sleeper {
  wakeMs: number;
  wake: () => void;
}

export class VirtualTime implements Clock {
  #nowMs = 0;
  #state: number;
  readonly #sleepers: Sleeper[] = [];

  constructor(seed: number) {
    this.#state = (seed * 2654435761) >>> 0 || 1;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  /** Uniform in [0, 1); xorshift32. */
  random(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state / 2 ** 32;
  }

  /** An integer from 0 to `below` - 1. */
  integer(below: number): number {
    return Math.floor(this.random() * below);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((wake) => this.#sleepers.push({ wakeMs: this.#nowMs + ms, wake }));
  }

  /** Advances time until `promise` settles; throws if nobody sleeps any more, or after `limitMs`. */
  async runUntil<T>(promise: Promise<T>, limitMs: number): Promise<T> {
    let settled = false;
    const watched = promise.finally(() => {
      settled = true;
    });
    watched.catch(() => undefined);
    let idle = 0;
    for (;;) {
      // Everything that can move without time moves first.
      await setImmediate();
      if (settled) return await watched;
      if (this.#wakeNext()) idle = 0;
      else if (++idle > mostIdle)
        throw new Error(`deadlock at ${this.#nowMs.toFixed(1)} ms: nobody will ever move`);
      if (this.#nowMs > limitMs) throw new Error(`not over after ${limitMs} ms`);
    }
  }

  #wakeNext(): boolean {
    let next = -1;
    this.#sleepers.forEach(({ wakeMs }, i) => {
      if (next < 0 || wakeMs < this.#sleepers[next]!.wakeMs) next = i;
    });
    if (next < 0) return false;
    const [{ wakeMs, wake }] = this.#sleepers.splice(next, 1) as [Sleeper];
    this.#nowMs = wakeMs;
    wake();
    return true;
  }
}
