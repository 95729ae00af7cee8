// When each worker entered which phase of which step: a row per worker in shared memory, only on request. The worker
// appends to its row until that is full, and the main thread reads what is new. A mark is written before the count is
// raised, so a reader that sees the count sees the mark. All times are of the machine's one monotonic clock.
import { heap } from "@shardgrad/core/engine";
import type { Phase } from "../../errors.ts";
import { phases } from "../../errors.ts";
import { cacheLineBytes } from "../words/control.ts";
import type { Float64Table } from "./float64-table.ts";
import { cellAddress, readCell, tableBytes, writeCell } from "./float64-table.ts";

/** A worker enters a phase. "idle" is what lies between a barrier and the next phase. */
export interface PhaseMark {
  phase: Phase;
  /** Counted from 1. */
  step: number;
  /** Milliseconds on the monotonic clock. */
  atMs: number;
}

/** Marks of a worker, and the steps of an attempt that it notes. */
const mostMarks = 2 ** 17;
export const markedSteps = 2000;

/** The first cells of a row are the count, on a cache line of its own. */
const headCells = cacheLineBytes / tableBytes(1, 1);
const cellsPerMark = 2;

/** Columns of the table, which has a row per worker. */
export const markColumns = headCells + cellsPerMark * mostMarks;

let offsetMs: number | undefined;

/** Added to performance.now() of this thread, gives the machine's monotonic clock: always the same number. */
export function clockOffsetMs(): number {
  offsetMs ??= Number(process.hrtime.bigint()) / 1e6 - performance.now();
  return offsetMs;
}

function countIndex(table: Float64Table, rank: number): number {
  return cellAddress(table, rank, 0) / Int32Array.BYTES_PER_ELEMENT;
}

/** A worker's pen. */
export class PhaseMarks {
  readonly #table: Float64Table;
  readonly #rank: number;
  readonly #offsetMs = clockOffsetMs();
  readonly #lastStep: number;
  #count: number;

  /** @param begun steps done before */
  constructor(table: Float64Table, rank: number, begun: number) {
    this.#table = table;
    this.#rank = rank;
    this.#lastStep = begun + markedSteps;
    // Another attempt at the run goes on where the last one ended.
    this.#count = Atomics.load(heap().int32, countIndex(table, rank));
  }

  note(phase: Phase, step: number): void {
    if (step > this.#lastStep || this.#count === mostMarks) return;
    const column = headCells + cellsPerMark * this.#count++;
    writeCell(this.#table, this.#rank, column, performance.now() + this.#offsetMs);
    writeCell(this.#table, this.#rank, column + 1, step * phases.length + phases.indexOf(phase));
    Atomics.store(heap().int32, countIndex(this.#table, this.#rank), this.#count);
  }
}

/** The marks of a worker from number `from` on. */
export function readMarks(table: Float64Table, rank: number, from: number): PhaseMark[] {
  const count = Atomics.load(heap().int32, countIndex(table, rank));
  return Array.from({ length: count - from }, (_, i) => {
    const column = headCells + cellsPerMark * (from + i);
    const code = readCell(table, rank, column + 1);
    return {
      phase: phases[code % phases.length]!,
      step: Math.floor(code / phases.length),
      atMs: readCell(table, rank, column),
    };
  });
}
