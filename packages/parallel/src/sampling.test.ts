import fc from "fast-check";
import { expect, it } from "vitest";
import { Sampler, samplesInStep, shardRange, stepsPerEpoch } from "./sampling.ts";

const plan = fc.record({
  samples: fc.integer({ min: 1, max: 300 }),
  batchSize: fc.integer({ min: 1, max: 80 }),
  shards: fc.integer({ min: 1, max: 9 }),
  seed: fc.integer({ min: 0, max: 1000 }),
});

it("hands out every sample exactly once an epoch, in every epoch", () => {
  fc.assert(
    fc.property(plan, fc.integer({ min: 0, max: 3 }), (p, epoch) => {
      const sampler = new Sampler(p);
      const into = new Int32Array(p.batchSize);
      const seen: number[] = [];
      const perEpoch = stepsPerEpoch(p);
      for (let step = epoch * perEpoch; step < (epoch + 1) * perEpoch; step++) {
        let inStep = 0;
        for (let shard = 0; shard < p.shards; shard++) {
          const count = sampler.shardSamples(step, shard, into);
          seen.push(...into.subarray(0, count));
          inStep += count;
        }
        expect(inStep).toBe(samplesInStep(p, step));
      }
      expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: p.samples }, (_, i) => i));
    }),
    { seed: 1 },
  );
});

it("shards partition a batch, and differ by one sample at most", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 1, max: 20 }), (count, shards) => {
      const ranges = Array.from({ length: shards }, (_, shard) => shardRange(count, shards, shard));
      expect(ranges[0]![0]).toBe(0);
      expect(ranges.at(-1)![1]).toBe(count);
      for (let i = 1; i < shards; i++) expect(ranges[i]![0]).toBe(ranges[i - 1]![1]);
      const sizes = ranges.map(([from, to]) => to - from);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    }),
    { seed: 2 },
  );
});

it("the batch of a step does not depend on the number of shards", () => {
  const samplesOf = (shards: number) => {
    const sampler = new Sampler({ samples: 50, batchSize: 12, shards, seed: 3 });
    const into = new Int32Array(12);
    return Array.from({ length: shards }, (_, shard) => {
      const count = sampler.shardSamples(7, shard, into);
      return [...into.subarray(0, count)];
    }).flat();
  };
  expect(samplesOf(5)).toEqual(samplesOf(1));
});
