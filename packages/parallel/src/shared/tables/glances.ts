// What a page sees of a run: the numbers of some steps. All of the first ones, then one every 50 ms at most, so that
// looking on costs next to nothing, however short the steps are. Rank 0 decides between two barriers whether all
// workers look at the next step, or at the next round of steps: then they time its phases and take the norm of its
// gradient. Rank 0 writes a row of a ring in shared memory before it raises the word `glances`, and the main thread
// reads what is new. Rows that it reads too late are lost: who wants every step has `step-records.ts`.

import type { Control } from "../words/control.ts";
import type { Allocate } from "./allocate.ts";
import type { Float64Table } from "./float64-table.ts";
import { planTable, readCell, rowOf, writeCell } from "./float64-table.ts";
import type { StepRecord } from "./step-records.ts";
import type { StepTimes, TimeTables } from "./step-times.ts";
import { meanWaitMs, shareOf } from "./step-times.ts";
import type { Throughput } from "./training-clock.ts";
import { rateOf, readAllThroughput, startUpSteps } from "./training-clock.ts";

/** So many turns are all looked at; later ones after so many milliseconds. */
const [firstTurns, everyMs] = [256, 50];

const rows = 1024;
const fixedColumns = 7;

/** A step that was looked at. */
export interface Glance extends StepRecord, StepTimes {
  /** Counted from 1. */
  step: number;
}

export function planGlances(allocate: Allocate, groups: number): Float64Table {
  return planTable(allocate, rows, fixedColumns + groups);
}

/** The tables that rank 0 reads and writes. */
interface GlanceTables extends Pick<TimeTables, "waits"> {
  glances: Float64Table;
  throughput: Float64Table;
}

/** Samples and milliseconds of training, and of waiting, since the run began; and when that was. */
interface Sums extends Throughput {
  waitMs: number;
  atMs: number;
}

/** A worker's part. A turn is a step, or a round of steps that shards do apart. */
export class Glances {
  /** Whether this turn is looked at. */
  now = false;
  readonly #control: Control;
  readonly #tables: GlanceTables;
  #turn = 0;
  #lastTurn = 0;
  #decidedMs = Number.NEGATIVE_INFINITY;
  #before: Sums;

  constructor(control: Control, tables: GlanceTables) {
    this.#control = control;
    this.#tables = tables;
    this.#before = this.#sums();
  }

  /**
   * A turn begins.
   *
   * @returns how many turns the times of this one stand for; 0 if it is not timed
   */
  begin(): number {
    this.#turn++;
    this.now = this.#turn <= firstTurns || this.#control.load("glance") === 1;
    if (!this.now) return 0;
    const turns = this.#turn - this.#lastTurn;
    this.#lastTurn = this.#turn;
    // The first ones record passes.
    return this.#turn <= startUpSteps ? 0 : turns;
  }

  /** Rank 0, between two barriers of a turn that began at this time: whether all look at the next one. */
  decide(beganMs: number): void {
    const wanted = beganMs - this.#decidedMs >= everyMs;
    if (wanted) this.#decidedMs = beganMs;
    // Written only if it changes: all workers have the word in their caches.
    if (wanted !== (this.#control.load("glance") === 1)) this.#control.store("glance", Number(wanted));
  }

  /** Rank 0, after a turn that ended with so many steps done: writes its last step, if it was looked at. */
  note(step: number, { loss, gradNorm, skipped, lrs }: StepRecord): void {
    if (!this.now) return;
    const { glances } = this.#tables;
    const count = this.#control.load("glances");
    const sums = this.#sums();
    const { samples, ms, waitMs, atMs } = this.#before;
    this.#before = sums;
    const cells = [
      step,
      loss,
      gradNorm,
      Number(skipped),
      rateOf({ samples: sums.samples - samples, ms: sums.ms - ms }),
      // Workers wait in evaluations, too.
      shareOf(sums.waitMs - waitMs, sums.atMs - atMs),
      performance.timeOrigin + sums.atMs,
      ...lrs,
    ];
    for (const [column, value] of cells.entries()) writeCell(glances, count % rows, column, value);
    this.#control.store("glances", count + 1);
  }

  #sums(): Sums {
    const { throughput, waits } = this.#tables;
    return { ...readAllThroughput(throughput), waitMs: meanWaitMs(waits), atMs: performance.now() };
  }
}

/** Reads what is new since the last call, on the main thread. */
export class GlanceReader {
  readonly #table: Float64Table;
  readonly #control: Control;
  #read = 0;
  #step = 0;

  constructor(table: Float64Table, control: Control) {
    this.#table = table;
    this.#control = control;
  }

  /** In order, each step once: those that a restart repeats are known. */
  read(): Glance[] {
    const count = this.#control.load("glances");
    // Half of the ring is far from what rank 0 writes now.
    const from = Math.max(this.#read, count - rows / 2);
    this.#read = count;
    const found = Array.from({ length: count - from }, (_, i) => glanceAt(this.#table, (from + i) % rows));
    return found.filter(({ step }) => {
      const isNew = step > this.#step;
      if (isNew) this.#step = step;
      return isNew;
    });
  }
}

function glanceAt(table: Float64Table, row: number): Glance {
  const at = (column: number) => readCell(table, row, column);
  const [step, loss, gradNorm, skipped] = [at(0), at(1), at(2), at(3) === 1];
  const lrs = [...rowOf(table, row).subarray(fixedColumns)];
  return { step, loss, gradNorm, skipped, samplesPerSecond: at(4), waitShare: at(5), timeMs: at(6), lrs };
}
