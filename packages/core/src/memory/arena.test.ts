// The arena is arithmetic alone: no memory is touched, so that arenas of any size can be tested.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MemoryError } from "../errors.ts";
import { Arena, alignment, blockSize, formatBytes } from "./arena.ts";

const kibibyte = 1024;
const gibibyte = 1024 ** 3;

describe("blockSize", () => {
  const anySize = fc.oneof(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 0, max: 4 * gibibyte }));

  test("fits, is aligned, and wastes at most 12.5 % beyond eight cache lines", () => {
    fc.assert(
      fc.property(anySize, (bytes) => {
        const size = blockSize(bytes);
        expect(size).toBeGreaterThanOrEqual(Math.max(bytes, alignment));
        expect(size % alignment).toBe(0);
        expect(size).toBeLessThanOrEqual(Math.max(bytes + alignment, bytes * 1.125));
        expect(blockSize(size)).toBe(size);
      }),
      { seed: 1, numRuns: 1000 },
    );
  });

  test("has eight sizes per doubling", () => {
    const sizes = new Set(Array.from({ length: 1024 }, (_, i) => blockSize(1025 + i)));
    expect(sizes.size).toBe(8);
  });
});

/** What is done to the arena: allocate so many bytes, or free the block at this place of those that are held. */
type Step = { allocate: number } | { free: number };
const steps = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ allocate: fc.integer({ min: 0, max: 3000 }) }) },
    { weight: 2, arbitrary: fc.record({ free: fc.nat() }) },
  ),
  { maxLength: 120, size: "max" },
);

test("blocks are aligned, inside, and never overlap; all of the arena can be had again at the end", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), steps, (base, list: Step[]) => {
      const arena = new Arena(base, 32 * kibibyte);
      const held: { offset: number; bytes: number }[] = [];
      const live = () => held.reduce((sum, { bytes }) => sum + blockSize(bytes), 0);
      let peak = 0;
      for (const step of list) {
        if ("free" in step) {
          const [block] = held.splice(step.free % Math.max(1, held.length), 1);
          if (block) arena.free(block.offset, block.bytes, "block");
        } else {
          const bytes = step.allocate;
          let offset: number;
          try {
            offset = arena.allocate(bytes, "block");
          } catch (error) {
            expect(error).toBeInstanceOf(MemoryError);
            expect(arena.largestFree()).toBeLessThan(blockSize(bytes));
            continue;
          }
          const end = offset + blockSize(bytes);
          expect(offset % alignment).toBe(0);
          expect(offset >= base && end <= base + 32 * kibibyte).toBe(true);
          expect(held.filter((other) => other.offset < end && offset < other.offset + other.bytes)).toEqual(
            [],
          );
          held.push({ offset, bytes });
          peak = Math.max(peak, live());
        }
        expect([arena.live, arena.peak]).toEqual([live(), peak]);
      }
      for (const { offset, bytes } of held) arena.free(offset, bytes, "block");
      expect([arena.live, arena.largestFree()]).toEqual([0, arena.bytes]);
    }),
    { seed: 1, numRuns: 300 },
  );
});

test("the same sizes give the same blocks every time round", () => {
  const arena = new Arena(64, gibibyte);
  const round = () => {
    const sizes = [100, 4000, 100, 70_000];
    const offsets = sizes.map((bytes) => arena.allocate(bytes, "step"));
    offsets.forEach((offset, i) => {
      arena.free(offset, sizes[i]!, "step");
    });
    return new Set(offsets);
  };
  const first = round();
  for (let i = 0; i < 100; i++) expect(round()).toEqual(first);
  expect(arena.peak).toBe([100, 4000, 100, 70_000].reduce((sum, bytes) => sum + blockSize(bytes), 0));
});

test("freed neighbours merge, so that one big block can be had", () => {
  const arena = new Arena(64, 64 * kibibyte);
  const offsets = Array.from({ length: 64 }, () => arena.allocate(kibibyte, "small"));
  for (const offset of offsets.filter((_, i) => i % 2 === 0)) arena.free(offset, kibibyte, "small");
  expect(() => arena.allocate(2 * kibibyte, "big")).toThrow(MemoryError);
  for (const offset of offsets.filter((_, i) => i % 2 === 1)) arena.free(offset, kibibyte, "small");
  expect(arena.allocate(64 * kibibyte, "big")).toBe(64);
});

test("free lists that hold far more than is live are merged on their own", () => {
  const arena = new Arena(64, 4 * gibibyte);
  const sizes = Array.from({ length: 40 }, (_, i) => (i + 1) * 1024 ** 2);
  const offsets = sizes.map((bytes) => arena.allocate(bytes, "many sizes"));
  sizes.forEach((bytes, i) => {
    arena.free(offsets[i]!, bytes, "many sizes");
  });
  // Carved from the merged start, not behind everything that had been handed out.
  expect(arena.allocate(41 * 1024 ** 2, "one more")).toBe(64);
});

test("it can be extended; what is allocated keeps its place, and the rest is one span", () => {
  const arena = new Arena(64, 64 * kibibyte);
  const [first, second] = [0, 1].map(() => arena.allocate(8 * kibibyte, "kept")) as [number, number];
  arena.free(first, 8 * kibibyte, "kept");
  expect(arena.used()).toEqual([{ offset: second, bytes: 8 * kibibyte }]);
  arena.extendTo(6 * gibibyte);
  expect(arena.base + arena.bytes).toBe(6 * gibibyte);
  expect(arena.used()).toEqual([{ offset: second, bytes: 8 * kibibyte }]);
  expect(arena.allocate(5 * gibibyte, "beyond")).toBe(second + 8 * kibibyte);
  expect(arena.allocate(8 * kibibyte, "kept")).toBe(first);
});

describe("the error when memory runs out", () => {
  test("says what was asked, what is held and by whom, largest first, and what to do", () => {
    const arena = new Arena(64, 64 * kibibyte);
    arena.allocate(8 * kibibyte, "bias");
    arena.allocate(20 * kibibyte, "conv2d");
    arena.allocate(20 * kibibyte, "conv2d");
    arena.free(arena.allocate(4 * kibibyte, "gone"), 4 * kibibyte, "gone");
    const ask = () => arena.allocate(30 * kibibyte, "matmul");
    expect(ask).toThrow(MemoryError);
    expect(ask).toThrow(
      "matmul: asked for 30.0 KiB, but 48.0 KiB of 64.0 KiB are held (conv2d 40.0 KiB, bias 8.0 KiB); use a smaller batch, wrap",
    );
  });

  test("says where no smaller batch would help", () => {
    const ask = () => new Arena(64, 64 * kibibyte).allocate(100 * kibibyte, "full");
    expect(ask).toThrow(
      "full: asked for 100.0 KiB, more than the 64.0 KiB there are in all; use smaller tensors",
    );
  });

  test.each<[bytes: number, text: string]>([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.0 KiB"],
    [1.5 * 1024 ** 2, "1.5 MiB"],
    [4 * gibibyte, "4.0 GiB"],
    [5000 * gibibyte, "5000.0 GiB"],
  ])("writes %i bytes as %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});
