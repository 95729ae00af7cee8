// Copies of the run's arrays in memory and in a file: what is stored comes back, whoever stored which part of it.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { heap, Storage } from "@shardgrad/core/engine";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SnapshotError } from "../../errors.ts";
import type { SharedArray, SlotPlan, SnapshotsChoice } from "./snapshot-slots.ts";
import { bytesInSlot, restoreSlot, slotBytes, storeSlot } from "./snapshot-slots.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "shardgrad-slots-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const reserve = (bytes: number): SharedArray => {
  const storage = Storage.allocate(bytes, "test");
  storage.retain();
  return { address: storage.offset, bytes };
};

const bytesOf = ({ address, bytes }: SharedArray) => heap().uint8.subarray(address, address + bytes);
const fill = (arrays: readonly SharedArray[], seed: number) => {
  for (const array of arrays) {
    const bytes = bytesOf(array);
    for (let i = 0; i < bytes.length; i++) bytes[i] = (i * seed + (i >> 9)) % 251;
  }
};
const copyOf = (arrays: readonly SharedArray[]) => arrays.map((array) => Buffer.from(bytesOf(array)));

/** Two slots for arrays of which one is longer than a piece, and one no whole number of cache lines. */
function planOf(place: SnapshotsChoice): SlotPlan {
  const arrays = [64, 3 * 2 ** 20 + 192, 20].map(reserve);
  const bytes = slotBytes(arrays);
  if (place === "memory") return { place, arrays, slots: [reserve(bytes).address, reserve(bytes).address] };
  if (place === "off") return { place, arrays, slots: [0] };
  const path = join(folder, "slots");
  writeFileSync(path, "");
  return { place, arrays, slots: [0, bytes], file: { path, folder } };
}

describe.each(["memory", "disk"] as const)("slots in %s", (place) => {
  it("hold what all workers have stored, each its share", () => {
    const plan = planOf(place);
    const { arrays } = plan;
    let beats = 0;
    const stored = [0, 1].map((slot) => {
      fill(arrays, 3 + slot);
      for (const rank of [2, 0, 1]) storeSlot(plan, slot, [rank, 3], () => void beats++);
      return copyOf(arrays);
    });
    expect(stored[0]).not.toEqual(stored[1]);
    for (const slot of [0, 1]) {
      fill(arrays, 7);
      restoreSlot(plan, slot);
      expect(copyOf(arrays)).toEqual(stored[slot]);
    }
    expect(beats > 0).toBe(place === "disk");
  });

  it("give the bytes of any range, in pieces, while the arrays go on", () => {
    const plan = planOf(place);
    fill(plan.arrays, 5);
    const [, long] = plan.arrays;
    const range = { address: long!.address + 64, bytes: 2 ** 21 + 100 };
    const expected = Buffer.from(bytesOf(range));
    storeSlot(plan, 1, [0, 1], () => undefined);
    fill(plan.arrays, 7);
    // A piece is only valid until the next one is asked for.
    const found = Array.from(bytesInSlot(plan, 1, range), (piece) => Buffer.from(piece));
    expect(Buffer.compare(Buffer.concat(found), expected)).toBe(0);
    if (place === "disk") expect(Math.max(...found.map(({ length }) => length))).toBe(2 ** 20);
  });

  it("give what is there of a range that is in no array", () => {
    const constant = reserve(32);
    fill([constant], 11);
    const [found] = bytesInSlot(planOf(place), 0, constant);
    expect(Buffer.from(found!)).toEqual(Buffer.from(bytesOf(constant)));
  });
});

it("no slots: what is read is what the arrays hold now", () => {
  const plan = planOf("off");
  storeSlot(plan, 0, [0, 1], () => undefined);
  fill(plan.arrays, 9);
  const [, long] = plan.arrays;
  expect(Buffer.concat([...bytesInSlot(plan, 0, long!)])).toEqual(Buffer.from(bytesOf(long!)));
});

describe("what the disk refuses is told in one line", () => {
  const refused = (doing: string) =>
    new RegExp(
      `^train: cannot ${doing} snapshots in .*: .*; make room there, or set TMPDIR to another folder$`,
    );

  it("in writing", () => {
    const plan = planOf("disk");
    plan.file = { path: join(folder, "missing"), folder };
    const store = () => storeSlot(plan, 0, [0, 1], () => undefined);
    expect(store).toThrow(SnapshotError);
    expect(store).toThrow(refused("write"));
  });

  it("in reading what is not there", () => {
    const plan = planOf("disk");
    expect(() => restoreSlot(plan, 0)).toThrow(SnapshotError);
    expect(() => restoreSlot(plan, 0)).toThrow(refused("read"));
    expect(() => [...bytesInSlot(plan, 0, plan.arrays[1]!)]).toThrow(/the file was cut off/);
  });
});
