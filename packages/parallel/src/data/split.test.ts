import { Storage } from "@shardgrad/core/engine";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JobError } from "../errors.ts";
import { rowsOf, storeSet } from "./columns.ts";
import type { Columns } from "./dataset.ts";
import type { HoldOut } from "./split.ts";
import { holdOutOf, holdOutRows, splitColumns } from "./split.ts";

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);
const anySeed = fc.maxSafeNat();

it("both parts together are all samples, each once, ascending", () => {
  const fraction = fc.double({ min: 0.05, max: 0.95, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 20, max: 400 }), fraction, anySeed, (samples, share, seed) => {
      const { train, test } = holdOutRows("splitColumns", samples, share, seed);
      expect([...train, ...test].sort((a, b) => a - b)).toEqual(upTo(samples));
      expect(test).toHaveLength(Math.round(samples * share));
      for (const rows of [train, test]) expect(rows).toEqual(rows.toSorted());
    }),
    { seed: 1 },
  );
});

it("folds are disjoint, together all samples, and differ by one sample at most", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 9, max: 200 }),
      fc.integer({ min: 2, max: 9 }),
      anySeed,
      (samples, folds, seed) => {
        const held = upTo(folds).map(
          (fold) => holdOutRows("splitColumns", samples, { folds, fold }, seed).test,
        );
        expect(held.flatMap((rows) => [...rows]).sort((a, b) => a - b)).toEqual(upTo(samples));
        const sizes = held.map((rows) => rows.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      },
    ),
    { seed: 2 },
  );
});

it("stratified, every class is held out by its share, but for less than one sample", () => {
  const labels = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 20, maxLength: 300 });
  const holdOut = fc.constantFrom<HoldOut>({ fraction: 0.1 }, { fraction: 0.37 }, { folds: 5, fold: 3 });
  fc.assert(
    fc.property(labels, holdOut, anySeed, (classes, spec, seed) => {
      const { test } = holdOutRows("splitColumns", classes.length, spec, seed, Float64Array.from(classes));
      const share = (spec as { folds?: number }).folds ? 1 / 5 : test.length / classes.length;
      for (const label of new Set(classes)) {
        const all = classes.filter((other) => other === label).length;
        const held = test.filter((row) => classes[row] === label).length;
        expect(Math.abs(held - all * share)).toBeLessThan(1);
      }
    }),
    { seed: 3 },
  );
});

it("depends on the seed alone, and holds each sample out equally often", () => {
  const held = new Array<number>(20).fill(0);
  const seen = new Set<string>();
  for (let seed = 0; seed < 2000; seed++) {
    const { test } = holdOutRows("splitColumns", 20, 0.25, seed);
    seen.add(test.join());
    for (const row of test) held[row]!++;
  }
  expect(seen.size).toBeGreaterThan(1500);
  expect(holdOutRows("splitColumns", 20, 0.25, 7)).toEqual(holdOutRows("splitColumns", 20, 0.25, 7));
  // 19 degrees of freedom, scaled for draws without replacement; 43.82 is exceeded with probability 0.001.
  const statistic = held.reduce((sum, count) => sum + (count - 500) ** 2 / (500 * 0.75), 0) * (19 / 20);
  expect(statistic).toBeLessThan(43.82);
});

describe("splitColumns", () => {
  const columns = {
    x: { data: Float32Array.from({ length: 40 }, (_, i) => i), shape: [2] },
    pixels: { data: Uint8Array.from({ length: 20 }, (_, i) => i), scale: 0.5 },
    y: Int32Array.from({ length: 20 }, (_, i) => i % 2),
  };

  it("copies the rows of every column, and keeps its kind", () => {
    const { train, test } = splitColumns(columns, 0.3, 5);
    const rows = holdOutRows("splitColumns", 20, 0.3, 5);
    expect(test.pixels).toEqual({ data: Uint8Array.from(rows.test), scale: 0.5 });
    expect(train.y).toEqual(Int32Array.from(rows.train, (row) => row % 2));
    const pairs = Float32Array.from([...rows.test].flatMap((row) => [2 * row, 2 * row + 1]));
    expect(test.x).toEqual({ data: pairs, shape: [2] });
  });

  it("gives the rows that a job's validation lists, also stratified", () => {
    const allocate = (bytes: number) => Storage.allocate(bytes, "split test");
    const spec = { fraction: 0.3, stratify: "y" } as const;
    const stored = holdOutOf(storeSet("train", columns, allocate), spec, 5, allocate);
    const copied = splitColumns(columns, spec, 5);
    for (const part of ["train", "test"] as const) {
      const rows = upTo(stored[part].samples).map(rowsOf(stored[part]));
      expect([...copied[part].pixels.data]).toEqual(rows);
    }
    expect(copied.test.y.filter((label) => label === 1)).toHaveLength(3);
  });

  it.each<[name: string, holdOut: unknown, message: RegExp]>([
    ["a fraction of 1", 1, /splitColumns: fraction is 1, expected a number above 0 and below 1/],
    ["no number", "0.1", /got 0.1, expected a fraction, \{ fraction \}, or \{ folds, fold \}/],
    ["an unknown part", { fraction: 0.1, by: "y" }, /no part "by"/],
    ["both ways", { fraction: 0.1, folds: 3, fold: 0 }, /fraction and folds; give one/],
    ["one fold", { folds: 1, fold: 0 }, /folds is 1, expected an integer of at least 2/],
    ["a fold too many", { folds: 3, fold: 3 }, /fold is 3, expected an integer from 0 to 2/],
    ["an empty part", 0.01, /of 20 samples 0 would be held out; both parts need at least one/],
    [
      "no such column",
      { fraction: 0.5, stratify: "z" },
      /stratify: there is no column z; there are x, pixels, y/,
    ],
    ["a column of vectors", { fraction: 0.5, stratify: "x" }, /column x has 2 numbers per sample/],
  ])("says what is wrong with %s", (_, holdOut, message) => {
    const call = () => splitColumns(columns as Columns, holdOut as HoldOut);
    expect(call).toThrow(message);
    expect(call).toThrow(JobError);
  });
});
