import { heap, Storage } from "@shardgrad/core/engine";
import { expect, it } from "vitest";
import type { Float64Table } from "./float64-table.ts";
import {
  addToCell,
  cellAddress,
  partOf,
  planTable,
  readCell,
  rowOf,
  sumOfColumn,
  tableBytes,
  writeCell,
} from "./float64-table.ts";

const allocate = (bytes: number) => {
  const block = Storage.allocate(bytes, "table test");
  heap().uint8.fill(0, block.offset, block.offset + bytes);
  return block;
};

/** A table whose cell (row, column) is `10 * row + column`. */
function filled(rows: number, columns: number): Float64Table {
  const table = planTable(allocate, rows, columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) writeCell(table, row, column, 10 * row + column);
  }
  return table;
}

it("asks for its bytes once, and says what may be in them", () => {
  const asked: unknown[] = [];
  const table = planTable(
    (...request) => {
      asked.push(request);
      return { offset: 64 };
    },
    5,
    3,
    "any",
  );
  expect(asked).toEqual([[tableBytes(5, 3), "any"]]);
  expect(tableBytes(5, 3)).toBe(120);
  expect(table).toEqual({ address: 64, rows: 5, columns: 3 });
});

it("has a place of its own for each cell, row after row", () => {
  const table = filled(4, 3);
  expect(heap().float64.subarray(table.address / 8, table.address / 8 + 12)).toEqual(
    Float64Array.of(0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32),
  );
  expect(readCell(table, 2, 1)).toBe(21);
  expect(heap().float64[cellAddress(table, 3, 2) / 8]).toBe(32);
  addToCell(table, 2, 1, 0.5);
  expect(readCell(table, 2, 1)).toBe(21.5);
});

it("gives a row as a view that sees what is written later", () => {
  const table = filled(3, 2);
  const row = rowOf(table, 1);
  expect(row).toEqual(Float64Array.of(10, 11));
  writeCell(table, 1, 1, -1);
  row[0] = -2;
  expect([readCell(table, 1, 0), readCell(table, 1, 1)]).toEqual([-2, -1]);
});

it("has parts that are tables of the same cells", () => {
  const table = filled(5, 2);
  const part = partOf(table, 2, 2);
  expect([readCell(part, 0, 0), readCell(part, 1, 1)]).toEqual([20, 31]);
  expect(sumOfColumn(part, 0)).toBe(50);
  writeCell(part, 1, 0, 7);
  expect(readCell(table, 3, 0)).toBe(7);
});

it("sums a column in the order of its rows", () => {
  const table = planTable(allocate, 3, 2);
  // In any other order the small ones are not lost.
  [1e16, 1, 1].forEach((value, row) => {
    writeCell(table, row, 1, value);
  });
  expect(sumOfColumn(table, 1)).toBe(1e16);
  [1, 1, 1e16].forEach((value, row) => {
    writeCell(table, row, 1, value);
  });
  expect(sumOfColumn(table, 1)).toBe(1e16 + 2);
  expect(sumOfColumn(table, 0)).toBe(0);
  expect(sumOfColumn(partOf(table, 0, 0), 1)).toBe(0);
});

it("is the same table on a thread that it was sent to", () => {
  const table = filled(2, 2);
  expect(readCell(structuredClone(table), 1, 1)).toBe(11);
});
