// A fake worker of a simulated run: replica.ts in outline, in small moves of random length, at any of which it may fail.
// Snapshots, control words and the barrier's algorithm are the product's own.

import type { resetWords } from "../src/attempt/course.ts";
import type { Member, Members } from "../src/attempt/gang.ts";
import type { Phase } from "../src/errors.ts";
import { serializeError, WorkerError } from "../src/errors.ts";
import type { Outcome } from "../src/protocol.ts";
import type { SharedWords } from "../src/shared/barrier.ts";
import { AbortedError, Barrier } from "../src/shared/barrier.ts";
import { sliceOf } from "../src/shared/slices.ts";
import type { RunState } from "../src/shared/snapshots.ts";
import { SnapshotWriter } from "../src/shared/snapshots.ts";
import { BestEpoch } from "../src/step/best-epoch.ts";
import type { SimulatedMemory } from "./simulated-memory.ts";
import { perEpoch } from "./simulated-memory.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** How a fake worker fails, at one of its moves; `hang` is for ever, and `unending` cannot even be ended. */
export const faultKinds = ["die", "throw", "throw null", "mistake", "hang", "unending"] as const;
export type SimulatedFault = { rank: number; move: number; kind: (typeof faultKinds)[number] };

/** What is drawn from a seed. */
export interface Schedule {
  seed: number;
  workers: number;
  steps: number;
  restarts: number;
  /** Of each attempt; undefined if nothing goes wrong in it. */
  faults: (SimulatedFault | undefined)[];
  /** When the user stops the run, if at all. */
  stopMs: number | undefined;
  /** Whether the epoch with the lowest sum is to be saved, too. */
  best: boolean;
}

/** Parts that may be replaced by worse ones, to see that it is noticed. */
export interface Mutations {
  Writer?: typeof SnapshotWriter;
  reset?: typeof resetWords;
  /** Workers that are told to end are taken for ended at once. */
  endsTooEarly?: boolean;
  stallMs?: number;
}

/** The words as the fakes see them: sleepers are woken by time, some for no reason. */
export class SleepingWords implements SharedWords {
  readonly #view: Int32Array;
  readonly #time: VirtualTime;
  readonly #asleep = new Map<number, Set<() => void>>();

  constructor(view: Int32Array, time: VirtualTime) {
    this.#view = view;
    this.#time = time;
  }

  load = (index: number): number => Atomics.load(this.#view, index);
  store = (index: number, value: number): void => void Atomics.store(this.#view, index, value);
  add = (index: number, value: number): number => Atomics.add(this.#view, index, value);
  compareExchange = (index: number, expected: number, value: number): number =>
    Atomics.compareExchange(this.#view, index, expected, value);
  pause = (): void => undefined;

  wait(): never {
    throw new Error("fakes do not block");
  }

  waitAsync(index: number, expected: number): Promise<unknown> | undefined {
    if (this.load(index) !== expected) return undefined;
    if (this.#time.random() < 0.02) return this.#time.sleep(1);
    const asleep = this.#asleep.get(index) ?? new Set();
    this.#asleep.set(index, asleep);
    return new Promise<void>((wake) => asleep.add(wake)).then(() => this.#time.sleep(this.#time.random()));
  }

  notify(index: number): void {
    for (const wake of this.#asleep.get(index) ?? []) wake();
    this.#asleep.delete(index);
  }
}

/** One worker: replica.ts in outline. */
class FakeWorker implements Member {
  readonly task: Promise<unknown>;
  readonly api: Member["api"];
  /** Set when it is told to end, or died: it makes no further move. */
  gone = false;
  unending = false;
  readonly #world: World;
  readonly #rank: number;
  readonly #barrier: Barrier;
  readonly #snapshots: SnapshotWriter;
  readonly #best: BestEpoch | undefined;
  readonly #fault: SimulatedFault | undefined;
  #fail!: (error: Error) => void;
  #moves = 0;
  #step: number;
  /** The step that is under way, counted from 1. */
  #current: number;
  #phase: Phase = "idle";

  constructor(world: World, rank: number, fault: SimulatedFault | undefined) {
    this.#world = world;
    this.#rank = rank;
    this.#step = world.state.step;
    this.#current = this.#step + 1;
    this.#fault = fault?.rank === rank ? fault : undefined;
    const { control, plan } = world.memory;
    this.#barrier = new Barrier(control, { parties: world.schedule.workers, spin: false }, world.words);
    const Writer = world.mutations.Writer ?? SnapshotWriter;
    this.#snapshots = new Writer(plan, control, {
      share: [rank, world.schedule.workers],
      step: world.state.step,
    });
    if (world.schedule.best) {
      this.#best = new BestEpoch({ metric: "loss", direction: "min", value: undefined, from: 0 }, []);
      const over = world.memory.records.slice(0, Math.floor(this.#step / perEpoch));
      for (const loss of over) this.#best.observe({ loss, metrics: [] });
    }
    this.task = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.api = {
      loadKernels: () => this.#answer(async () => this.#move()),
      prepare: () => this.#answer(async () => this.#move()),
      run: () => this.#answer(() => this.#run()),
    };
  }

  async #answer(body: () => Promise<void>): Promise<Outcome> {
    try {
      await body();
      return { ok: true };
    } catch (error) {
      if (error instanceof AbortedError) return { ok: false, aborted: true };
      this.#world.failed(`${error instanceof Error ? error.message : String(error)}`);
      this.#barrier.abort(this.#rank);
      return {
        ok: false,
        aborted: false,
        error: serializeError(error),
        step: this.#current,
        phase: this.#phase,
      };
    }
  }

  /** Takes some time, and then may fail. A worker that is gone stays here for ever. */
  async #move(): Promise<void> {
    const { time } = this.#world;
    await time.sleep(time.random() * 4);
    if (this.gone) return await new Promise<never>(() => undefined);
    this.#world.moves++;
    const fault = this.#fault;
    if (!fault || this.#moves++ !== fault.move) return;
    if (fault.kind === "throw") throw new RangeError("injected");
    if (fault.kind === "throw null") throw null;
    if (fault.kind === "mistake") throw new WorkerError("a mistake", 0, 0, "idle");
    if (fault.kind === "unending") this.unending = true;
    else this.gone = fault.kind === "die";
    this.#world.failed(fault.kind);
    if (fault.kind === "die") this.#fail(new Error("worker exited with code: 7"));
    await new Promise<never>(() => undefined);
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    this.#world.memory.control.setPhase(this.#rank, phase, this.#current);
  }

  async #wait(): Promise<void> {
    this.#enter("barrier");
    await this.#move();
    this.#barrier.begin();
    await this.#barrier.waitAsync();
    // It may have been ended while it slept.
    if (this.gone) await new Promise<never>(() => undefined);
  }

  async #run(): Promise<void> {
    const { memory, schedule, state } = this.#world;
    const { control, gradients, weights } = memory;
    const [rank, workers] = [this.#rank, schedule.workers];
    const [from, to] = sliceOf(weights.length, rank, workers);
    let { lossSum } = state;
    const over = this.#step === schedule.steps || control.load("stop") === 1;
    if (over && this.#step % perEpoch !== 0) await this.#finishEpoch(lossSum);
    while (!over && this.#step < schedule.steps) {
      this.#current = this.#step + 1;
      for (let shard = rank; shard < gradients.length; shard += workers) {
        for (const phase of ["gather", "forward", "backward"] as const) {
          this.#enter(phase);
          await this.#move();
        }
        gradients[shard] = memory.gradientOf(this.#step, shard, weights);
      }
      await this.#wait();
      this.#enter("reduce");
      await this.#move();
      if (rank === 0) {
        const step = this.#step + 1;
        if (control.load("stopRequested") && step >= control.load("stopFrom")) control.store("stop", 1);
        const ends = this.#step + 1 === schedule.steps || control.load("stop") === 1;
        this.#snapshots.decide(this.#step + 1, { ends, mayEnd: ends });
      }
      this.#enter("update");
      const sum = gradients.reduce((total, gradient) => total + gradient, 0);
      lossSum += sum;
      for (let at = from; at < to; at += Math.ceil((to - from) / 2)) {
        await this.#move();
        memory.update(at, Math.min(to, at + Math.ceil((to - from) / 2)), sum);
      }
      await this.#wait();
      const stopped = control.load("stop") === 1;
      this.#step++;
      if (rank === 0) control.store("step", this.#step);
      const epochOver = this.#step % perEpoch === 0;
      if (!epochOver) await this.#takeSnapshot(lossSum, false);
      const isBest = epochOver && (this.#best?.observe({ loss: lossSum, metrics: [] }) ?? false);
      if (epochOver || stopped || this.#step === schedule.steps) {
        await this.#finishEpoch(lossSum);
        lossSum = 0;
      }
      if (epochOver) await this.#takeSnapshot(lossSum, isBest);
      if (stopped) break;
    }
    this.#enter("idle");
  }

  async #finishEpoch(lossSum: number): Promise<void> {
    const { control, records } = this.#world.memory;
    this.#enter("evaluate");
    await this.#move();
    await this.#wait();
    if (this.#rank !== 0) return;
    const number = control.load("epochs");
    records[number] = lossSum;
    control.store("epochs", number + 1);
  }

  async #takeSnapshot(lossSum: number, isBest: boolean): Promise<void> {
    if (!this.#snapshots.wanted(isBest)) return;
    this.#enter("checkpoint");
    await this.#move();
    this.#snapshots.copy();
    await this.#wait();
    if (this.#rank !== 0) return;
    this.#snapshots.publish(
      { step: this.#step, stepCount: this.#step, lossSum, weight: 0, skipped: 0 },
      isBest,
    );
  }
}

/** What one schedule happens in. */
export interface World {
  schedule: Schedule;
  mutations: Mutations;
  time: VirtualTime;
  memory: SimulatedMemory;
  words: SleepingWords;
  state: RunState;
  moves: number;
  failed(message: string): void;
}

/** Ending takes each worker some time, in which it goes on. */
export function startFakes(world: World, fault: SimulatedFault | undefined): Members {
  const members = Array.from(
    { length: world.schedule.workers },
    (_, rank) => new FakeWorker(world, rank, fault),
  );
  const { time, mutations } = world;
  const endOne = async (member: FakeWorker) => {
    await time.sleep(time.random() * 20);
    if (member.unending) await new Promise<never>(() => undefined);
    member.gone = true;
  };
  const end = async () => {
    const ended = Promise.all(members.map(endOne));
    if (!mutations.endsTooEarly) await ended;
  };
  return { members, end };
}
