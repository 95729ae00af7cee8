import { expect, it } from "vitest";
import type { StepDivision } from "./parts.ts";
import { partOf, partsToMeasure } from "./parts.ts";

const division: StepDivision = { batchSize: 128, microBatch: 128, workers: 2, shards: null };

it("each worker of each machine has a shard for every micro-batch", () => {
  expect(partOf(1, division)).toMatchObject({ batchSize: 128, shards: 2, shardsOfAll: 2 });
  expect(partOf(4, division)).toMatchObject({ batchSize: 32, shards: 2, shardsOfAll: 8 });
  // The machine that has most samples.
  expect(partOf(3, division)).toMatchObject({ batchSize: 43, shards: 2, shardsOfAll: 6 });
  expect(partOf(2, { ...division, batchSize: 512 })).toMatchObject({
    batchSize: 256,
    shards: 8,
    shardsOfAll: 16,
  });
  expect(partOf(64, division)).toMatchObject({ batchSize: 2, shards: 2 });
  expect(partOf(65, division)).toBeUndefined();
});

it("pinned shards are divided, and are the limit", () => {
  const pinned = { ...division, shards: 16 };
  expect(partOf(1, pinned)).toMatchObject({ batchSize: 128, shards: 16, shardsOfAll: 16 });
  expect(partOf(3, pinned)).toMatchObject({ batchSize: 43, shards: 6, shardsOfAll: 16 });
  expect(partOf(8, pinned)).toMatchObject({ batchSize: 16, shards: 2 });
  expect(partOf(9, pinned)).toBeUndefined();
});

it("measures at most five parts, the largest and the smallest among them", () => {
  const machines = (counts: number[]) => partsToMeasure(counts, division).map((part) => part.machines);
  expect(machines([4, 2])).toEqual([1, 2, 4]);
  expect(machines([1, 2, 4, 8, 16, 32, 64, 128, 256])).toEqual([1, 4, 8, 32, 64]);
  expect(machines([1000])).toEqual([1]);
});
