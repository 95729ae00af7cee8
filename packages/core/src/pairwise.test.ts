import fc from "fast-check";
import { expect, it } from "vitest";
import { foldPairwise, leftPart, sumPairwise } from "./pairwise.ts";

/** The largest aligned blocks, from left to right, that make up places `from` … `to`-1. */
function alignedBlocks(from: number, to: number): { from: number; size: number }[] {
  const blocks: { from: number; size: number }[] = [];
  for (let start = from; start < to; ) {
    let size = 1;
    while (start % (2 * size) === 0 && start + 2 * size <= to) size *= 2;
    blocks.push({ from: start, size });
    start += size;
  }
  return blocks;
}

interface Node {
  size: number;
  value: number;
}

/** The same sum by whoever has the blocks of some parts: a binary counter, which adds blocks of equal size as they come. */
function byCounter(nodes: readonly Node[]): number {
  const stack: Node[] = [];
  const merge = () => {
    const [left, right] = stack.splice(-2) as [Node, Node];
    stack.push({ size: left.size + right.size, value: left.value + right.value });
  };
  for (const node of nodes) {
    stack.push(node);
    while (stack.length > 1 && stack.at(-1)!.size === stack.at(-2)!.size) merge();
  }
  while (stack.length > 1) merge();
  return stack[0]?.value ?? 0;
}

const numbers = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 70 });

it("whatever contiguous parts compute the blocks, the sum has the same bits", () => {
  fc.assert(
    fc.property(
      numbers,
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 }),
      (x, parts) => {
        const cuts = [0, ...parts.map((part) => Math.round(part * x.length)), x.length].sort((a, b) => a - b);
        const nodes = cuts.slice(1).flatMap((to, part) =>
          alignedBlocks(cuts[part]!, to).map(({ from, size }) => ({
            size,
            value: sumPairwise(x, from, size),
          })),
        );
        expect(byCounter(nodes)).toBe(sumPairwise(x, 0, x.length));
      },
    ),
  );
});

it("a fold has the order of the sum, and what is missing keeps its place", () => {
  fc.assert(
    fc.property(numbers, fc.array(fc.boolean(), { minLength: 70, maxLength: 70 }), (x, there) => {
      const at = (place: number) => (there[place] ? { value: x[place]! } : undefined);
      const folded = foldPairwise(0, x.length, at, (a, b) => ({ value: a.value + b.value }));
      const kept = x.map((value, place) => (there[place] ? value : -0));
      if (folded) expect(folded.value).toBe(sumPairwise(kept, 0, kept.length));
      else expect(kept.every((value) => value === 0)).toBe(true);
    }),
  );
});

it("the order is that of the tree, not of a sequence", () => {
  const order = (count: number): string =>
    foldPairwise(
      0,
      count,
      (place) => ({ text: String(place) }),
      (a, b) => ({ text: `(${a.text}+${b.text})` }),
    )!.text;
  expect([1, 2, 3, 6, 7].map(order)).toEqual([
    "0",
    "(0+1)",
    "((0+1)+2)",
    "(((0+1)+(2+3))+(4+5))",
    "(((0+1)+(2+3))+((4+5)+6))",
  ]);
  expect([2, 3, 4, 5, 8, 9].map(leftPart)).toEqual([1, 2, 2, 4, 4, 8]);
  expect(alignedBlocks(3, 12)).toEqual([
    { from: 3, size: 1 },
    { from: 4, size: 4 },
    { from: 8, size: 4 },
  ]);
});

it("the sum of many is far more exact than one after another", () => {
  const values = Float32Array.from({ length: 512 }, (_, i) => 0.1 + Math.sin(i) * 1e-3);
  const exact = values.reduce((sum, value) => sum + value, 0);
  const rounded = (from: number, count: number): number =>
    count === 1
      ? values[from]!
      : Math.fround(
          rounded(from, leftPart(count)) + rounded(from + leftPart(count), count - leftPart(count)),
        );
  const inSequence = values.reduce((sum, value) => Math.fround(sum + value), 0);
  expect(Math.abs(rounded(0, 512) - exact)).toBeLessThan(Math.abs(inSequence - exact) / 4);
});
