import { randn, scope, useKernels } from "@shardgrad/core";
import { Storage } from "@shardgrad/core/engine";
import { expect, it } from "vitest";
import { blockCount, blockElements, floatsAt, sliceOf } from "../shared/arrays/slices.ts";
import type { Layout } from "../shared/layout.ts";
import { planTable, rowOf } from "../shared/tables/float64-table.ts";
import { normOfBlocks, sumBlocks } from "./gradient-norm.ts";

useKernels("wasm");

const flatSize = 5 * blockElements + 48;
const average = Storage.allocate(flatSize * 4, "norm test").offset;
const squares = planTable((bytes) => Storage.allocate(bytes, "norm test"), blockCount(flatSize), 1);
const averages = floatsAt(average, flatSize);
const layout = { average, squares, flatSize } as Layout;
const values = scope(() => randn([flatSize]).toArray() as Float32Array);

function normOf(workers: number): number {
  for (let block = 0; block < squares.rows; block++) rowOf(squares, block).fill(Number.NaN);
  for (let rank = workers - 1; rank >= 0; rank--) {
    sumBlocks(layout, sliceOf(flatSize, rank, workers, blockElements));
  }
  return normOfBlocks(layout);
}

it("is the same bits for any number of slices, and the root of the sum of squares", () => {
  averages.set(values);
  const norm = normOf(1);
  expect(norm).toBeCloseTo(Math.sqrt(values.reduce((sum, value) => sum + value * value, 0)), 8);
  for (const workers of [2, 3, 4, 5, 6, 7, 16]) expect(normOf(workers)).toBe(norm);
});

it.each([Number.NaN, Number.POSITIVE_INFINITY])(
  "is not finite if one element is %s, wherever it is",
  (bad) => {
    for (const place of [0, 4 * blockElements + 1, flatSize - 1]) {
      averages.set(values);
      averages[place] = bad;
      expect(normOf(3)).not.toSatisfy(Number.isFinite);
    }
    averages.fill(3e38);
    expect(normOf(2)).toSatisfy(Number.isFinite);
  },
);
