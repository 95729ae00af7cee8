import { heap, Storage } from "@shardgrad/core/engine";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JobError } from "../errors.ts";
import type { StoredColumns } from "./columns.ts";
import { storeSet } from "./columns.ts";
import type { Sampling, SamplingPlan } from "./sampling.ts";
import {
  checkSampling,
  planEpoch,
  planOrder,
  Sampler,
  samplesInStep,
  shardRange,
  stepsPerEpoch,
} from "./sampling.ts";

const allocate = (bytes: number) => {
  const storage = Storage.allocate(bytes, "sampling test");
  storage.retain();
  return storage;
};

const setOf = (samples: number): StoredColumns => ({ samples, columns: [] });

function planOf(
  sampling: Sampling,
  set: StoredColumns,
  rest: { batchSize: number; shards: number; seed: number },
): SamplingPlan {
  checkSampling("defineJob: sampling", sampling);
  const epoch = planEpoch(sampling, set.samples, rest.batchSize);
  return { ...rest, ...epoch, order: planOrder(sampling, set, allocate) };
}

/** The samples of one epoch in order: step by step, and shard by shard within a step. */
function epochOf(plan: SamplingPlan, epoch: number): number[] {
  const sampler = new Sampler(plan);
  const into = new Int32Array(plan.batchSize);
  const seen: number[] = [];
  const perEpoch = stepsPerEpoch(plan);
  for (let step = epoch * perEpoch; step < (epoch + 1) * perEpoch; step++) {
    const before = seen.length;
    for (let shard = 0; shard < plan.shards; shard++) {
      const count = sampler.shardSamples(step, shard, into);
      seen.push(...into.subarray(0, count));
    }
    expect(seen.length - before).toBe(samplesInStep(plan, step));
  }
  return seen;
}

const ascending = (numbers: number[]) => numbers.toSorted((a, b) => a - b);
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

const sizes = fc.record({
  samples: fc.integer({ min: 1, max: 300 }),
  batchSize: fc.integer({ min: 1, max: 80 }),
  shards: fc.integer({ min: 1, max: 9 }),
  seed: fc.integer({ min: 0, max: 1000 }),
});
const anyEpoch = fc.integer({ min: 0, max: 3 });

describe("without replacement", () => {
  it.each([{}, { shuffle: false }])("%o hands out every sample exactly once in every epoch", (sampling) => {
    fc.assert(
      fc.property(sizes, anyEpoch, ({ samples, ...rest }, epoch) => {
        const seen = epochOf(planOf(sampling, setOf(samples), rest), epoch);
        expect("shuffle" in sampling ? seen : ascending(seen)).toEqual(upTo(samples));
      }),
      { seed: 1 },
    );
  });

  it.each([{ dropLast: true }, { dropLast: true, shuffle: false }])(
    "%o gives full batches only, and no sample twice",
    (sampling) => {
      fc.assert(
        fc.property(sizes, anyEpoch, ({ samples, ...rest }, epoch) => {
          const plan = planOf(sampling, setOf(samples), rest);
          const seen = epochOf(plan, epoch);
          for (let step = 0; step < stepsPerEpoch(plan); step++) {
            expect(samplesInStep(plan, step)).toBe(Math.min(rest.batchSize, samples));
          }
          expect(new Set(seen).size).toBe(seen.length);
          expect(samples - seen.length).toBeLessThan(rest.batchSize);
          expect(seen.every((sample) => sample >= 0 && sample < samples)).toBe(true);
        }),
        { seed: 1 },
      );
    },
  );

  it("another order in each epoch and for each seed, by itself", () => {
    const orders = [0, 1, 2].flatMap((epoch) =>
      [3, 4].map((seed) => epochOf(planOf({}, setOf(50), { batchSize: 8, shards: 2, seed }), epoch).join()),
    );
    expect(new Set(orders).size).toBe(6);
  });

  it("which samples dropLast leaves out differs from epoch to epoch", () => {
    const plan = planOf({ dropLast: true }, setOf(20), { batchSize: 8, shards: 2, seed: 1 });
    const seen = new Set([0, 1, 2, 3, 4].flatMap((epoch) => epochOf(plan, epoch)));
    expect(seen.size).toBe(20);
  });
});

describe("by shard", () => {
  it.each([{ byShard: true }, { byShard: true, shuffle: false }])(
    "%o: every sample exactly once in every epoch, always by the same shard",
    (sampling) => {
      fc.assert(
        fc.property(sizes, ({ samples, ...rest }) => {
          const plan = planOf(sampling, setOf(samples), rest);
          const into = new Int32Array(plan.batchSize);
          const ownersIn = (epoch: number) => {
            const sampler = new Sampler(plan);
            const owners = new Array<number>(samples).fill(-1);
            const perEpoch = stepsPerEpoch(plan);
            for (let step = epoch * perEpoch; step < (epoch + 1) * perEpoch; step++)
              for (let shard = 0; shard < plan.shards; shard++)
                for (const sample of into.subarray(0, sampler.shardSamples(step, shard, into))) {
                  expect(owners[sample]).toBe(-1);
                  owners[sample] = shard;
                }
            return owners;
          };
          const owners = ownersIn(0);
          expect(ascending(owners)).toEqual(owners);
          expect(owners[0]).toBeGreaterThanOrEqual(0);
          expect(ownersIn(1)).toEqual(owners);
        }),
        { seed: 3, numRuns: 60 },
      );
    },
  );

  it("another order in each epoch, for each seed and in each shard", () => {
    const orderOf = (seed: number, epoch: number) =>
      epochOf(planOf({ byShard: true }, setOf(40), { batchSize: 8, shards: 2, seed }), epoch);
    const orders = [0, 1].flatMap((epoch) => [3, 4].map((seed) => orderOf(seed, epoch).join()));
    expect(new Set(orders).size).toBe(4);
    const [first, second] = [0, 1].map((shard) =>
      orderOf(3, 0)
        .filter((_, i) => Math.floor(i / 4) % 2 === shard)
        .map((sample) => sample % 20),
    );
    expect(first).not.toEqual(second);
  });

  it("not with draws by weights", () => {
    expect(() => checkSampling("defineJob: sampling", { byShard: true, balance: "y" })).toThrow(
      new JobError(
        "defineJob: sampling has byShard, but draws by weights are from all samples; leave one of the two out",
      ),
    );
  });
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

const weights = Float64Array.of(0, 1, 2, 0.5, 0, 4, 2.5, 0);

describe.each<[name: string, sampling: Sampling]>([
  ["shuffled", {}],
  ["as stored", { shuffle: false }],
  ["weighted", { weights, samples: 50 }],
])("%s", (_, sampling) => {
  const planWith = (shards: number) =>
    planOf(sampling, setOf(sampling.samples ? 8 : 50), { batchSize: 12, shards, seed: 3 });

  it("the batch of a step does not depend on the number of shards", () => {
    const whole = epochOf(planWith(1), 1);
    for (const shards of [2, 5, 12]) expect(epochOf(planWith(shards), 1)).toEqual(whole);
  });

  it("any shard of any step can be drawn by itself, in any order", () => {
    const plan = planWith(4);
    const draw = (sampler: Sampler, step: number, shard: number) => {
      const into = new Int32Array(12);
      return [...into.subarray(0, sampler.shardSamples(step, shard, into))];
    };
    const one = new Sampler(plan);
    fc.assert(
      fc.property(fc.nat(30), fc.nat(3), (step, shard) => {
        expect(draw(one, step, shard)).toEqual(draw(new Sampler(plan), step, shard));
      }),
      { seed: 4 },
    );
  });
});

/**
 * Pearson's statistic of counts against their expectation. Correct draws exceed the bound for their degrees of freedom
 * with probability 0.001.
 */
function chiSquare(counts: number[], expected: number[]): number {
  return counts.reduce((sum, count, i) => sum + (count - expected[i]!) ** 2 / expected[i]!, 0);
}
const bounds: Record<number, number> = { 1: 10.83, 2: 13.82, 4: 18.47, 9: 27.88 };

describe("weighted draws", () => {
  const countsOf = (plan: SamplingPlan, rows: number, epochs: number) => {
    const counts = new Array<number>(rows).fill(0);
    for (let epoch = 0; epoch < epochs; epoch++) for (const row of epochOf(plan, epoch)) counts[row]!++;
    return counts;
  };
  const rest = { batchSize: 64, shards: 3, seed: 5 };

  it.each([1, 2, 3])("come as often as weights say, and never with weight 0 (seed %i)", (seed) => {
    const plan = planOf({ weights, samples: 2000 }, setOf(8), { ...rest, seed });
    const counts = countsOf(plan, 8, 5);
    const drawn = [1, 2, 3, 5, 6];
    expect(counts.filter((_, row) => !drawn.includes(row))).toEqual([0, 0, 0]);
    const expected = drawn.map((row) => (10_000 * weights[row]!) / 10);
    expect(
      chiSquare(
        drawn.map((row) => counts[row]!),
        expected,
      ),
    ).toBeLessThan(bounds[4]!);
  });

  it("draw all samples of equal weight alike", () => {
    const plan = planOf({ weights: () => 0.3, samples: 5000 }, setOf(10), rest);
    expect(chiSquare(countsOf(plan, 10, 2), new Array(10).fill(1000))).toBeLessThan(bounds[9]!);
  });

  it("balance: classes alike, and the samples of a class alike, whatever their numbers", () => {
    const labels = Int32Array.from({ length: 200 }, (_, i) => (i < 10 ? 7 : i < 60 ? 0 : -3));
    const set = storeSet("train", { label: labels }, allocate);
    const plan = planOf({ balance: "label", samples: 6000 }, set, rest);
    const counts = countsOf(plan, 200, 1);
    const inClass = [7, 0, -3].map((label) =>
      counts.reduce((sum, count, row) => sum + (labels[row] === label ? count : 0), 0),
    );
    expect(chiSquare(inClass, [2000, 2000, 2000])).toBeLessThan(bounds[2]!);
    expect(chiSquare(counts.slice(0, 10), new Array(10).fill(inClass[0]! / 10))).toBeLessThan(bounds[9]!);
  });

  it("successive draws, and epochs, are independent", () => {
    const plan = planOf({ weights: () => 1, samples: 4000 }, setOf(2), rest);
    const pairs = new Array<number>(4).fill(0);
    const [first, second] = [epochOf(plan, 0), epochOf(plan, 1)];
    first.forEach((row, i) => {
      if (i > 0) pairs[2 * first[i - 1]! + row]!++;
    });
    expect(chiSquare(pairs, new Array(4).fill(3999 / 4))).toBeLessThan(bounds[4]!);
    const same = first.filter((row, i) => row === second[i]).length;
    expect(chiSquare([same, 4000 - same], [2000, 2000])).toBeLessThan(bounds[1]!);
  });

  it("number the draws of an epoch, each once", () => {
    const plan = planOf({ weights, samples: 30 }, setOf(8), { batchSize: 7, shards: 3, seed: 1 });
    const sampler = new Sampler(plan);
    const into = new Int32Array(7);
    const numbers: number[] = [];
    for (let step = 5; step < 10; step++) {
      for (let shard = 0; shard < 3; shard++) {
        const count = sampler.shardSamples(step, shard, into);
        numbers.push(...upTo(count).map((i) => sampler.firstDraw(step, shard)! + i));
      }
    }
    expect(numbers).toEqual(upTo(30));
    expect(new Sampler(planOf({}, setOf(8), rest)).firstDraw(3, 0)).toBeUndefined();
  });

  it("take weights from a column, an array or a function alike, also of a part of a set", () => {
    const w = Float32Array.of(1, 2, 0, 3);
    const whole = storeSet("train", { x: new Float32Array(4), w }, allocate);
    const { offset } = allocate(8);
    heap().int32.set([1, 3], offset / 4);
    const part = { ...whole, samples: 2, subset: { rows: offset, of: 4 } };
    for (const set of [whole, part]) {
      const [a, b, c] = ["w", w, (i: number) => w[i]!].map((spec) =>
        epochOf(planOf({ weights: spec }, set, rest), 0).join(),
      );
      expect([b, c]).toEqual([a, a]);
    }
    const plan = planOf({ weights: "w", samples: 5000 }, part, rest);
    expect(chiSquare(countsOf(plan, 2, 1), [2000, 3000])).toBeLessThan(bounds[1]!);
  });
});

describe("says what is wrong with", () => {
  const set = () =>
    storeSet(
      "train",
      { x: { data: new Float32Array(8), shape: [2] }, w: Float32Array.of(1, 1, -1, 1) },
      allocate,
    );
  it.each<[name: string, sampling: unknown, message: RegExp]>([
    ["no object", 3, /sampling: got 3, expected an object, such as \{ shuffle/],
    [
      "an unknown part",
      { weigths: "w" },
      /sampling: there is no part "weigths"; did you mean weights\? There are shuffle, dropLast, byShard, weights/,
    ],
    ["a number for a boolean", { dropLast: 1 }, /dropLast is 1, expected a boolean/],
    ["two ways to weigh", { weights: "w", balance: "w" }, /weights and balance; give one/],
    ["draws in order", { weights: "w", shuffle: false }, /shuffle: false, but draws by weights are random/],
    ["a number of samples without draws", { samples: 3 }, /samples, which is for draws by weights/],
    ["no samples", { weights: "w", samples: 0 }, /samples is 0, expected an integer from 1/],
    ["a column that is not there", { weights: "v" }, /sampling.weights: there is no column v; there are \w/],
    ["a column of vectors", { weights: "x" }, /column x has 2 numbers per sample, expected one/],
    ["a weight below 0", { weights: "w" }, /sampling.weights: sample 2 has -1, expected a finite number of/],
    ["a weight that is none", { weights: () => Number.NaN }, /sample 0 has NaN, expected a finite number/],
    ["too few weights", { weights: [1, 2] }, /got 2 numbers for 4 samples; expected one for each/],
    ["weights that are 0", { weights: () => 0 }, /weights sum to 0, expected a finite number above 0/],
    ["classes that are fractions", { balance: [0, 1, 1.5, 0] }, /sample 2 has 1.5, expected an integer/],
  ])("%s", (_, sampling, message) => {
    const plan = () => planOf(sampling as Sampling, set(), { batchSize: 2, shards: 1, seed: 0 });
    expect(plan).toThrow(message);
    expect(plan).toThrow(JobError);
  });
});
