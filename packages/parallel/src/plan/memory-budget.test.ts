// The memory table of a run, and when the run is refused.
import { MemoryError } from "@shardgrad/core";
import { blockSize } from "@shardgrad/core/engine";
import { describe, expect, it } from "vitest";
import type { MemoryBudget } from "./memory-budget.ts";
import { budgetOf, describeRows, machineMemory, memoryRow, requireRoom } from "./memory-budget.ts";
import { workerBytes } from "./run-memory.ts";

const mebibyte = 1024 ** 2;
const gibibyte = 1024 ** 3;

const rows = [
  memoryRow("weights", 100 * mebibyte),
  memoryRow("gradients", 100 * mebibyte, 8, "shard"),
  memoryRow("average of the weights", 100 * mebibyte, 0),
  memoryRow("activations", 0.5 * gibibyte, 2, "worker"),
];
const room = { reachBytes: 4 * gibibyte, owner: "a process has" };
const budget = (more: Partial<MemoryBudget> = {}): MemoryBudget => ({
  ...budgetOf(rows, { freeBytes: 4 * gibibyte, workers: 2 }),
  besidesBytes: 0.25 * gibibyte,
  machineBytes: 16 * gibibyte,
  ...more,
});

it("has the largest first, and leaves out what there is not", () => {
  const { bytes, rows: listed } = budget();
  expect(listed.map(({ what }) => what)).toEqual(["activations", "gradients", "weights"]);
  expect(bytes).toBe(gibibyte + 900 * mebibyte);
  expect(describeRows(listed).split("\n")).toEqual([
    "  activations  2 workers × 512.0 MiB    1.0 GiB",
    "  gradients    8 shards × 100.0 MiB   800.0 MiB",
    "  weights                             100.0 MiB",
  ]);
});

describe("a run is refused", () => {
  it("if it does not fit into the shared memory", () => {
    expect(() => requireRoom(budget(), room)).not.toThrow();
    const tight = budget({ freeBytes: gibibyte });
    expect(() => requireRoom(tight, room)).toThrow(MemoryError);
    expect(() => requireRoom(tight, room)).toThrow(
      /^train: the run needs 1\.9 GiB of shared memory, but 1\.0 GiB of the 4\.0 GiB that a process has are free; most of it is activations: use a smaller batchSize, or fewer workers\n {2}activations/,
    );
  });

  it("if the machine, or the container, has less than that and what the process holds besides", () => {
    expect(() => requireRoom(budget({ machineBytes: 2.2 * gibibyte }), room)).not.toThrow();
    expect(() => requireRoom(budget({ machineBytes: 2 * gibibyte }), room)).toThrow(
      /^train: the run needs 2\.1 GiB of memory, but this machine, or container, has 2\.0 GiB; .*\n(?: {2}.*\n)* {2}the process itself +256\.0 MiB\n/,
    );
  });
});

describe("what snapshots on disk would save is told", () => {
  const message = (freeBytes: number, snapshotBytes: number) => {
    const more = [...rows, memoryRow("snapshots", snapshotBytes, 2, "snapshot")];
    const tight = { ...budget(), ...budgetOf(more, { freeBytes, workers: 2 }) };
    try {
      requireRoom(tight, room);
    } catch (error) {
      return (error as Error).message.split("\n")[0];
    }
    return undefined;
  };

  it("where that is a part of what is missing that counts", () => {
    expect(message(1.9 * gibibyte, 0.25 * gibibyte)).toMatch(
      /; most of it is activations: use a smaller batchSize, or fewer workers; snapshots: "disk" \(--snapshots disk\) saves 512\.0 MiB$/,
    );
    expect(message(gibibyte, 4 * mebibyte)).toMatch(/use a smaller batchSize, or fewer workers$/);
  });

  it("where they are most of it", () => {
    expect(message(gibibyte, 1.5 * gibibyte)).toMatch(
      /; most of it is snapshots: keep them in a file, or use a smaller model; snapshots: "disk" \(--snapshots disk\) saves 3\.0 GiB$/,
    );
  });
});

it("the limit of a container counts where it is one", () => {
  expect(machineMemory(100, 0)).toBe(100);
  expect(machineMemory(100, 2 ** 64)).toBe(100);
  expect(machineMemory(100, 40)).toBe(40);
});

describe("a worker gets", () => {
  const needing = (bytes: number) =>
    budgetOf([memoryRow("activations", bytes, 2, "worker")], { freeBytes: 0, workers: 2 });

  it("far more than it needs where there is much, and leaves half to other runs", () => {
    expect(workerBytes(needing(100 * mebibyte), 2, 4 * gibibyte)).toBe(464 * mebibyte);
    expect(workerBytes(needing(500 * mebibyte), 2, 4 * gibibyte)).toBe(gibibyte);
  });

  it("what it needs, and an eighth, where there is little", () => {
    expect(workerBytes(needing(800 * mebibyte), 2, 2 * gibibyte)).toBe(900 * mebibyte);
    expect(() => workerBytes(needing(800 * mebibyte), 2, gibibyte)).toThrow(
      /each of 2 workers needs 800\.0 MiB of shared memory, but 486\.4 MiB are left/,
    );
  });

  it("no more than the allocator can give, which rounds up", () => {
    for (let need = 1000 * mebibyte; need < 3600 * mebibyte; need += 7 * mebibyte) {
      for (const workers of [1, 2, 3]) {
        const free = 4 * gibibyte - 8 * mebibyte;
        if (blockSize(need) * workers > free) continue;
        const bytes = workerBytes(needing(need), workers, free);
        expect(bytes).toBeGreaterThanOrEqual(need);
        expect(blockSize(bytes) * workers, `${need} for ${workers}`).toBeLessThanOrEqual(free);
      }
    }
  });

  it("nothing for what it does not do", () => {
    const rows = [
      memoryRow("activations", gibibyte, 1, "worker"),
      memoryRow("evaluation", gibibyte, 0, "worker"),
    ];
    const budget = budgetOf(rows, { freeBytes: 0, workers: 1 });
    expect(workerBytes(budget, 1, 1.25 * gibibyte)).toBeLessThan(1.25 * gibibyte);
  });

  it("its part of half of what is free where nobody knows", () => {
    expect(workerBytes({ ...needing(0), complete: false }, 4, 4 * gibibyte)).toBe(gibibyte / 2);
  });
});
