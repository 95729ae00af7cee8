// The barrier: nobody passes a round before everybody has reached it. The only file that waits on shared words or
// wakes others. It is a machine whose every step is one operation on a shared word, so that the model checker in
// testing/ can run this very code in any order. Stages, proof and the reason for each step: barrier.md beside this file.
import type { Control, ControlWord } from "./control.ts";
import { afterLooking, afterSleep, looksAt, mostLooks } from "./spinning.ts";

/** Thrown out of a wait when another thread has failed: the step is void, nothing may be written any more. */
export class AbortedError extends Error {
  override name = "AbortedError";
}

/** The operations on shared words that the barrier is made of; each is atomic, and all have one order. */
export interface SharedWords {
  load(index: number): number;
  store(index: number, value: number): void;
  /** Returns the value before. */
  add(index: number, value: number): number;
  compareExchange(index: number, expected: number, value: number): number;
  /** Sleeps until notified if the word has the expected value, compared and fallen asleep in one; may wake too early. */
  wait(index: number, expected: number): void;
  /** The same without blocking: a promise of the waking, or nothing if the word has another value. */
  waitAsync(index: number, expected: number): Promise<unknown> | undefined;
  /** Wakes all who sleep on the word. */
  notify(index: number): void;
  /** Between two looks at a word: lets the core's other thread go first. */
  pause(): void;
}

const pause = (Atomics as unknown as { pause?: () => void }).pause ?? (() => undefined);

/** Sleeps for a millisecond, between looks at a word that is changed without waking anybody. */
export function sleepOn(control: Control, word: ControlWord): void {
  const { view } = control;
  Atomics.wait(view, control.index(word), control.load(word), 1);
}

class AtomicWords implements SharedWords {
  readonly #view: Int32Array;

  constructor(view: Int32Array) {
    this.#view = view;
  }

  load(index: number): number {
    return Atomics.load(this.#view, index);
  }

  store(index: number, value: number): void {
    Atomics.store(this.#view, index, value);
  }

  add(index: number, value: number): number {
    return Atomics.add(this.#view, index, value);
  }

  compareExchange(index: number, expected: number, value: number): number {
    return Atomics.compareExchange(this.#view, index, expected, value);
  }

  wait(index: number, expected: number): void {
    Atomics.wait(this.#view, index, expected);
  }

  waitAsync(index: number, expected: number): Promise<unknown> | undefined {
    const sleep = Atomics.waitAsync(this.#view, index, expected);
    return sleep.async ? sleep.value : undefined;
  }

  notify(index: number): void {
    Atomics.notify(this.#view, index);
  }

  pause(): void {
    pause();
  }
}

/** Where a party is in a round. Each stage is named for the one operation that it is about to do. */
export const stages = {
  /** Reads which round it is, before arriving: once the last has arrived, the generation may move on at any time. */
  readRound: 0,
  /** Looks at the abort word: no round may begin after an abort. */
  checkBefore: 1,
  /** Counts itself in. What it wrote before is visible to whoever is released by this round. */
  arrive: 2,
  /** The last only: makes `arrived` ready for the next round, while nobody can arrive. */
  reset: 3,
  /** The last only: begins the next round; whoever looks from now on is released. */
  release: 4,
  /** The last only: wakes those who sleep on the round that is over. */
  wake: 5,
  /** The others: look whether the round is over. */
  look: 6,
  /** The others: sleep, unless the round is over by now. */
  sleep: 7,
  /** The others: look whether it was an abort that ended the round. */
  checkAfter: 8,
  /** The wait is over, and the round complete. */
  passed: 9,
  /** The wait is over, and the round void. */
  aborted: 10,
} as const;

/** What an abort is about to do, in this order: whoever sees the new generation sees the flag too. */
export const abortStages = { flag: 0, release: 1, wake: 2, told: 3 } as const;

/** One party's own part of the state: plain numbers, which a checker can save and restore. */
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
  /** Threads that take part. */
  parties: number;
  /** Look before sleeping, at most so many times if it is a number. Pays only while every thread has a core of its own. */
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
   * Waits, blocking the thread, until all parties are here. All writes made before are visible to all after.
   *
   * @throws AbortedError if a thread has failed
   */
  wait(): void {
    this.begin();
    while (this.turn.stage < stages.passed) this.step();
    this.#throwIfAborted();
  }

  /** The same for the main thread, whose event loop goes on meanwhile. */
  async waitAsync(): Promise<void> {
    this.begin();
    while (this.turn.stage < stages.passed) {
      const sleep = this.stepAsync();
      if (sleep) await sleep;
    }
    this.#throwIfAborted();
  }

  /** Makes every wait, present and future, throw. The first caller's rank stands in the word; later ones change nothing. */
  abort(rank: number): void {
    let stage: number = abortStages.flag;
    while (stage < abortStages.told) stage = this.abortStep(stage, rank);
  }

  /** A new wait is about to do its first step. */
  begin(): void {
    this.turn.stage = stages.readRound;
  }

  /** Does what the stage says, which is one operation on a shared word, and goes on to the next stage. */
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

  /** The same, but it never blocks: where `step` would sleep, it returns a promise of the waking. */
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
