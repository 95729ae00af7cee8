import fc from "fast-check";
import { expect, it } from "vitest";
import { noSlots, planSlots, shardsOf } from "./gradient-slots.ts";

it("workers have all shards, each once, in order, and as many as others or one more", () => {
  for (const [shards, workers] of [
    [8, 3],
    [7, 7],
    [12, 5],
  ] as const) {
    const ranges = Array.from({ length: workers }, (_, rank) => shardsOf(shards, rank, workers));
    expect(ranges.flatMap(([from, to]) => Array.from({ length: to - from }, (_, i) => from + i))).toEqual(
      Array.from({ length: shards }, (_, shard) => shard),
    );
    const sizes = ranges.map(([from, to]) => to - from);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThan(2);
  }
});

it("the sums that are made on the way, and of what is left, are those of one worker", () => {
  const textOf = (shards: number, workers: number, addsUp: boolean) => {
    const { slotOf, merges, blocks, count } = planSlots(shards, workers, addsUp);
    const slots = new Array<string>(count).fill("");
    merges.forEach((after, shard) => {
      slots[slotOf[shard]!] = String(shard);
      for (const { left, right } of after) {
        slots[slotOf[left.from]!] = `(${slots[slotOf[left.from]!]}+${slots[slotOf[right.from]!]})`;
      }
    });
    // What is left, as the kernel adds it up: a block is a single shard among shards that bring nothing.
    const places = Array.from({ length: shards }, () => "");
    for (const { from } of blocks) places[from] = slots[slotOf[from]!]!;
    const fold = (from: number, size: number): string => {
      if (size === 1) return places[from]!;
      const half = 2 ** (31 - Math.clz32(size - 1));
      const [left, right] = [fold(from, half), fold(from + half, size - half)];
      return left && right ? `(${left}+${right})` : left || right;
    };
    return fold(0, shards);
  };
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 9 }),
      fc.boolean(),
      (shards, many, addsUp) => {
        const workers = Math.min(many, shards);
        expect(textOf(shards, workers, addsUp)).toBe(textOf(shards, 1, false));
      },
    ),
  );
});

it("slots grow with the logarithm of the shards of a worker", () => {
  expect([1, 2, 8, 64, 512].map((shards) => planSlots(shards, 1, true).count)).toEqual([1, 2, 4, 7, 10]);
  expect(planSlots(16, 2, true).count).toBe(8);
  expect(planSlots(16, 2, false).count).toBe(16);
});

it("shards that bring no gradients have one slot for all, and add nothing up", () => {
  expect(noSlots(3)).toEqual({
    count: 1,
    slotOf: [0, 0, 0],
    merges: [[], [], []],
    blocks: [0, 1, 2].map((from) => ({ from, size: 1 })),
  });
});
