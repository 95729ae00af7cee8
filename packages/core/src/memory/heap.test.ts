// The heap of a thread: one memory, its views, and the stretch that the thread allocates from.
import { describe, expect, test } from "vitest";
import { MemoryError } from "../errors.ts";
import { Heap, heap, openHeap } from "./heap.ts";
import { Storage } from "./storage.ts";

const memory = new WebAssembly.Memory({ initial: 2, maximum: 2, shared: true });

test("its views show the same shared bytes", () => {
  const { float32, float64, int32, uint8, buffer } = new Heap({ memory });
  expect(buffer).toBeInstanceOf(SharedArrayBuffer);
  expect([float32, float64, int32, uint8].map((view) => view.byteLength)).toEqual(Array(4).fill(2 * 65536));
  float32[2] = 1;
  expect([int32[2], [...uint8.subarray(8, 12)]]).toEqual([0x3f800000, [0, 0, 0x80, 0x3f]]);
});

test.each<[name: string, base: number | undefined, bytes: number | undefined, first: number, last: number]>([
  ["all of the memory but offset 0", undefined, undefined, 1024, 131_072],
  ["a stretch", 4096, 8192, 4096, 12_288],
  ["a stretch that is not aligned", 4097, 8192, 4160, 12_288],
  ["all from some place on", 65_536, undefined, 65_536, 131_072],
])("%s", (_name, base, bytes, first, last) => {
  const { arena } = new Heap({ memory, ...(base && { base }), ...(bytes && { bytes }) });
  expect([arena.base, arena.base + arena.bytes]).toEqual([first, last]);
  expect(arena.allocate(64, "test")).toBe(first);
});

test("two heaps on stretches of one memory see each other's numbers", () => {
  const [a, b] = [
    new Heap({ memory, bytes: 1024, base: 1024 }),
    new Heap({ memory, bytes: 1024, base: 2048 }),
  ];
  const place = a.arena.allocate(64, "a") / 4;
  a.float32[place] = 42;
  expect(b.float32[place]).toBe(42);
  expect(b.arena.allocate(64, "b")).toBe(2048);
});

test("a thread has one heap, as large as the address space allows", () => {
  const first = heap();
  expect(heap()).toBe(first);
  expect(first.buffer.byteLength).toBeGreaterThanOrEqual(2 ** 26);
  expect(() => openHeap({ memory })).toThrow(MemoryError);
  expect(() => openHeap({ memory })).toThrow(
    "openHeap: this thread has a heap already; call it before the first",
  );
});

describe("Storage", () => {
  test("goes back with its last reference", () => {
    const { arena } = heap();
    const before = arena.live;
    const storage = Storage.allocate(100, "test");
    storage.retain();
    expect([storage.shared, arena.live - before]).toEqual([false, 128]);
    storage.retain();
    expect(storage.shared).toBe(true);
    storage.release();
    expect(arena.live - before).toBe(128);
    storage.release();
    expect(arena.live).toBe(before);
  });

  test("that is foreign is never freed", () => {
    const before = heap().arena.live;
    const storage = Storage.foreign(2048, 64);
    storage.retain();
    storage.release();
    expect(heap().arena.live).toBe(before);
  });
});
