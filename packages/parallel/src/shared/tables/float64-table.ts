// Tables of float64 in shared memory, row by row: the only place that turns (row, column) into an address. A table is
// plain data, so that it crosses threads with the layout. It knows neither its contents nor who writes when: a thread
// that reads another thread's row needs a barrier or a control word in between.
import { heap, sumPairwise } from "@shardgrad/core/engine";
import type { Allocate } from "./allocate.ts";

export interface Float64Table {
  /** Start address: a multiple of 8. */
  address: number;
  rows: number;
  columns: number;
}

const bytesPerCell = 8;

/** Bytes of a table of that size. */
export function tableBytes(rows: number, columns: number): number {
  return bytesPerCell * rows * columns;
}

/** Reserves memory for a table: zeroed, unless its contents do not matter. */
export function planTable(
  allocate: Allocate,
  rows: number,
  columns: number,
  contents?: "zeros" | "any",
): Float64Table {
  return { address: allocate(tableBytes(rows, columns), contents).offset, rows, columns };
}

/** Rows `first` … `first + rows`-1 as a separate table. */
export function partOf(table: Float64Table, first: number, rows: number): Float64Table {
  return { ...table, address: cellAddress(table, first, 0), rows };
}

/** The address of a cell, for kernels. */
export function cellAddress({ address, columns }: Float64Table, row: number, column: number): number {
  return address + bytesPerCell * (row * columns + column);
}

function indexOf({ address, columns }: Float64Table, row: number, column: number): number {
  return address / bytesPerCell + row * columns + column;
}

export function readCell(table: Float64Table, row: number, column: number): number {
  return heap().float64[indexOf(table, row, column)]!;
}

export function writeCell(table: Float64Table, row: number, column: number, value: number): void {
  heap().float64[indexOf(table, row, column)] = value;
}

/** Adds to a cell. Not atomic: only its single writer may call it. */
export function addToCell(table: Float64Table, row: number, column: number, amount: number): void {
  heap().float64[indexOf(table, row, column)]! += amount;
}

/** A row as a view of the shared memory. Allocates an object: not for hot loops. */
export function rowOf(table: Float64Table, row: number): Float64Array {
  const start = indexOf(table, row, 0);
  return heap().float64.subarray(start, start + table.columns);
}

/** The sum over all rows, pairwise: the same bits on every thread. */
export function sumOfColumn(table: Float64Table, column: number): number {
  return sumPairwise(heap().float64, indexOf(table, 0, column), table.rows, table.columns);
}
