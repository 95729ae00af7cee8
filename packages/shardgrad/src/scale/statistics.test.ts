import { expect, it } from "vitest";
import { median, pairRounds, spreadOf } from "./statistics.ts";

it("takes the middle, or the mean of the two in the middle", () => {
  expect(median([5, 1, 3])).toBe(3);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([10, 9, 1])).toBe(9); // Sorted as numbers, not as text.
  expect(() => median([])).toThrow("got no values");
});

it("leaves what it was given as it was", () => {
  const values = [3, 1, 2];
  expect(spreadOf(values)).toEqual({ median: 2, min: 1, max: 3 });
  expect(values).toEqual([3, 1, 2]);
});

it("compares within rounds, not across them", () => {
  // Both are twice as slow in round 1, so the ratio does not change.
  const own = new Map([
    [0, 10],
    [1, 20],
    [2, 10],
  ]);
  const rival = new Map([
    [0, 30],
    [1, 60],
  ]);
  const ratio = pairRounds(own, rival, (a, b) => b / a);
  expect(ratio).toEqual({ median: 3, min: 3, max: 3 });
  expect(pairRounds(own, new Map(), (a, b) => b / a)).toBeUndefined();
});
