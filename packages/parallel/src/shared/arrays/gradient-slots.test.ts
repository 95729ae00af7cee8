import fc from "fast-check";
import { expect, it } from "vitest";
import { noSlots, planSlots } from "./gradient-slots.ts";
import { alone, shardsOfMachine, shardsOfWorker } from "./machines.ts";

it("workers have all shards, each once, in order, and as many as others or one more", () => {
  for (const [shards, workers] of [
    [8, 3],
    [7, 7],
    [12, 5],
  ] as const) {
    const ranges = Array.from({ length: workers }, (_, rank) => shardsOfWorker(shards, alone(workers), rank));
    expect(ranges.flatMap(([from, to]) => Array.from({ length: to - from }, (_, i) => from + i))).toEqual(
      Array.from({ length: shards }, (_, shard) => shard),
    );
    const sizes = ranges.map(([from, to]) => to - from);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThan(2);
  }
});

it("machines have contiguous shards, those of their workers", () => {
  for (const [shards, workers] of [
    [8, [1, 2]],
    [13, [3, 1, 2]],
    [4, [1, 1, 1, 1]],
  ] as const) {
    workers.forEach((count, machine) => {
      const machines = { machine, workers };
      const ranges = Array.from({ length: count }, (_, rank) => shardsOfWorker(shards, machines, rank));
      expect([ranges[0]![0], ranges.at(-1)![1]]).toEqual(shardsOfMachine(shards, machines));
    });
  }
});

/** The sum of all shards as text, with a pair of parentheses for each addition, in the order in which it is computed. */
function sumOf(shards: number, workers: readonly number[], addsUp: boolean): string {
  const places = Array.from({ length: shards }, () => "");
  workers.forEach((_, machine) => {
    const plan = planSlots(shards, { machine, workers }, addsUp);
    const { slotOf, merges, together, blocks, blocksOf, count } = plan;
    const slots = new Array<string>(count).fill("");
    const add = ({ left, right }: (typeof together)[number]) => {
      slots[slotOf[left.from]!] = `(${slots[slotOf[left.from]!]}+${slots[slotOf[right.from]!]})`;
    };
    merges.forEach((after, shard) => {
      if (slotOf[shard] !== undefined) slots[slotOf[shard]] = String(shard);
      after.forEach(add);
    });
    together.forEach(add);
    // What is left, as the kernel adds it up: a block is a single shard among shards that bring nothing.
    for (const { from } of workers.length > 1 ? blocksOf[machine]! : blocks)
      places[from] = slots[slotOf[from]!]!;
  });
  const fold = (from: number, size: number): string => {
    if (size === 1) return places[from]!;
    const half = 2 ** (31 - Math.clz32(size - 1));
    const [left, right] = [fold(from, half), fold(from + half, size - half)];
    return left && right ? `(${left}+${right})` : left || right;
  };
  return fold(0, shards);
}

it("the sums that are made on the way, and of what is left, are those of one worker, on any machines", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 }),
      fc.boolean(),
      (shards, many, addsUp) => {
        let left = shards;
        const workers = many.map((count) => {
          const taken = Math.min(count, left);
          left -= taken;
          return taken;
        });
        const used = workers.filter((count) => count > 0);
        expect(sumOf(shards, used, addsUp)).toBe(sumOf(shards, [1], false));
      },
    ),
  );
});

it("a machine sends few blocks: one if its shards are aligned", () => {
  const blocksOf = (shards: number, workers: number[]) =>
    planSlots(shards, { machine: 0, workers }, true).blocksOf.map((blocks) => blocks.length);
  expect(blocksOf(8, [2, 2])).toEqual([1, 1]);
  expect(blocksOf(64, [1, 1, 1, 1])).toEqual([1, 1, 1, 1]);
  expect(blocksOf(12, [1, 1, 1])).toEqual([1, 1, 1]);
  expect(Math.max(...blocksOf(1000, [1, 1, 1, 1, 1, 1, 1]))).toBeLessThan(2 * Math.log2(1000 / 7));
});

it("slots grow with the logarithm of the shards of a worker", () => {
  expect([1, 2, 8, 64, 512].map((shards) => planSlots(shards, alone(1), true).count)).toEqual([
    1, 2, 4, 7, 10,
  ]);
  expect(planSlots(16, alone(2), true).count).toBe(8);
  expect(planSlots(16, alone(2), false).count).toBe(16);
});

it("shards that bring no gradients have one slot for all, and add nothing up", () => {
  expect(noSlots(3)).toEqual({
    count: 1,
    slotOf: [0, 0, 0],
    merges: [[], [], []],
    together: [],
    blocksOf: [],
    blocks: [0, 1, 2].map((from) => ({ from, size: 1 })),
  });
});
