import { randn, scope, useKernels } from "@shardgrad/core";
import { heap, Storage } from "@shardgrad/core/engine";
import { expect, it } from "vitest";
import type { Layout } from "../shared/layout.ts";
import { blockCount, blockElements, sliceOf } from "../shared/slices.ts";
import { normOfBlocks, sumBlocks } from "./gradient-norm.ts";

useKernels("wasm");

const flatSize = 5 * blockElements + 48;
const average = Storage.allocate(flatSize * 4, "norm test").offset;
const squares = Storage.allocate(8 * blockCount(flatSize), "norm test").offset;
const layout = { average, squares, flatSize } as Layout;
const values = scope(() => randn([flatSize]).toArray() as Float32Array);

function normOf(workers: number): number {
  heap().float64.fill(Number.NaN, squares / 8, squares / 8 + blockCount(flatSize));
  for (let rank = workers - 1; rank >= 0; rank--) {
    sumBlocks(layout, sliceOf(flatSize, rank, workers, blockElements));
  }
  return normOfBlocks(layout);
}

it("is the same bits for any number of slices, and the root of the sum of squares", () => {
  heap().float32.set(values, average / 4);
  const norm = normOf(1);
  expect(norm).toBeCloseTo(Math.sqrt(values.reduce((sum, value) => sum + value * value, 0)), 8);
  for (const workers of [2, 3, 4, 5, 6, 7, 16]) expect(normOf(workers)).toBe(norm);
});

it.each([Number.NaN, Number.POSITIVE_INFINITY])(
  "is not finite if one element is %s, wherever it is",
  (bad) => {
    for (const place of [0, 4 * blockElements + 1, flatSize - 1]) {
      heap().float32.set(values, average / 4);
      heap().float32[average / 4 + place] = bad;
      expect(normOf(3)).not.toSatisfy(Number.isFinite);
    }
    heap().float32.fill(3e38, average / 4, average / 4 + flatSize);
    expect(normOf(2)).toSatisfy(Number.isFinite);
  },
);
