// The Int32 words that the threads of a run share. Each stands alone on its cache line: neighbours on one line were
// measured eight times slower. Who writes and who reads each word is said here; how threads wait on them is in
// barrier.ts, the only file that may.
import type { Phase } from "../errors.ts";
import { phases } from "../errors.ts";

export const cacheLineBytes = 64;

const words = [
  /** Threads that have reached the barrier in this round. Written by all through Atomics.add; reset by the last. */
  "arrived",
  /** Rounds of the barrier so far. Written by the last to arrive, or by an abort; waited on by the others. */
  "generation",
  /** The same two for the barrier that includes the coordinator (`reduce: "coordinator"`). */
  "reduceArrived",
  "reduceGeneration",
  /** 0, or 1 + rank of the first worker that failed. Written once, by compareExchange; read by all. */
  "abort",
  /** Steps that are complete. Written by rank 0; read by the coordinator for progress. */
  "step",
  /** Epoch records that are complete. Written by rank 0 after the record; read by the coordinator. */
  "epochs",
  /** 1 once the coordinator wants the run to end. Written by the coordinator; read by rank 0 only. */
  "stopRequested",
  /** Steps before which it does not end: they were told before a restart. Written while no worker runs; read by rank 0. */
  "stopFrom",
  /** 1 once rank 0 has taken up the request. Written between two barriers, so that all see it at the same step. */
  "stop",
  /** 0, or 1 + the slot that a snapshot is to go into after this step. Written by rank 0 between two barriers; read by all. */
  "snapshotInto",
  /** 1 if it is to be taken only if the epoch that ends is the best so far. Written and read as the one before. */
  "snapshotIfBest",
  /** 0, or 1 + the slot of the best epoch, which waits for the disk. Written by rank 0; read by the coordinator at the end. */
  "bestSnapshot",
  /** 0, or 1 + the slot of the newest whole snapshot. Written by rank 0, first by the coordinator; read by it after a failure. */
  "newestSnapshot",
  /** 0, or 1 + the slot of a snapshot to write to a disk. Set by rank 0; back to 0 by the coordinator, once it is written. */
  "checkpointSlot",
  /** 1 once the coordinator wants a checkpoint. Written by it; taken up, and back to 0, by rank 0. */
  "checkpointRequested",
  /** Where all are to look whether the job has changed what it must not, as bits (unchanged.ts). Written by rank 0 between two barriers; read by all. */
  "look",
  /** 1 once a worker's passes could not be captured. Written by that worker; read by the coordinator at the end. */
  "eager",
  /** 1 once a worker has found something that is not finite in what is to be kept. Written before a barrier; read by all behind it. */
  "notFinite",
  /** 1 once all workers have decided to end the run early. Written by rank 0; read by the coordinator that averages. */
  "endedEarly",
  /** Steps that were left out because something was not finite. Written by rank 0; read by the coordinator. */
  "skipped",
] as const;

export type ControlWord = (typeof words)[number];

/** Bytes that the words of `workers` threads take. */
export function controlBytes(workers: number): number {
  return (words.length + workers) * cacheLineBytes;
}

/** The words at one place of the shared memory. */
export class Control {
  readonly view: Int32Array;
  readonly #base: number;

  constructor(view: Int32Array, address: number) {
    this.view = view;
    this.#base = address / 4;
  }

  /** Index of a word in `view`. */
  index(word: ControlWord): number {
    return this.#base + (words.indexOf(word) * cacheLineBytes) / 4;
  }

  load(word: ControlWord): number {
    return Atomics.load(this.view, this.index(word));
  }

  store(word: ControlWord, value: number): void {
    Atomics.store(this.view, this.index(word), value);
  }

  /** Notes where worker `rank` is, in which step (counted from 1). Read by the coordinator when the worker has died. */
  setPhase(rank: number, phase: Phase, step: number): void {
    Atomics.store(this.view, this.#phaseIndex(rank) + 1, step);
    Atomics.store(this.view, this.#phaseIndex(rank), phases.indexOf(phase));
    this.beat(rank);
  }

  /** A sign of life of worker `rank`, given within phases that may be long. Only that worker calls it. */
  beat(rank: number): void {
    Atomics.add(this.view, this.#phaseIndex(rank) + 2, 1);
  }

  /** Signs of life so far: on the same cache line as the phase. Read by the coordinator. */
  beatsOf(rank: number): number {
    return Atomics.load(this.view, this.#phaseIndex(rank) + 2);
  }

  /** The step that worker `rank` is in: on the same cache line as its phase. */
  stepOf(rank: number): number {
    return Atomics.load(this.view, this.#phaseIndex(rank) + 1);
  }

  /** All words as in a new run; only while no worker runs. */
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
