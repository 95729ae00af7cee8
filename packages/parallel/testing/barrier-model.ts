// A model of the barrier: ranks run the product's Barrier over simulated words, one operation at a time, in any order.
// At most one of them crashes (stops forever, at any point) or fails (aborts, then stops; it may crash in the middle of
// the abort). An abort may come from outside at any point, and always comes after a crash. Sleepers may wake up
// spuriously, any number of times. Unless `exact`, states count as one if they differ only in data that nobody will
// read again, or in which rank is which.
import { abortStages, Barrier, stages } from "../src/shared/words/barrier.ts";
import type { ControlWord } from "../src/shared/words/control.ts";
import { Control, controlBytes } from "../src/shared/words/control.ts";
import type { Model, Move } from "./model-checker.ts";
import { Violation } from "./model-checker.ts";
import { SimulatedWords } from "./simulated-words.ts";

/** One of the barriers that ranks share. */
export interface ModelledBarrier {
  parties: number;
  /** The most looks before sleeping; default 0. */
  spin?: number;
  words?: readonly [arrived: ControlWord, generation: ControlWord];
}

/** One rank's part: the barriers that it waits at, in order. */
export interface ModelledRank {
  waits: readonly number[];
  /** The main thread: it sleeps without blocking, and neither crashes nor fails. */
  main?: boolean;
}

export interface BarrierModelOptions {
  barriers: readonly ModelledBarrier[];
  /** Identical ranks are the same object. */
  ranks: readonly ModelledRank[];
  /** The generation to begin with; default 0. */
  generation?: number;
  /** The class to check; default: the product's. */
  Class?: typeof Barrier;
  /** Nobody crashes, fails or aborts. */
  faultless?: boolean;
  /** Keeps all states apart; slow. */
  exact?: boolean;
}

const working = 0;
const waiting = 1;
const failing = 2;
/** Stopped forever, without telling the others. */
const crashed = 3;
/** Stopped forever after its abort. */
const failed = 4;
const thrown = 5;
const finished = 6;
const statusNames = ["working", "waiting", "failing", "crashed", "failed", "thrown", "finished"];
const stageNames = Object.keys(stages);

/** Marks a turn outside of waits, so that any computation with it would go wrong. */
const unset = 99;

/** A rank's state besides its barriers' turns. */
interface Rank {
  status: number;
  /** Waits passed. */
  place: number;
  /** Operations done of an abort in progress. */
  aborting: number;
  /** Whether an abort had been flagged when its wait began. */
  mustThrow: number;
  /** Arrivals at each barrier: the rules need them, the code does not know them. */
  arrivals: number[];
}

/** A model for `explore` in model-checker.ts. */
export class BarrierModel implements Model {
  readonly initial: string;
  readonly #options: BarrierModelOptions;
  readonly #control = new Control(new Int32Array(controlBytes(0) / 4), 0);
  readonly #words: SimulatedWords;
  readonly #ranks: Rank[];
  /** `[rank][barrier]`; the last row belongs to the outside. */
  readonly #barriers: Barrier[][];
  readonly #abort = this.#control.index("abort");
  readonly #arrived: readonly number[];
  readonly #generations: readonly number[];
  readonly #operationsToAbort: number;
  /** Operations done of the outside's abort. */
  #outside = 0;
  /** A state in bytes, and where each rank's part begins. */
  readonly #codes: Uint8Array;
  readonly #rankStart: number;

  constructor(options: BarrierModelOptions) {
    const { barriers, ranks, generation = 0, Class = Barrier } = options;
    this.#options = options;
    this.#operationsToAbort = barriers.length * abortStages.told;
    const fresh = { status: working, place: 0, aborting: 0, mustThrow: 0 };
    this.#ranks = ranks.map(() => ({ ...fresh, arrivals: barriers.map(() => 0) }));
    const wordsOf = barriers.map(({ words = ["arrived", "generation"] as const }) => words);
    this.#arrived = wordsOf.map(([arrived]) => this.#control.index(arrived));
    this.#generations = wordsOf.map(([, word]) => this.#control.index(word));
    this.#words = new SimulatedWords(this.#control.view, ranks.length, (index) => this.#noteArrival(index));
    for (const index of this.#generations) this.#control.view[index] = generation;
    this.#barriers = [...ranks, "outside"].map(() =>
      barriers.map(({ spin = 0, ...rest }) => new Class(this.#control, { spin, ...rest }, this.#words)),
    );
    this.#rankStart = 2 + 2 * barriers.length;
    this.#codes = new Uint8Array(this.#rankStart + ranks.length * 5 * (1 + barriers.length));
    this.initial = this.#key();
  }

  moves(state: string): Move[] {
    const { faultless = false } = this.#options;
    const moves: Move[] = [];
    const add = (agent: number, certain: boolean, act: () => void) => {
      this.#restore(state);
      this.#words.current = agent;
      this.#words.operations = 0;
      act();
      if (this.#words.operations > 1) throw new Violation("a step is more than one operation");
      moves.push({ certain, next: this.#key() });
    };
    this.#restore(state);
    const statuses = this.#ranks.map(({ status }) => status);
    const asleep = [...this.#words.asleep];
    const begun = this.#outside > 0;
    const needed = statuses.includes(crashed);
    const spent = statuses.some((status) => status >= failing && status <= failed);
    statuses.forEach((status, who) => {
      if (status >= crashed) return;
      if (asleep[who]! >= 0) add(who, false, () => this.#wake(who));
      else add(who, true, () => this.#step(who));
      if (faultless || this.#options.ranks[who]!.main) return;
      if (!spent || status === failing) add(who, false, () => this.#crash(who));
      if (!spent && status === working) add(who, false, () => this.#failStep(who));
    });
    if (!faultless && !this.#outsideDone(state)) {
      add(statuses.length, begun || needed, () => this.#abortStep(this.#outside++));
    }
    return moves;
  }

  wrongEnd(state: string): string | undefined {
    this.#restore(state);
    const left = this.#ranks.findIndex(({ status }) => status < crashed);
    if (left >= 0) {
      return `rank ${left} sleeps for ever: ${this.#abortBegun ? "it missed the abort" : "its wake-up was lost"}`;
    }
    if (this.#ranks.some(({ status }) => status !== finished)) return undefined;
    const uneven = this.#arrived.some((index) => this.#words.view[index] !== 0);
    return uneven ? "all have finished, but not all arrivals were taken back" : undefined;
  }

  /** An abort is complete. */
  ending(state: string): boolean {
    return this.#outsideDone(state) || this.#ranks.some(({ status }) => status === failed);
  }

  describe(state: string): string {
    this.#restore(state);
    const { view, asleep } = this.#words;
    const words = this.#arrived.map((at, i) => `${view[at]}/${view[this.#generations[i]!]}`).join(" ");
    const ranks = this.#ranks.map(({ status, place }, who) => {
      const barrier = this.#options.ranks[who]!.waits[place];
      const stage = barrier === undefined ? "" : stageNames[this.#barriers[who]![barrier]!.turn.stage];
      return `${place}:${status === waiting ? (asleep[who]! >= 0 ? "asleep" : (stage ?? "?")) : statusNames[status]}`;
    });
    return `arrived/generation ${words}, abort ${view[this.#abort]}, outside ${this.#outside}; ${ranks.join(", ")}`;
  }

  #outsideDone(state: string): boolean {
    this.#restore(state);
    return this.#outside === this.#operationsToAbort;
  }

  get #abortBegun(): boolean {
    return this.#outside > 0 || this.#ranks.some(({ aborting }) => aborting > 0);
  }

  #noteArrival(index: number): void {
    const barrier = this.#arrived.indexOf(index);
    if (barrier >= 0) this.#ranks[this.#words.current]!.arrivals[barrier]!++;
  }

  #wake(who: number): void {
    this.#words.asleep[who] = -1;
  }

  #crash(who: number): void {
    this.#ranks[who]!.status = crashed;
    this.#wake(who);
  }

  /** One operation of an abort of all barriers, one after another. */
  #abortStep(done: number): void {
    const { told } = abortStages;
    const barrier = this.#barriers[this.#words.current]![Math.floor(done / told)]!;
    const next = barrier.abortStep(done % told, this.#words.current);
    if (next !== (done % told) + 1) throw new Violation("an abort does not go on to its next operation");
  }

  #failStep(who: number): void {
    const rank = this.#ranks[who]!;
    rank.status = failing;
    this.#abortStep(rank.aborting++);
    if (rank.aborting === this.#operationsToAbort) rank.status = failed;
  }

  #step(who: number): void {
    const rank = this.#ranks[who]!;
    if (rank.status === failing) {
      this.#failStep(who);
      return;
    }
    const { waits, main = false } = this.#options.ranks[who]!;
    const barrier = this.#barriers[who]![waits[rank.place]!]!;
    if (rank.status === working) {
      rank.status = waiting;
      rank.mustThrow = Number(this.#words.view[this.#abort] !== 0);
      barrier.begin();
    }
    if (main) barrier.stepAsync();
    else barrier.step();
    if (barrier.turn.stage === stages.aborted) rank.status = thrown;
    if (barrier.turn.stage !== stages.passed) return;
    this.#checkPass(who);
    rank.mustThrow = 0;
    rank.place++;
    rank.status = rank.place === waits.length ? finished : working;
  }

  #checkPass(who: number): void {
    const { place, mustThrow } = this.#ranks[who]!;
    const { waits } = this.#options.ranks[who]!;
    const barrier = waits[place]!;
    const round = waits.slice(0, place + 1).filter((other) => other === barrier).length;
    const absent = this.#options.ranks.findIndex(
      (rank, other) => rank.waits.includes(barrier) && this.#ranks[other]!.arrivals[barrier]! < round,
    );
    if (mustThrow || (absent >= 0 && this.#abortBegun))
      throw new Violation(`rank ${who} missed the abort: it passes`);
    if (absent >= 0) throw new Violation(`rank ${who} is released early: rank ${absent} has not arrived`);
  }

  /** Writes all numbers of a state to `#codes`, one byte each: generations relative to the first, and everything plus one. */
  #save(): void {
    const { exact = false, generation: start = 0, ranks } = this.#options;
    const { view, asleep } = this.#words;
    const codes = this.#codes;
    let at = 0;
    const put = (value: number) => {
      if (value < -1 || value > 254) throw new RangeError(`${value} does not fit into a byte`);
      codes[at++] = value + 1;
    };
    put(exact ? view[this.#abort]! : Number(view[this.#abort] !== 0));
    put(this.#outside);
    for (const index of this.#arrived) put(view[index]!);
    for (const index of this.#generations) put((view[index]! - start) | 0);
    this.#ranks.forEach((rank, who) => {
      const over = rank.status >= crashed && !exact;
      put(rank.status);
      for (const count of rank.arrivals) put(count);
      put(over ? Math.min(1, rank.aborting) : rank.aborting);
      put(over ? unset : rank.place);
      put(over ? unset : rank.mustThrow);
      put(asleep[who]!);
      this.#barriers[who]!.forEach(({ turn }, barrier) => {
        const used = exact || (rank.status === waiting && ranks[who]!.waits[rank.place] === barrier);
        put(over ? unset : turn.level);
        put(used ? turn.stage : unset);
        put(used ? (turn.generation - start) | 0 : unset);
        put(used ? turn.looks : unset);
      });
    });
  }

  #key(): string {
    this.#save();
    if (!this.#options.exact) this.#sortAlike();
    return String.fromCharCode.apply(null, this.#codes as unknown as number[]);
  }

  /** Sorts the numbers of identical ranks. */
  #sortAlike(): void {
    const { ranks } = this.#options;
    const codes = this.#codes;
    const size = (codes.length - this.#rankStart) / ranks.length;
    for (let last = ranks.lastIndexOf(ranks[0]!); last > 0; last--) {
      for (let who = 0; who < last; who++) {
        const a = this.#rankStart + who * size;
        let differ = 0;
        while (differ < size && codes[a + differ] === codes[a + size + differ]) differ++;
        if (differ === size || codes[a + differ]! < codes[a + size + differ]!) continue;
        for (let i = a + differ; i < a + size; i++) {
          const kept = codes[i]!;
          codes[i] = codes[i + size]!;
          codes[i + size] = kept;
        }
      }
    }
  }

  /** The inverse of `#key`. */
  #restore(key: string): void {
    const { view } = this.#words;
    const { generation: start = 0 } = this.#options;
    let at = 0;
    const take = () => key.charCodeAt(at++) - 1;
    view[this.#abort] = take();
    this.#outside = take();
    for (const index of this.#arrived) view[index] = take();
    for (const index of this.#generations) view[index] = take() + start;
    this.#ranks.forEach((rank, who) => {
      rank.status = take();
      for (let barrier = 0; barrier < rank.arrivals.length; barrier++) rank.arrivals[barrier] = take();
      rank.aborting = take();
      rank.place = take();
      rank.mustThrow = take();
      this.#words.asleep[who] = take();
      for (const { turn } of this.#barriers[who]!) {
        turn.level = take();
        turn.stage = take();
        turn.generation = (take() + start) | 0;
        turn.looks = take();
      }
    });
  }
}
