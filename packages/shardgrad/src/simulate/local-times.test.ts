import { expect, it } from "vitest";
import { measuredRows } from "../../testing/measured-rows.ts";
import { localTimes } from "./local-times.ts";

const [row] = measuredRows({ 2: { compute: 1 } });
const division = { batchSize: 30, microBatch: 30, workers: 2, shards: null };
const times = (...points: [batchSize: number, ms: number][]) =>
  localTimes({
    division,
    rows: points.map(([batchSize, ms]) => ({
      ...row!,
      mode: "part",
      batchSize,
      msPerStep: { median: ms, min: ms, max: ms },
      backwardMs: ms / 3,
    })),
  });

it("a measured part has exactly the time that was measured", () => {
  const [small, large] = [0.36320184237727227, 1.0889212139175273];
  const found = times([24, small], [30, large])!;
  expect([24, 30].map(found.stepMs)).toEqual([small, large]);
  expect([24, 30].map(found.backwardMs)).toEqual([small / 3, large / 3]);
});

it("others are on straight lines: between two points, or beyond the last ones; never below 0", () => {
  const found = times([30, 40], [10, 20], [20, 22])!;
  expect([15, 25, 40, 5].map(found.stepMs)).toEqual([21, 31, 58, 19]);
  expect(times([10, 1], [20, 100])!.stepMs(1)).toBe(0);
});

it("from a single part, times are in proportion", () => {
  const found = times([30, 60])!;
  expect([10, 30, 60].map(found.stepMs)).toEqual([20, 60, 120]);
});

it("knows nothing of other numbers of workers", () => {
  expect(localTimes({ division: { ...division, workers: 3 }, rows: [row!] })).toBeUndefined();
});
