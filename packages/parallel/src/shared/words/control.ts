// The Int32 words that the threads of a run share. Each has its own cache line: sharing a line was eight times slower
// in measurements. This file says who writes and who reads each word. Only barrier.ts may wait on them.
import type { Phase } from "../../errors.ts";
import { phases } from "../../errors.ts";

export const cacheLineBytes = 64;

const words = [
  /** Threads that have reached the barrier in this round. All add to it with Atomics.add; the last resets it. */
  "arrived",
  /** Rounds of the barrier so far. The last to arrive, or an abort, writes it; the others wait on it. */
  "generation",
  /** The same two for the barrier that includes who averages: the coordinator (`reduce: "coordinator"`), or the link. */
  "reduceArrived",
  "reduceGeneration",
  /** 0, or 1 + rank of the first worker that failed. Written once, by compareExchange; all read it. */
  "abort",
  /** Completed steps. Rank 0 writes it; the coordinator reads it for progress. */
  "step",
  /** Completed epoch records. Rank 0 writes it after the record; the coordinator reads it. */
  "epochs",
  /**
   * 1 once the coordinator wants the run to end. The coordinator writes it; rank 0 reads it, or, on several machines, the
   * link, which tells all (`stopAgreed`).
   */
  "stopRequested",
  /**
   * The run does not end before this step, which was reported before a restart. Written while no worker runs; rank 0
   * reads it.
   */
  "stopFrom",
  /** 1 once rank 0 has seen the request. It writes it between two barriers, so that all see it at the same step. */
  "stop",
  /** 0, or 1 + the slot for a snapshot after this step. Rank 0 writes it between two barriers; all read it. */
  "snapshotInto",
  /** 1 to take it only if the ending epoch is the best so far. Written and read like `snapshotInto`. */
  "snapshotIfBest",
  /**
   * 0, or 1 + the slot of the best epoch, which waits for the disk; negative if the disk has refused it. Rank 0 writes
   * it, and the coordinator, where it is 0, what the disk refused; the coordinator reads it at the end.
   */
  "bestSnapshot",
  /**
   * 0, or 1 + the slot of the newest whole snapshot. The coordinator writes it first, then rank 0; the coordinator
   * reads it after a failure.
   */
  "newestSnapshot",
  /** 0, or 1 + the slot of a snapshot to write to disk. Rank 0 sets it; the coordinator clears it once it is written. */
  "checkpointSlot",
  /** 1 once the coordinator wants a checkpoint. The coordinator sets it; rank 0 clears it. */
  "checkpointRequested",
  /**
   * Where to check whether the job has changed what it must not, as bits (unchanged.ts). Rank 0 writes it between two
   * barriers; all read it.
   */
  "look",
  /** 1 once a worker's passes could not be captured. That worker writes it; the coordinator reads it at the end. */
  "eager",
  /** 1 once a worker has found a non-finite number in the state to keep. Written before a barrier; all read it after that. */
  "notFinite",
  /** 1 once all workers have decided to end the run early. Rank 0 writes it; an averaging coordinator reads it. */
  "endedEarly",
  /** 1 if all look at the next step (glances.ts). Rank 0 writes it between two barriers; all read it. */
  "glance",
  /** What the link is to do next (machines/link.ts), and after how many steps. Rank 0 writes it before a barrier. */
  "order",
  "orderStep",
  /** 1 once all machines know that one of them is to stop. The link writes it between two barriers; rank 0 reads it. */
  "stopAgreed",
  /** Glances so far. Rank 0 writes it after the row; the coordinator reads it. */
  "glances",
  /** Steps skipped because something was not finite. Rank 0 writes it; the coordinator reads it. */
  "skipped",
] as const;

export type ControlWord = (typeof words)[number];

/** Where each word is, in words of the view. */
const offsets = Object.fromEntries(
  words.map((word, i) => [word, (i * cacheLineBytes) / Int32Array.BYTES_PER_ELEMENT]),
) as Record<ControlWord, number>;

/** Bytes of the words for `workers` threads. */
export function controlBytes(workers: number): number {
  return (words.length + workers) * cacheLineBytes;
}

/** The control words at an address of the shared memory. */
export class Control {
  readonly view: Int32Array;
  readonly #base: number;

  constructor(view: Int32Array, address: number) {
    this.view = view;
    this.#base = address / 4;
  }

  /** Index of a word in `view`. */
  index(word: ControlWord): number {
    return this.#base + offsets[word];
  }

  load(word: ControlWord): number {
    return Atomics.load(this.view, this.index(word));
  }

  store(word: ControlWord, value: number): void {
    Atomics.store(this.view, this.index(word), value);
  }

  /** Stores a value where another is, and nowhere else. */
  replace(word: ControlWord, expected: number, value: number): void {
    Atomics.compareExchange(this.view, this.index(word), expected, value);
  }

  /** Records where worker `rank` is, and in which step (counted from 1). The coordinator reads it when the worker has died. */
  setPhase(rank: number, phase: Phase, step: number): void {
    Atomics.store(this.view, this.#phaseIndex(rank) + 1, step);
    Atomics.store(this.view, this.#phaseIndex(rank), phases.indexOf(phase));
    this.beat(rank);
  }

  /** A sign of life of worker `rank`, given within long phases. Only that worker calls it. */
  beat(rank: number): void {
    Atomics.add(this.view, this.#phaseIndex(rank) + 2, 1);
  }

  /** Signs of life so far, on the same cache line as the phase. The coordinator reads it. */
  beatsOf(rank: number): number {
    return Atomics.load(this.view, this.#phaseIndex(rank) + 2);
  }

  /** The current step of worker `rank`, on the same cache line as its phase. */
  stepOf(rank: number): number {
    return Atomics.load(this.view, this.#phaseIndex(rank) + 1);
  }

  /** Resets all words for a new run; call only while no worker runs. */
  reset(workers: number): void {
    this.view.fill(0, this.#base, this.#base + controlBytes(workers) / 4);
  }

  phase(rank: number): Phase {
    return phases[Atomics.load(this.view, this.#phaseIndex(rank))]!;
  }

  #phaseIndex(rank: number): number {
    return this.#base + ((words.length + rank) * cacheLineBytes) / 4;
  }
}
