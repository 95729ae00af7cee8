import { expect, it } from "vitest";
import { planTurn, samplesIn } from "./turn.ts";
import { defaultWorkerCounts, shardsFor } from "./worker-counts.ts";

it("plans turns that are long enough for the fastest number of workers, all of the same steps", () => {
  expect(planTurn(1, 1)).toEqual({ warm: 300, steps: 300 });
  expect(planTurn(1, 4)).toEqual({ warm: 1200, steps: 1200 });
  // The first two steps record passes, so they are never measured.
  expect(planTurn(20_000, 1)).toEqual({ warm: 2, steps: 2 });
});

it("counts the samples of an epoch's last batch as they are", () => {
  const run = { batchSize: 128, stepsPerEpoch: 63, trainSamples: 8000 };
  expect(samplesIn(run, 0, 63)).toBe(8000);
  expect(samplesIn(run, 0, 62)).toBe(62 * 128);
  expect(samplesIn(run, 62, 64)).toBe(64 + 128);
  expect(samplesIn({ batchSize: 10, stepsPerEpoch: 5, trainSamples: 50 }, 2, 12)).toBe(100);
  // Sampling draws more than there are.
  expect(samplesIn({ batchSize: 10, stepsPerEpoch: 20, trainSamples: 50 }, 0, 20)).toBe(200);
});

it("measures 1, 2, 4 … and all cores, with shards that all of them share evenly", () => {
  expect([1, 2, 3, 8, 12].map(defaultWorkerCounts)).toEqual([
    [1],
    [1, 2],
    [1, 2, 3],
    [1, 2, 4, 8],
    [1, 2, 4, 8, 12],
  ]);
  expect(shardsFor([1], 128)).toBe(1);
  expect(shardsFor([1, 2, 4], 128)).toBe(4);
  expect(shardsFor([1, 2, 3], 128)).toBe(6);
  // 7 · 5 · 3 · 2 would be too many.
  expect(shardsFor([1, 2, 3, 5, 7], 1024)).toBe(7);
  expect(shardsFor([1, 2, 3], 4)).toBe(3);
});
