// Sizes alone decide which products go to the BLAS.
import { expect, test } from "vitest";
import { prefersBlas } from "./prefers-blas.ts";

test("large products do, small and empty ones do not", () => {
  expect(prefersBlas(1, 128, 256, 784)).toBe(true);
  expect(prefersBlas(1, 4, 4, 4)).toBe(false);
  for (const [m, n, k] of [
    [0, 1e4, 1e4],
    [1e4, 0, 1e4],
    [1e4, 1e4, 0],
  ] as const)
    expect(prefersBlas(1, m, n, k)).toBe(false);
});

test("more of any size never makes it worse", () => {
  const sizes = [1, 2, 5, 16, 17, 40, 300];
  for (const m of sizes) {
    for (const n of sizes) {
      for (const k of sizes) {
        if (!prefersBlas(1, m, n, k)) continue;
        expect([prefersBlas(2, m, n, k), prefersBlas(1, m + 1, n, k)]).toEqual([true, true]);
        expect([prefersBlas(1, m, n + 1, k), prefersBlas(1, m, n, k + 1)]).toEqual([true, true]);
      }
    }
  }
});
