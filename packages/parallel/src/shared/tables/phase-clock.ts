// Where a worker's time goes, phase by phase; measured only on request. Either in all steps from one on
// (`timePhasesFrom`), or in samples of them, each of which stands for the steps since the one before (glances.ts). Each
// worker writes its own row of a table in shared memory, and reads one cell of everybody else's: how long they worked
// before the last barrier.
//
//   time in a barrier = wait (until the last worker arrives) + wake (from then until this one continues)
//
// Only barriers of steps count so: those of an evaluation are a part of it. All phases but `evaluate` are the steps' time.
//
// Clocks of different threads cannot be compared, but durations can: if all workers left the previous barrier together,
// the one that worked longest arrives last. If one of them woke up late, the others' wait for it also counts as wake.
import type { Phase } from "../../errors.ts";
import { phases } from "../../errors.ts";
import { cacheLineBytes } from "../words/control.ts";
import type { Float64Table } from "./float64-table.ts";
import { addToCell, readCell, tableBytes, writeCell } from "./float64-table.ts";

const lists = {
  work: ["gather", "forward", "backward", "reduce", "update", "evaluate"],
  rest: ["other", "wait", "wake"],
} as const satisfies { work: readonly Phase[]; rest: readonly string[] };

/** The parts of `phaseMs`: the phases of a step, and what lies between them. */
export type TimedPhase = (typeof lists.work)[number] | (typeof lists.rest)[number];

const timed: readonly TimedPhase[] = [...lists.work, ...lists.rest];

/** Two extra columns, used in turn: a worker that is a barrier ahead must not overwrite what another has yet to read. */
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
/** The column that counts the time of a phase. */
const columnOf = phases.map((phase) => {
  const column = timed.indexOf(phase as TimedPhase);
  // The time between a barrier and the next phase.
  return column < 0 ? otherColumn : column;
});
const evaluateColumn = timed.indexOf("evaluate");
const waitColumn = timed.indexOf("wait");
const wakeColumn = timed.indexOf("wake");

export class PhaseClock {
  readonly #table: Float64Table;
  readonly #rank: number;
  readonly #sampled: boolean;
  #running = false;
  /** What times count: how many steps each stands for. An evaluation is timed in full. */
  #weight = 1;
  #column = otherColumn;
  /** The column of the phase before the barrier. */
  #before = otherColumn;
  #lastMs = 0;
  #leftMs = 0;
  #workedMs = 0;
  #turn = 0;

  /** @param kind whether it only counts samples */
  constructor(table: Float64Table, rank: number, { sampled }: { sampled: boolean }) {
    this.#table = table;
    this.#rank = rank;
    this.#sampled = sampled;
  }

  /** A step begins. Its times count `weight` times; if that is 0, it is not a sample. */
  beginSample(weight: number): void {
    this.endSample();
    if (!this.#sampled || weight === 0) return;
    this.#weight = weight;
    this.#column = otherColumn;
    this.start();
  }

  /** A step, or what comes after an evaluation, ends. */
  endSample(): void {
    if (!this.#sampled || !this.#running) return;
    this.#count(this.#column, performance.now() - this.#lastMs);
    this.#running = false;
  }

  /** Starts counting, unless it counts already; all workers start at the same step. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#lastMs = performance.now();
    this.#leftMs = this.#lastMs;
  }

  /** A phase begins, which ends the previous one. */
  enter(phase: Phase): void {
    if (this.#sampled && phase === "evaluate") this.beginSample(1);
    if (!this.#running) return;
    const nowMs = performance.now();
    this.#count(this.#column, nowMs - this.#lastMs);
    this.#before = this.#column;
    this.#column = columnOf[phases.indexOf(phase)]!;
    this.#lastMs = nowMs;
    if (phase !== "barrier") return;
    this.#workedMs = nowMs - this.#leftMs;
    // Written before the barrier, so visible to everybody who leaves it.
    writeCell(this.#table, this.#rank, exchange + this.#turn, this.#workedMs);
  }

  /** This worker leaves the barrier that it entered last. */
  leave(): void {
    if (!this.#running) return;
    const nowMs = performance.now();
    let longestMs = 0;
    for (let rank = 0; rank < this.#table.rows; rank++) {
      longestMs = Math.max(longestMs, readCell(this.#table, rank, exchange + this.#turn));
    }
    const insideMs = nowMs - this.#lastMs;
    if (this.#before === evaluateColumn) {
      this.#count(evaluateColumn, insideMs);
    } else {
      const waitMs = Math.min(insideMs, longestMs - this.#workedMs);
      this.#count(waitColumn, waitMs);
      this.#count(wakeColumn, insideMs - waitMs);
    }
    this.#lastMs = nowMs;
    this.#leftMs = nowMs;
    this.#turn = 1 - this.#turn;
  }

  #count(column: number, ms: number): void {
    addToCell(this.#table, this.#rank, column, ms * this.#weight);
  }
}
