// Workers of a simulated run: the product's own set-up and step loop, with all workers on one thread. Where the loop
// pauses, virtual time passes; the others move, and a worker may fail.
import type { Member, Members } from "../src/attempt/gang.ts";
import type { Phase } from "../src/errors.ts";
import { WorkerError } from "../src/errors.ts";
import type { Job } from "../src/job/define-job.ts";
import { configureJob } from "../src/job/define-job.ts";
import type { Transport } from "../src/machines/transport.ts";
import type { LinkSetup, Outcome, WorkerSetup } from "../src/protocol.ts";
import { isLink } from "../src/protocol.ts";
import type { SharedWords } from "../src/shared/words/barrier.ts";
import { Barrier } from "../src/shared/words/barrier.ts";
import type { Control } from "../src/shared/words/control.ts";
import type { Pause } from "../src/shared/words/pauses.ts";
import type { LinkThread } from "../src/worker/link-thread.ts";
import { notePause, setUpLink } from "../src/worker/link-thread.ts";
import { setUp } from "../src/worker/set-up.ts";
import { stepLoop } from "../src/worker/step-loop.ts";
import { outcomeOf } from "../src/worker/worker.ts";
import type { Worker } from "../src/worker/worker-parts.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** How a worker fails at one of its moves; `hang` lasts forever, and `unending` cannot even be ended. */
export const faultKinds = ["die", "throw", "throw null", "mistake", "hang", "unending"] as const;
export type SimulatedFault = { rank: number; move: number; kind: (typeof faultKinds)[number] };

/** What workers run in. */
export interface World {
  readonly time: VirtualTime;
  readonly job: Job;
  readonly wordsOf: (control: Control) => SleepingWords;
  /** On several machines: this one's side of the network. */
  readonly transport?: Transport;
  /** Moves of all workers so far. */
  moves: number;
  /** Called when a worker fails. */
  failed(message: string): void;
}

/** Thrown within a phase by a worker that is dead. */
class Gone extends Error {
  override name = "Gone";
}

const never = () => new Promise<never>(() => undefined);

/** The words as simulated threads see them: virtual time wakes sleepers, some of them spuriously. */
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
    throw new Error("simulated threads do not block");
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

/** The same words for a link, which looks at the network from time to time while it sleeps. */
class LookingWords implements SharedWords {
  readonly #words: SleepingWords;
  readonly #time: VirtualTime;
  readonly #look: () => void;

  constructor(words: SleepingWords, time: VirtualTime, look: () => void) {
    this.#words = words;
    this.#time = time;
    this.#look = look;
  }

  load = (index: number): number => this.#words.load(index);
  store = (index: number, value: number): void => this.#words.store(index, value);
  add = (index: number, value: number): number => this.#words.add(index, value);
  compareExchange = (index: number, expected: number, value: number): number =>
    this.#words.compareExchange(index, expected, value);
  pause = (): void => undefined;
  wait = (): never => this.#words.wait();
  notify = (index: number): void => this.#words.notify(index);

  waitAsync(index: number, expected: number): Promise<unknown> | undefined {
    const woken = this.#words.waitAsync(index, expected);
    return woken && Promise.race([woken, this.#time.sleep(500).then(() => this.#look())]);
  }
}

class SimulatedWorker implements Member {
  readonly task: Promise<unknown>;
  readonly api: Member["api"];
  /** Set when it is told to end, or died: it makes no more moves. */
  gone = false;
  unending = false;
  readonly #world: World;
  readonly #fault: SimulatedFault | undefined;
  #die!: (error: Error) => void;
  #moves = 0;
  #worker: Worker | undefined;
  #link: LinkThread | undefined;

  constructor(world: World, fault: SimulatedFault | undefined) {
    this.#world = world;
    this.#fault = fault;
    this.task = new Promise((_, reject) => {
      this.#die = reject;
    });
    this.api = {
      loadKernels: () => this.#answer(1, () => this.#move()),
      prepare: (setup) => this.#prepare(setup),
      run: () => this.#answer(1, () => (this.#link ? this.#runLink(this.#link) : this.#run(this.#worker!))),
    };
  }

  async #answer(firstStep: number, body: () => Promise<void>): Promise<Outcome> {
    const outcome = await outcomeOf(
      async () => {
        try {
          await body();
        } catch (error) {
          if (error instanceof Gone) await never();
          throw error;
        }
      },
      () => this.#worker ?? this.#link,
      firstStep,
    );
    if (!outcome.ok && !outcome.aborted) this.#world.failed(outcome.error.message);
    return outcome;
  }

  async #prepare(setup: WorkerSetup | LinkSetup): Promise<Outcome> {
    const { job, wordsOf, time, transport } = this.#world;
    const outcome = await this.#answer(setup.begin.state.step + 1, async () => {
      await this.#move();
      if (isLink(setup)) {
        const words = (control: Control, look: () => void) => new LookingWords(wordsOf(control), time, look);
        this.#link = setUpLink(setup, transport!, { nowMs: () => time.nowMs(), words });
        return;
      }
      const surroundings = { notify: () => undefined, entered: this.#within, words: wordsOf };
      this.#worker = setUp(setup, configureJob(job, setup.job.context), surroundings);
    });
    return outcome.ok ? { ok: true, sources: {} } : outcome;
  }

  async #run(worker: Worker): Promise<void> {
    for (const pause of stepLoop(worker)) await this.#pauseAt(pause, worker);
  }

  async #runLink(thread: LinkThread): Promise<void> {
    for (const pause of thread.link.loop()) {
      notePause(thread, pause);
      await this.#move();
      if (!(pause instanceof Barrier)) continue;
      await pause.waitAsync();
      if (this.gone) await never();
      thread.where.step = thread.control.load("orderStep");
    }
  }

  async #pauseAt(pause: Pause, { where }: Worker): Promise<void> {
    if (pause instanceof Promise) {
      await pause;
      await this.#move();
    } else if (pause instanceof Barrier) {
      const startedMs = where.arrive();
      await this.#move();
      await pause.waitAsync();
      // It may have been ended while it slept.
      if (this.gone) await never();
      where.leave(startedMs);
    } else if (pause === "disk") {
      await this.#move();
      where.beat();
    } else {
      where.enter(pause);
      await this.#move();
    }
  }

  /** Takes some time, and may then fail. A dead worker stays here forever. */
  async #move(): Promise<void> {
    const { time } = this.#world;
    await time.sleep(time.random() * 4);
    if (this.gone) await never();
    this.#world.moves++;
    if (this.#fails()) await never();
  }

  /** Phases within a pass are moves, too, except those that cannot pause. */
  readonly #within = (phase: Phase): void => {
    if ((phase === "forward" || phase === "backward") && this.#fails()) throw new Gone();
  };

  /** True if the worker goes no further. */
  #fails(): boolean {
    const fault = this.#fault;
    if (!fault || this.#moves++ !== fault.move) return false;
    if (fault.kind === "throw") throw new RangeError("injected");
    if (fault.kind === "throw null") throw null;
    if (fault.kind === "mistake") throw new WorkerError("a mistake", 0, 0, "idle");
    if (fault.kind === "unending") this.unending = true;
    else this.gone = fault.kind === "die";
    this.#world.failed(fault.kind);
    if (fault.kind === "die") this.#die(new Error("worker exited with code: 7"));
    return true;
  }
}

/** A worker takes some time to end, and moves meanwhile. The mutation treats it as ended at once. */
export function startSimulated(
  world: World,
  workers: number,
  fault: SimulatedFault | undefined,
  endsTooEarly = false,
): Members {
  const members = Array.from(
    { length: workers },
    (_, rank) => new SimulatedWorker(world, fault?.rank === rank ? fault : undefined),
  );
  const { time } = world;
  const endOne = async (member: SimulatedWorker) => {
    await time.sleep(time.random() * 20);
    if (member.unending) await never();
    member.gone = true;
  };
  const end = async () => {
    const ended = Promise.all(members.map(endOne));
    if (!endsTooEarly) await ended;
  };
  return { members, end };
}
