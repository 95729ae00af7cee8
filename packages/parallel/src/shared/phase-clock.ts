// Where a worker's time goes, phase by phase: measured only when a run is asked to (`timePhasesFrom`). Each worker writes
// its own row of a table in shared memory, and reads one cell of everybody else's: how long they worked before the last
// barrier.
//
//   time in a barrier = wait (until the last worker arrives) + wake (from then until this one goes on)
//
// Clocks of threads cannot be compared, lengths of time can: if all workers left the barrier before together, the last to
// arrive is the one that worked longest. If one of them woke up late, the others' waiting for it counts as wake, too.
import type { Phase } from "../errors.ts";
import { phases } from "../errors.ts";
import { cacheLineBytes } from "./control.ts";
import type { Float64Table } from "./float64-table.ts";
import { addToCell, readCell, tableBytes, writeCell } from "./float64-table.ts";

const lists = {
  work: ["gather", "forward", "backward", "reduce", "update", "evaluate"],
  rest: ["other", "wait", "wake"],
} as const satisfies { work: readonly Phase[]; rest: readonly string[] };

/** What `phaseMs` tells apart: the phases of a step, and what is between them. */
export type TimedPhase = (typeof lists.work)[number] | (typeof lists.rest)[number];

const timed: readonly TimedPhase[] = [...lists.work, ...lists.rest];

/** Two columns more, used in turn: whoever is a barrier ahead must not overwrite what another is still to read. */
const exchange = timed.length;

const cellsPerLine = cacheLineBytes / tableBytes(1, 1);

/** Columns of the table, which has a row per worker: whole cache lines. */
export const phaseColumns = Math.ceil((timed.length + 2) / cellsPerLine) * cellsPerLine;

/** Milliseconds in each phase, by worker. */
export function readPhases(table: Float64Table): Record<TimedPhase, number>[] {
  return Array.from({ length: table.rows }, (_, rank) => {
    const times = timed.map((name, column) => [name, readCell(table, rank, column)]);
    return Object.fromEntries(times) as Record<TimedPhase, number>;
  });
}

const otherColumn = timed.indexOf("other");
/** The column in which the time of a phase is counted. */
const columnOf = phases.map((phase) => {
  const column = timed.indexOf(phase as TimedPhase);
  // What comes between a barrier and the next phase is no phase of its own.
  return column < 0 ? otherColumn : column;
});
const waitColumn = timed.indexOf("wait");
const wakeColumn = timed.indexOf("wake");

export class PhaseClock {
  readonly #table: Float64Table;
  readonly #rank: number;
  #running = false;
  #column = otherColumn;
  #lastMs = 0;
  #leftMs = 0;
  #workedMs = 0;
  #turn = 0;

  constructor(table: Float64Table, rank: number) {
    this.#table = table;
    this.#rank = rank;
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
    addToCell(this.#table, this.#rank, this.#column, nowMs - this.#lastMs);
    this.#column = columnOf[phases.indexOf(phase)]!;
    this.#lastMs = nowMs;
    if (phase !== "barrier") return;
    this.#workedMs = nowMs - this.#leftMs;
    // Visible to all who leave the barrier, as everything is that was written before it.
    writeCell(this.#table, this.#rank, exchange + this.#turn, this.#workedMs);
  }

  /** The barrier that was entered last is behind this worker. */
  leave(): void {
    if (!this.#running) return;
    const nowMs = performance.now();
    let longestMs = 0;
    for (let rank = 0; rank < this.#table.rows; rank++) {
      longestMs = Math.max(longestMs, readCell(this.#table, rank, exchange + this.#turn));
    }
    const insideMs = nowMs - this.#lastMs;
    const waitMs = Math.min(insideMs, longestMs - this.#workedMs);
    addToCell(this.#table, this.#rank, waitColumn, waitMs);
    addToCell(this.#table, this.#rank, wakeColumn, insideMs - waitMs);
    this.#lastMs = nowMs;
    this.#leftMs = nowMs;
    this.#turn = 1 - this.#turn;
  }
}
