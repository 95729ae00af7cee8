import { expect, test } from "vitest";
import { afterLooking, afterSleep, looksAt, mostLooks } from "./spinning.ts";

/** The looks of each of so many waits, if wait i needs `needed(i)`. */
function looksOf(waits: number, needed: (wait: number) => number): number[] {
  let level = 0;
  return Array.from({ length: waits }, (_, wait) => {
    const looks = looksAt(level, mostLooks);
    level = needed(wait) < looks ? afterLooking(level) : afterSleep(level);
    return looks;
  });
}

test("looks as long as it may while that is enough", () => {
  expect(new Set(looksOf(100, () => mostLooks - 1))).toEqual(new Set([mostLooks]));
});

test("soon hardly looks at all if it always has to sleep, but tries again now and then", () => {
  const looks = looksOf(640, () => Number.POSITIVE_INFINITY);
  expect(looks.slice(0, 8)).toEqual([2048, 1024, 512, 256, 128, 64, 32, 32]);
  expect(looks.filter((count) => count === mostLooks)).toHaveLength(10);
  expect(looks.reduce((sum, count) => sum + count) / looks.length).toBeLessThan(mostLooks / 20);
});

test("looks long again after a disturbance, however long that was", () => {
  for (let disturbed = 1; disturbed < 200; disturbed++) {
    const looks = looksOf(disturbed + 100, (wait) => (wait < disturbed ? Number.POSITIVE_INFINITY : 1500));
    expect(looks.slice(-30), `after ${disturbed}`).toEqual(Array(30).fill(mostLooks));
  }
});

test("a single sleep costs one wait with fewer looks", () => {
  expect(looksOf(5, (wait) => (wait === 1 ? mostLooks : 10))).toEqual([2048, 2048, 1024, 2048, 2048]);
});

test("never looks if it may not", () => {
  for (let level = 0; level < 64; level++) expect(looksAt(level, 0)).toBe(0);
});
