import { randn, stream } from "@shardgrad/core";
import { describe, expect, it } from "vitest";
import { drawsPerSample, SampleStream } from "./sample-random.ts";

/** Some numbers of one sample, drawn one by one, or as a tensor. */
type Draw = (key: number, epoch: number, options?: { seed?: number; random?: SampleStream }) => string;
const oneByOne: Draw = (key, epoch, { seed = 1, random = new SampleStream(seed, "training") } = {}) =>
  random.within(key, epoch, () => [random.uniform(), random.normal()].join());
const asTensor: Draw = (key, epoch, { seed = 1, random = new SampleStream(seed, "training") } = {}) =>
  random.within(key, epoch, () => randn([3]).toArray().join());

describe.each([
  ["one by one", oneByOne],
  ["as a tensor", asTensor],
])("drawn %s", (_, numbersOf) => {
  it("depend on seed, epoch, sample and purpose alone, not on what was drawn before", () => {
    const random = new SampleStream(1, "training");
    numbersOf(17, 3, { random });
    random.within(4, 0, () => [random.integer(5), random.integer(5)]);
    expect(numbersOf(5, 2, { random })).toBe(numbersOf(5, 2));
  });

  it("differ for every other sample, epoch, seed and purpose", () => {
    const last = 2 ** 31 - 1;
    const variants = [0, 1, 1023, 2 ** 20, last].flatMap((key) =>
      [0, 1, 2 ** 32 - 1].flatMap((epoch) => [
        ...[0, 1, 2 ** 32, 2 ** 53 - 1].map((seed) => numbersOf(key, epoch, { seed })),
        numbersOf(key, epoch, { random: new SampleStream(0, "evaluation") }),
      ]),
    );
    expect(new Set(variants).size).toBe(variants.length);
  });
});

it("tensors draw from the same stream, and never the same numbers again", () => {
  const random = new SampleStream(1, "training");
  random.within(3, 0, () => {
    const before = random.uniform();
    const drawn = [...randn([8]).toArray()];
    const after = [...randn([8]).toArray()];
    expect(new Set([before, ...drawn, ...after]).size).toBe(17);
  });
});

it("are uniform, normal, and integers evenly spread", () => {
  const random = new SampleStream(9, "training");
  const counts = new Array<number>(6).fill(0);
  const n = 12_000;
  let [sum, squares, uniform] = [0, 0, 0];
  random.within(0, 0, () => {
    for (let i = 0; i < n; i++) {
      counts[random.integer(6)]!++;
      const x = random.normal(3, 2);
      sum += x;
      squares += (x - 3) ** 2;
      const u = random.uniform(-1, 3);
      expect(u >= -1 && u < 3).toBe(true);
      uniform += u;
    }
  });
  // Pearson's statistic with 5 degrees of freedom exceeds 20.5 with probability 0.001.
  expect(counts.reduce((total, count) => total + (count - n / 6) ** 2 / (n / 6), 0)).toBeLessThan(20.5);
  // Within four standard deviations of the expected values.
  expect(Math.abs(sum / n - 3)).toBeLessThan((4 * 2) / Math.sqrt(n));
  expect(Math.abs(squares / n - 4)).toBeLessThan((4 * 4 * Math.SQRT2) / Math.sqrt(n));
  expect(Math.abs(uniform / n - 1)).toBeLessThan((4 * 4) / Math.sqrt(12 * n));
});

describe("says what is wrong", () => {
  const random = new SampleStream(0, "training");
  it("with a bound for integers", () => {
    expect(() => random.within(0, 0, () => random.integer(0))).toThrow(
      /rng.integer: got 0, expected an integer from 1 to 2\^32/,
    );
  });
  it("when a sample draws the numbers of the next", () => {
    expect(() => random.within(0, 0, () => randn([drawsPerSample]).dispose())).not.toThrow();
    expect(() => random.within(0, 0, () => randn([drawsPerSample + 1]).dispose())).toThrow(
      /a sample drew 4194308 random numbers, expected at most 4194304/,
    );
  });
});

it("has a stream of its own", () => {
  expect(Object.values(stream).filter((number) => number === stream.sample)).toHaveLength(1);
});
