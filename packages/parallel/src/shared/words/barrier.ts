// The barrier: nobody passes a round before everybody has reached it. The only file that waits on shared words or wakes
// waiters. It is a state machine whose every step is one operation on a shared word. So the model checker in testing/
// can run this same code in any order. Stages, proof and the reason for each step: barrier.md in this folder.
import type { Control, ControlWord } from "./control.ts";
import { afterLooking, afterSleep, looksAt, mostLooks } from "./spinning.ts";

/** Thrown out of a wait when another thread has failed. The step is void, and nothing may be written any more. */
export class AbortedError extends Error {
  override name = "AbortedError";
}

/** The barrier's operations on shared words. Each is atomic, and all have one total order. */
export interface SharedWords {
  load(index: number): number;
  store(index: number, value: number): void;
  /** Returns the previous value. */
  add(index: number, value: number): number;
  compareExchange(index: number, expected: number, value: number): number;
  /** Atomically compares the word with the expected value and, if equal, sleeps until notified. May wake up early. */
  wait(index: number, expected: number): void;
  /** The same without blocking: a promise of the wake-up, or nothing if the word has another value. */
  waitAsync(index: number, expected: number): Promise<unknown> | undefined;
  /** Wakes all sleepers on the word. */
  notify(index: number): void;
  /** Pauses between two looks at a word, so that the core's other thread goes first. */
  pause(): void;
}

const pause = (Atomics as unknown as { pause?: () => void }).pause ?? (() => undefined);

/** Sleeps for a millisecond between looks at a word whose writer wakes nobody. */
export function sleepOn(control: Control, word: ControlWord): void {
  const { view } = control;
  Atomics.wait(view, control.index(word), control.load(word), 1);
}

/** Sleeps for so long, unless another thread has failed. */
export function rest(control: Control, ms: number): void {
  Atomics.wait(control.view, control.index("abort"), 0, ms);
}

/** How long a thread sleeps at most that looks at something else, too. */
const mostSleepMs = 500;

class AtomicWords implements SharedWords {
  protected readonly view: Int32Array;

  constructor(view: Int32Array) {
    this.view = view;
  }

  load(index: number): number {
    return Atomics.load(this.view, index);
  }

  store(index: number, value: number): void {
    Atomics.store(this.view, index, value);
  }

  add(index: number, value: number): number {
    return Atomics.add(this.view, index, value);
  }

  compareExchange(index: number, expected: number, value: number): number {
    return Atomics.compareExchange(this.view, index, expected, value);
  }

  wait(index: number, expected: number): void {
    Atomics.wait(this.view, index, expected);
  }

  waitAsync(index: number, expected: number): Promise<unknown> | undefined {
    const sleep = Atomics.waitAsync(this.view, index, expected);
    return sleep.async ? sleep.value : undefined;
  }

  notify(index: number): void {
    Atomics.notify(this.view, index);
  }

  pause(): void {
    pause();
  }
}

/** Words on which a thread sleeps for a while only, and then looks at something else. */
export class LookingWords extends AtomicWords {
  readonly #look: () => void;

  constructor(view: Int32Array, look: () => void) {
    super(view);
    this.#look = look;
  }

  override wait(index: number, expected: number): void {
    Atomics.wait(this.view, index, expected, mostSleepMs);
    this.#look();
  }
}

/** Where a party is in a round. Each stage is named for its next operation. */
export const stages = {
  /** Reads the round's number before arriving: once the last has arrived, the generation may change at any time. */
  readRound: 0,
  /** Reads the abort word: no round may begin after an abort. */
  checkBefore: 1,
  /** Counts itself in. Its earlier writes become visible to everybody whom this round releases. */
  arrive: 2,
  /** The last only: resets `arrived` for the next round, while nobody can arrive. */
  reset: 3,
  /** The last only: begins the next round; this releases everybody who reads it. */
  release: 4,
  /** The last only: wakes the sleepers of the finished round. */
  wake: 5,
  /** The others: read whether the round is over. */
  look: 6,
  /** The others: sleep, unless the round is over by now. */
  sleep: 7,
  /** The others: read whether an abort ended the round. */
  checkAfter: 8,
  /** The wait is over, the round complete. */
  passed: 9,
  /** The wait is over, the round void. */
  aborted: 10,
} as const;

/** The steps of an abort, in this order: whoever sees the new generation also sees the flag. */
export const abortStages = { flag: 0, release: 1, wake: 2, told: 3 } as const;

/** One party's own state: plain numbers, which a checker can save and restore. */
export interface Turn {
  stage: number;
  /** The round that it arrived in. */
  generation: number;
  /** Looks left before it sleeps; -1 once it has slept in this round. */
  looks: number;
  /** See `spinning.ts`. */
  level: number;
}

export interface BarrierOptions {
  /** Number of participating threads. */
  parties: number;
  /** Spin before sleeping; a number limits the looks. Pays only if every thread has a core of its own. */
  spin: boolean | number;
  /** Which pair of words to use. */
  words?: readonly [arrived: ControlWord, generation: ControlWord];
}

/** One thread's side of a barrier. */
export class Barrier {
  readonly turn: Turn = { stage: stages.passed, generation: 0, looks: 0, level: 0 };
  protected readonly words: SharedWords;
  protected readonly parties: number;
  protected readonly generation: number;
  readonly #mostLooks: number;
  readonly #arrived: number;
  readonly #abort: number;

  constructor(control: Control, options: BarrierOptions, words: SharedWords = new AtomicWords(control.view)) {
    const [arrived, generation] = options.words ?? (["arrived", "generation"] as const);
    this.words = words;
    this.parties = options.parties;
    this.#mostLooks = Number(options.spin === true ? mostLooks : options.spin);
    this.#arrived = control.index(arrived);
    this.generation = control.index(generation);
    this.#abort = control.index("abort");
  }

  /**
   * Blocks the thread until all parties are here. All earlier writes of all parties are then visible.
   *
   * @throws AbortedError if a thread has failed
   */
  wait(): void {
    this.begin();
    while (this.turn.stage < stages.passed) this.step();
    this.#throwIfAborted();
  }

  /** The same for the main thread, whose event loop keeps running. */
  async waitAsync(): Promise<void> {
    this.begin();
    while (this.turn.stage < stages.passed) {
      const sleep = this.stepAsync();
      if (sleep) await sleep;
    }
    this.#throwIfAborted();
  }

  /** Makes every present and future wait throw. The first caller's rank stays in the word; later calls change nothing. */
  abort(rank: number): void {
    let stage: number = abortStages.flag;
    while (stage < abortStages.told) stage = this.abortStep(stage, rank);
  }

  /** A new wait is about to do its first step. */
  begin(): void {
    this.turn.stage = stages.readRound;
  }

  /** Does the stage's one operation on a shared word, and moves to the next stage. */
  step(): void {
    const { turn, words } = this;
    switch (turn.stage) {
      case stages.readRound:
        turn.generation = words.load(this.generation);
        turn.stage = stages.checkBefore;
        break;
      case stages.checkBefore:
        turn.stage = words.load(this.#abort) === 0 ? stages.arrive : stages.aborted;
        break;
      case stages.arrive:
        turn.looks = looksAt(turn.level, this.#mostLooks);
        turn.stage = words.add(this.#arrived, 1) + 1 < this.parties ? stages.look : stages.reset;
        break;
      case stages.reset:
        words.store(this.#arrived, 0);
        turn.stage = stages.release;
        break;
      case stages.release:
        words.add(this.generation, 1);
        turn.stage = stages.wake;
        break;
      case stages.wake:
        words.notify(this.generation);
        turn.stage = stages.passed;
        break;
      case stages.look:
        this.#look();
        break;
      case stages.sleep:
        turn.stage = stages.look;
        words.wait(this.generation, turn.generation);
        break;
      case stages.checkAfter:
        turn.stage = words.load(this.#abort) === 0 ? stages.passed : stages.aborted;
    }
  }

  /** The same, but never blocks: where `step` would sleep, it returns a promise of the wake-up. */
  stepAsync(): Promise<unknown> | undefined {
    const { turn } = this;
    if (turn.stage === stages.sleep) {
      turn.stage = stages.look;
      return this.words.waitAsync(this.generation, turn.generation);
    }
    this.step();
    return undefined;
  }

  /** Does one operation of an abort, and returns the next. */
  abortStep(stage: number, rank: number): number {
    if (stage === abortStages.flag) this.words.compareExchange(this.#abort, 0, rank + 1);
    else if (stage === abortStages.release) this.words.add(this.generation, 1);
    else this.words.notify(this.generation);
    return stage + 1;
  }

  #look(): void {
    const { turn, words } = this;
    if (words.load(this.generation) !== turn.generation) {
      if (turn.looks >= 0) turn.level = afterLooking(turn.level);
      turn.stage = stages.checkAfter;
    } else if (turn.looks > 0) {
      turn.looks--;
      words.pause();
    } else {
      if (turn.looks === 0) turn.level = afterSleep(turn.level);
      turn.looks = -1;
      turn.stage = stages.sleep;
    }
  }

  #throwIfAborted(): void {
    if (this.turn.stage === stages.aborted) throw new AbortedError("another worker failed");
  }
}
