import { expect, it } from "vitest";
import { matrixLines } from "./matrix-lines.ts";

it("a confusion matrix is a table, single numbers are none", () => {
  const confusion = [
    [160, 0, 35],
    [23, 137, 3.25],
    [0, 9, 0],
  ];
  expect(matrixLines({ accuracy: 0.5, confusion }, "test")).toEqual([
    "test confusion: one row for each true class, one column for each that was predicted",
    "       0    1      2",
    "  0  160    ·     35",
    "  1   23  137  3.250",
    "  2    ·    9      ·",
  ]);
});

it("what does not fit a terminal, or is no matrix, is told by its size", () => {
  const large = Array.from({ length: 40 }, () => new Array<number>(40).fill(1));
  expect(matrixLines({ large, cube: [[[1, 2]], [[3, 4]]] }, "validation")).toEqual([
    "validation large: 40 × 40 numbers, with --json",
    "validation cube: 2 × 1 × 2 numbers, with --json",
  ]);
});
