// Philox against the vectors that its authors publish (Random123, tests/kat_vectors), and what is built on it.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ValueError } from "./errors.ts";
import { drawnUnkeyed, Generator, Permutation, philox, stream } from "./random.ts";

type Words = [number, number, number, number];
const ones = 0xffffffff;

test.each<[counter: Words, key: [number, number], result: string]>([
  [[0, 0, 0, 0], [0, 0], "6627e8d5 e169c58d bc57ac4c 9b00dbd8"],
  [[ones, ones, ones, ones], [ones, ones], "408f276d 41c83b0e a20bc7c6 6d5451fd"],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    "d16cfe09 94fdcceb 5001e420 24126ea1",
  ],
])("philox of counter %j, key %j is %s", (counter, key, result) => {
  const out = new Uint32Array(4);
  philox(out, ...counter, ...key);
  expect(Array.from(out, (word) => word.toString(16).padStart(8, "0")).join(" ")).toBe(result);
});

test("Generator hands out whole blocks of four positions, however many", () => {
  const counts = [1, 4, 5, 0, 8, 2 ** 31, 2 ** 32 + 1, 1];
  const generator = new Generator(7);
  const starts = counts.map((count) => generator.take(count));
  expect(starts).toEqual([0, 4, 8, 16, 16, 24, 2 ** 31 + 24, 2 ** 31 + 2 ** 32 + 28]);
});

describe("Permutation", () => {
  const all = (length: number, seed = 1, epoch = 0, streamNumber?: number) => {
    const permutation = new Permutation(length, seed, epoch, streamNumber);
    return Array.from({ length }, (_, place) => permutation.at(place));
  };
  const isBijection = (values: number[]) =>
    values.every((value) => Number.isInteger(value) && value >= 0 && value < values.length) &&
    new Set(values).size === values.length;

  test.each([1, 2, 3, 4, 5, 7, 8, 9, 31, 97, 100, 127, 128, 1009, 60_000])("is a bijection for %i", (n) => {
    expect(all(n)).toSatisfy(isBijection);
  });

  test("is a bijection for any length, seed and epoch", () => {
    const seed = fc.maxSafeNat();
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), seed, fc.nat(), (length, ...key) => {
        expect(all(length, ...key)).toSatisfy(isBijection);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  test("computes any place by itself", () => {
    const permutation = new Permutation(1000, 3, 4);
    const forwards = Array.from({ length: 1000 }, (_, place) => permutation.at(place));
    const backwards = Array.from({ length: 1000 }, (_, i) => permutation.at(999 - i));
    expect(backwards.reverse()).toEqual(forwards);
  });

  test("differs by seed (all 53 bits), epoch and stream", () => {
    const variants = [
      all(100),
      all(100, 2),
      all(100, 1 + 2 ** 32),
      all(100, 1, 1),
      all(100, 1, 2),
      all(100, 1, 0, stream.split),
    ];
    expect(new Set(variants.map(String)).size).toBe(variants.length);
    expect(all(100)).toEqual(variants[0]);
  });

  /** How often each value stood at each place, over `each` epochs per place. */
  function countPlaces(length: number, each: number): number[] {
    const counts = new Array<number>(length * length).fill(0);
    for (let epoch = 0; epoch < each * length; epoch++) {
      all(length, 11, epoch).forEach((value, place) => {
        counts[place * length + value]!++;
      });
    }
    return counts;
  }

  // Six rounds leave a bias of up to 6 % on the smallest domains; noise has a deviation of 3 %.
  test.each([2, 3, 4, 5, 7, 11])("puts each of %i values at each place, within 20 % as often", (length) => {
    expect(countPlaces(length, 1000).filter((count) => count < 800 || count > 1200)).toEqual([]);
  });

  // Pearson's statistic has mean (n-1)² and a deviation of about √2 (n-1). Too regular is not random either.
  test.each([16, 50])("puts each of %i values at each place, as often as chance would", (length) => {
    const statistic = countPlaces(length, 100).reduce((sum, count) => sum + (count - 100) ** 2 / 100, 0);
    const deviations = (statistic - (length - 1) ** 2) / (Math.SQRT2 * (length - 1));
    expect(Math.abs(deviations)).toBeLessThan(4);
  });

  test("leaves few neighbours together", () => {
    const values = all(10_007);
    const together = values.filter((value, place) => Math.abs(value - (values[place + 1] ?? -9)) === 1);
    expect(together.length).toBeLessThan(15); // 2 are expected
  });
});

test("drawnUnkeyed finds generators that go on from where they stood", () => {
  const [own, restarted, carried] = [new Generator(1), new Generator(2), new Generator(3)];
  const draw = () => {
    for (const generator of [own, new Generator(4), restarted.restart(5), carried]) generator.take(1);
    return "drawn";
  };
  expect(drawnUnkeyed(own, draw)).toEqual({ result: "drawn", found: [carried] });
  carried.take(1);
  expect(drawnUnkeyed(carried, () => undefined).found).toEqual([]);
});

test.each<[message: string, call: () => unknown]>([
  ["Generator: seed -1", () => new Generator(-1)],
  ["Generator: seed 9007199254740992", () => new Generator(2 ** 53)],
  ["Permutation: seed 0.5", () => new Permutation(10, 0.5, 0)],
  ["Permutation: place 10, expected an integer from 0 to 9", () => new Permutation(10, 0, 0).at(10)],
  ["Permutation: place -1", () => new Permutation(10, 0, 0).at(-1)],
  ["Permutation: place 0", () => new Permutation(0, 0, 0).at(0)],
])("%s", (message, call) => {
  expect(call).toThrow(ValueError);
  expect(call).toThrow(message);
});
