import { describe, expect, test } from "vitest";
import { heap } from "../../memory/heap.ts";
import { Storage } from "../../memory/storage.ts";
import { philox } from "../../random.ts";
import type { KernelSet } from "../dispatch.ts";
import { useKernels } from "../dispatch.ts";
import { randomKernels } from "../families.ts";

const sizes = [0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129];
const best = useKernels("auto");
const sets: KernelSet[] = ["reference", "wasm-plain", best];

function bytes(count: number): number {
  const storage = Storage.allocate(count, "test");
  storage.retain();
  return storage.offset;
}

/** Seed 0x12345_89abcdef, shard 3, step 7, stream 3, first block just below a carry into the high word. */
const words = [0x89abcdef, 0x12345, 3, 7, 3, 0xfffffffd, 1, 0];
const cells = bytes(32);
heap().int32.set(
  words.map((word) => word | 0),
  cells / 4,
);

describe("random kernels", () => {
  test("dropoutMask reads the words of the documented counter", () => {
    const mask = bytes(160);
    const block = new Uint32Array(4);
    for (const set of sets) {
      useKernels(set);
      for (const threshold of [0, 1, 0x800000, 0xffffff, 0x1000000]) {
        for (const position of [0, 4, 12, 2 ** 34]) {
          for (const n of sizes) {
            heap().uint8.fill(7, mask, mask + 160);
            randomKernels("float32").dropoutMask(n, threshold, cells, position, mask);
            for (let i = 0; i < n; i++) {
              const index = 0x1_ffff_fffd + Math.floor((position + i) / 4);
              philox(block, index, 3 * 0x80000 + Math.floor(index / 2 ** 32), 7, 3, 0x89abcdef, 0x12345);
              expect(heap().uint8[mask + i]).toBe(block[(position + i) % 4]! >>> 8 >= threshold ? 1 : 0);
            }
            expect(heap().uint8[mask + n]).toBe(7);
          }
        }
      }
    }
  });

  test("dropout keeps and scales", () => {
    const mask = bytes(160);
    const x = bytes(640);
    const y = bytes(640);
    const special = [Number.NaN, Number.POSITIVE_INFINITY, -0, 1e-45, 3, -7.3];
    for (let i = 0; i < 130; i++) {
      heap().uint8[mask + i] = (i * 7) % 3;
      heap().float32[x / 4 + i] = special[i % special.length]!;
    }
    for (const set of sets) {
      useKernels(set);
      for (const n of sizes) {
        heap().float32.fill(9, y / 4, y / 4 + 160);
        randomKernels("float32").dropout(n, 1.1, x, mask, y);
        for (let i = 0; i < n; i++) {
          const kept = (i * 7) % 3 !== 0;
          const expected = kept ? Math.fround(heap().float32[x / 4 + i]! * Math.fround(1.1)) : 0;
          expect(heap().float32[y / 4 + i]).toBe(expected);
        }
        expect(heap().float32[y / 4 + n]).toBe(9);
      }
    }
  });
});
