import fc from "fast-check";
import { expect, it } from "vitest";
import { sliceOf } from "./slices.ts";

it("slices partition the weights at cache lines", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 1, max: 17 }), (lines, workers) => {
      const slices = Array.from({ length: workers }, (_, rank) => sliceOf(lines * 16, rank, workers));
      expect(slices[0]![0]).toBe(0);
      expect(slices.at(-1)![1]).toBe(lines * 16);
      for (let rank = 0; rank < workers; rank++) {
        expect(slices[rank]![0] % 16).toBe(0);
        if (rank > 0) expect(slices[rank]![0]).toBe(slices[rank - 1]![1]);
      }
    }),
    { seed: 1 },
  );
});

it("or at blocks, of which the last may be shorter", () => {
  const slices = [0, 1, 2].map((rank) => sliceOf(16 * 9, rank, 3, 64));
  expect(slices).toEqual([
    [0, 64],
    [64, 128],
    [128, 144],
  ]);
});
