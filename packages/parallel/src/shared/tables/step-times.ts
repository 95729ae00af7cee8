// How fast each step was, when it ended, and how long workers waited for each other: what rank 0 can say of time. A row
// for each step is written only on request, before the word `step` is raised; a number for each epoch, always, before
// `epochs` is raised. So a reader that sees the word sees the row.
import type { Float64Table } from "./float64-table.ts";
import { readCell, sumOfColumn, writeCell } from "./float64-table.ts";

/** The times of one step. */
export interface StepTimes {
  /** Its samples, by the time that they took. */
  samplesPerSecond: number;
  /** The share of its time that workers waited for each other, 0 to 1, averaged over them. */
  waitShare: number;
  /** When it ended, in milliseconds since 1970. */
  timeMs: number;
}

/** Columns of the table of steps. */
export const timeColumns = 3;

export function readStepTimes(table: Float64Table, step: number): StepTimes {
  const at = (column: number) => readCell(table, step, column);
  return { samplesPerSecond: at(0), waitShare: at(1), timeMs: at(2) };
}

/** The tables that rank 0 reads and writes. */
export interface TimeTables {
  /** A row per worker: milliseconds in barriers so far. */
  waits: Float64Table;
  stepTimes: Float64Table | undefined;
  epochWaits: Float64Table;
  /** When it began to train, in milliseconds since 1970; 0 before. */
  begun: Float64Table;
}

/** The share of the time since training began that workers waited for each other, averaged over them. */
export function waitShareOf({ waits, begun }: Pick<TimeTables, "waits" | "begun">): number {
  const from = readCell(begun, 0, 0);
  return from > 0 ? shareOf(meanWaitMs(waits), performance.timeOrigin + performance.now() - from) : 0;
}

/** How long workers have waited so far, on average. Others may still add to their own cells. */
export function meanWaitMs(waits: Float64Table): number {
  return sumOfColumn(waits, 0) / waits.rows;
}

/** A share of time; clocks of threads differ a little. */
export function shareOf(waitMs: number, ms: number): number {
  return ms > 0 ? Math.min(1, Math.max(0, waitMs / ms)) : 0;
}

/** Rank 0's clock. */
export class StepTimer {
  readonly #tables: TimeTables;
  #stepWaitMs: number;
  #epochWaitMs: number;
  #epochBeganMs = performance.now();
  readonly #originMs = performance.timeOrigin;

  constructor(tables: TimeTables) {
    this.#tables = tables;
    this.#stepWaitMs = meanWaitMs(tables.waits);
    this.#epochWaitMs = this.#stepWaitMs;
    // After a failure the workers' waits go on, and so does the time.
    if (readCell(tables.begun, 0, 0) === 0)
      writeCell(tables.begun, 0, 0, this.#originMs + this.#epochBeganMs);
  }

  /** Steps `from` … `to`-1, over so many samples, took `ms` together. */
  steps(from: number, to: number, { samples, ms }: { samples: number; ms: number }): void {
    const { stepTimes, waits } = this.#tables;
    if (stepTimes === undefined) return;
    const waitedMs = meanWaitMs(waits);
    const share = shareOf(waitedMs - this.#stepWaitMs, ms);
    this.#stepWaitMs = waitedMs;
    const endMs = this.#originMs + performance.now();
    for (let step = from; step < to; step++) {
      writeCell(stepTimes, step, 0, samples / (ms / 1000));
      writeCell(stepTimes, step, 1, share);
      writeCell(stepTimes, step, 2, endMs - (ms * (to - 1 - step)) / (to - from));
    }
  }

  /** An epoch, counted from 0, has ended, with its evaluation. */
  epoch(number: number): void {
    const { epochWaits, waits } = this.#tables;
    const [waitedMs, nowMs] = [meanWaitMs(waits), performance.now()];
    writeCell(epochWaits, number, 0, shareOf(waitedMs - this.#epochWaitMs, nowMs - this.#epochBeganMs));
    [this.#epochWaitMs, this.#epochBeganMs] = [waitedMs, nowMs];
  }
}
