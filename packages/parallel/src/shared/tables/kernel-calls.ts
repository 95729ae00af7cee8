// The kernel calls of one step of each worker, with their times: text in a worker's row of shared memory, only on
// request. The worker writes it once, before it raises the length, so a reader that sees the length sees the text. All
// times are of the machine's one monotonic clock, as those of phase-marks.ts.
import type { TimedCall } from "@shardgrad/core/engine";
import { heap } from "@shardgrad/core/engine";
import { cacheLineBytes } from "../words/control.ts";
import type { Float64Table } from "./float64-table.ts";
import { cellAddress, tableBytes } from "./float64-table.ts";
import { clockOffsetMs } from "./phase-marks.ts";

export type { TimedCall };

/** The calls of a worker's step, counted from 1. */
export interface StepCalls {
  step: number;
  calls: TimedCall[];
}

/** The first cells of a row are the length, on a cache line of its own. */
const headCells = cacheLineBytes / tableBytes(1, 1);
/** What does not fit is left out: there are some 60 bytes to a call. */
const mostBytes = 2 ** 20;

/** Columns of the table, which has a row per worker. */
export const callColumns = headCells + mostBytes / tableBytes(1, 1);

const lengthIndex = (table: Float64Table, rank: number): number =>
  cellAddress(table, rank, 0) / Int32Array.BYTES_PER_ELEMENT;

export const hasCalls = (table: Float64Table, rank: number): boolean =>
  Atomics.load(heap().int32, lengthIndex(table, rank)) > 0;

/** Writes a worker's calls, timed by its own `performance.now()`. */
export function writeCalls(table: Float64Table, rank: number, { step, calls }: StepCalls): void {
  const offsetMs = clockOffsetMs();
  const lines = [String(step)];
  let room = mostBytes - 16;
  for (const { kernel, operands, startMs, endMs } of calls) {
    const line = `${kernel}\t${operands}\t${startMs + offsetMs}\t${endMs + offsetMs}`;
    room -= line.length + 1;
    if (room < 0) break;
    lines.push(line);
  }
  const bytes = new TextEncoder().encode(lines.join("\n"));
  heap().uint8.set(bytes, cellAddress(table, rank, headCells));
  Atomics.store(heap().int32, lengthIndex(table, rank), bytes.length);
}

/** The calls of a worker's step; undefined before it has written them. */
export function readCalls(table: Float64Table, rank: number): StepCalls | undefined {
  const length = Atomics.load(heap().int32, lengthIndex(table, rank));
  if (length === 0) return undefined;
  const start = cellAddress(table, rank, headCells);
  // A copy: TextDecoder refuses shared memory.
  const [step, ...lines] = new TextDecoder().decode(heap().uint8.slice(start, start + length)).split("\n");
  const calls = lines.map((line) => {
    const [kernel, operands, startMs, endMs] = line.split("\t");
    return { kernel: kernel!, operands: operands!, startMs: Number(startMs), endMs: Number(endMs) };
  });
  return { step: Number(step), calls };
}
