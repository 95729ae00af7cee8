// The barrier: nobody passes a round before everybody has reached it. The only file that waits on shared words or
// wakes others. States, proof obligations and the reason for each Atomics call: barrier.md beside this file.
import type { Control, ControlWord } from "./control.ts";

/** Thrown out of a wait when another thread has failed: the step is void, nothing may be written any more. */
export class AbortedError extends Error {
  override name = "AbortedError";
}

/** Rounds of looking at the word before going to sleep: about 20 µs, a little more than falling asleep costs. */
const spinRounds = 2000;

const pause = (Atomics as unknown as { pause?: () => void }).pause ?? (() => undefined);

export interface BarrierOptions {
  /** Threads that take part. */
  parties: number;
  /** Look before sleeping. Pays only while every thread has a core of its own. */
  spin: boolean;
  /** Which pair of words to use. */
  words?: readonly [arrived: ControlWord, generation: ControlWord];
}

export class Barrier {
  readonly #control: Control;
  readonly #parties: number;
  readonly #spins: number;
  readonly #arrived: number;
  readonly #generation: number;
  readonly #abort: number;

  constructor(control: Control, options: BarrierOptions) {
    const [arrived, generation] = options.words ?? (["arrived", "generation"] as const);
    this.#control = control;
    this.#parties = options.parties;
    this.#spins = options.spin ? spinRounds : 0;
    this.#arrived = control.index(arrived);
    this.#generation = control.index(generation);
    this.#abort = control.index("abort");
  }

  /**
   * Waits, blocking the thread, until all parties are here. All writes made before are visible to all after.
   *
   * @throws AbortedError if a thread has failed
   */
  wait(): void {
    const { view } = this.#control;
    // Read before arriving: once the last has arrived, the generation may move on at any time.
    const generation = Atomics.load(view, this.#generation);
    this.#throwIfAborted();
    if (this.#arrive()) return;
    for (let spin = 0; spin < this.#spins; spin++) {
      if (Atomics.load(view, this.#generation) !== generation) break;
      pause();
    }
    // Returns at once if the generation has moved on since the last look: no wake-up can be lost.
    while (Atomics.load(view, this.#generation) === generation)
      Atomics.wait(view, this.#generation, generation);
    this.#throwIfAborted();
  }

  /** The same for the main thread, whose event loop goes on meanwhile. */
  async waitAsync(): Promise<void> {
    const { view } = this.#control;
    const generation = Atomics.load(view, this.#generation);
    this.#throwIfAborted();
    if (this.#arrive()) return;
    while (Atomics.load(view, this.#generation) === generation) {
      await Atomics.waitAsync(view, this.#generation, generation).value;
    }
    this.#throwIfAborted();
  }

  /** Makes every wait, present and future, throw. The first caller's rank stands in the word; later ones change nothing. */
  abort(rank: number): void {
    const { view } = this.#control;
    Atomics.compareExchange(view, this.#abort, 0, rank + 1);
    // After the flag: whoever sees the new generation sees the flag too.
    Atomics.add(view, this.#generation, 1);
    Atomics.notify(view, this.#generation);
  }

  /** True for the last to arrive, who has then released the others. */
  #arrive(): boolean {
    const { view } = this.#control;
    if (Atomics.add(view, this.#arrived, 1) + 1 < this.#parties) return false;
    // Nobody else can arrive until the generation moves on, so the plain order is enough: reset, then release.
    Atomics.store(view, this.#arrived, 0);
    Atomics.add(view, this.#generation, 1);
    Atomics.notify(view, this.#generation);
    return true;
  }

  #throwIfAborted(): void {
    if (Atomics.load(this.#control.view, this.#abort) !== 0) {
      throw new AbortedError("another worker failed");
    }
  }
}
