// Where a worker's time goes, phase by phase: measured only when a run is asked to (`timePhasesFrom`). Each worker writes
// cells of its own in shared memory, and reads one of everybody else's: how long they worked before the last barrier.
//
//   time in a barrier = wait (until the last worker arrives) + wake (from then until this one goes on)
//
// Clocks of threads cannot be compared, lengths of time can: if all workers left the barrier before together, the last to
// arrive is the one that worked longest. If one of them woke up late, the others' waiting for it counts as wake, too.
import type { Phase } from "../errors.ts";
import { phases } from "../errors.ts";

const lists = {
  work: ["gather", "forward", "backward", "reduce", "update", "evaluate"],
  rest: ["other", "wait", "wake"],
} as const satisfies { work: readonly Phase[]; rest: readonly string[] };

/** What `phaseMs` tells apart: the phases of a step, and what is between them. */
export type TimedPhase = (typeof lists.work)[number] | (typeof lists.rest)[number];

const timed: readonly TimedPhase[] = [...lists.work, ...lists.rest];

/** Two cells more, used in turn: whoever is a barrier ahead must not overwrite what another is still to read. */
const exchange = timed.length;

/** Float64 cells of one worker: whole cache lines. */
const cellsPerWorker = Math.ceil((timed.length + 2) / 8) * 8;

export function phaseCells(workers: number): number {
  return workers * cellsPerWorker;
}

/** Milliseconds in each phase, by worker, from the cells that start at element `at`. */
export function readPhases(view: Float64Array, at: number, workers: number): Record<TimedPhase, number>[] {
  return Array.from({ length: workers }, (_, rank) => {
    const own = at + rank * cellsPerWorker;
    return Object.fromEntries(timed.map((name, i) => [name, view[own + i]!])) as Record<TimedPhase, number>;
  });
}

const otherCell = timed.indexOf("other");
/** Where in a worker's cells the time of a phase is counted. */
const cellOf = phases.map((phase) => {
  const cell = timed.indexOf(phase as TimedPhase);
  // What comes between a barrier and the next phase is no phase of its own.
  return cell < 0 ? otherCell : cell;
});
const waitCell = timed.indexOf("wait");
const wakeCell = timed.indexOf("wake");

export class PhaseClock {
  readonly #view: Float64Array;
  readonly #at: number;
  readonly #workers: number;
  readonly #own: number;
  #running = false;
  #cell = otherCell;
  #lastMs = 0;
  #leftMs = 0;
  #workedMs = 0;
  #turn = 0;

  constructor(view: Float64Array, at: number, { rank, workers }: { rank: number; workers: number }) {
    this.#view = view;
    this.#at = at;
    this.#workers = workers;
    this.#own = at + rank * cellsPerWorker;
  }

  /** From here on it counts; all workers start it at the same step. */
  start(): void {
    this.#running = true;
    this.#lastMs = performance.now();
    this.#leftMs = this.#lastMs;
  }

  /** A phase begins, and the one before it ends. */
  enter(phase: Phase): void {
    if (!this.#running) return;
    const nowMs = performance.now();
    this.#view[this.#own + this.#cell]! += nowMs - this.#lastMs;
    this.#cell = cellOf[phases.indexOf(phase)]!;
    this.#lastMs = nowMs;
    if (phase !== "barrier") return;
    this.#workedMs = nowMs - this.#leftMs;
    // Visible to all who leave the barrier, as everything is that was written before it.
    this.#view[this.#own + exchange + this.#turn] = this.#workedMs;
  }

  /** The barrier that was entered last is behind this worker. */
  leave(): void {
    if (!this.#running) return;
    const nowMs = performance.now();
    let longestMs = 0;
    for (let rank = 0; rank < this.#workers; rank++) {
      const workedMs = this.#view[this.#at + rank * cellsPerWorker + exchange + this.#turn]!;
      longestMs = Math.max(longestMs, workedMs);
    }
    const insideMs = nowMs - this.#lastMs;
    const waitMs = Math.min(insideMs, longestMs - this.#workedMs);
    this.#view[this.#own + waitCell]! += waitMs;
    this.#view[this.#own + wakeCell]! += insideMs - waitMs;
    this.#lastMs = nowMs;
    this.#leftMs = nowMs;
    this.#turn = 1 - this.#turn;
  }
}
