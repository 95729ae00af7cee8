// When snapshots are due: at multiples; if not every step ends at a synchronization point, at the first one after a
// multiple.
import { heap, Storage } from "@shardgrad/core/engine";
import { expect, it } from "vitest";
import { planTable } from "../tables/float64-table.ts";
import { Control, controlBytes } from "../words/control.ts";
import type { Pauses } from "../words/pauses.ts";
import type { SnapshotSchedule } from "./snapshots.ts";
import { bestSlot, keepRefused, SnapshotWriter } from "./snapshots.ts";

const beat = () => undefined;
const place = "memory";
const allocate = (bytes: number) => Storage.allocate(bytes, "records");

/** Lets the disk progress whenever somebody waits for it. */
function drain(pauses: Pauses): void {
  for (const _ of pauses);
}

/** The numbers of steps, among those given, after which a snapshot is taken. */
function taken(schedule: SnapshotSchedule, steps: readonly number[], from = 0): number[] {
  const control = new Control(heap().int32, Storage.allocate(controlBytes(1), "control").offset);
  control.reset(1);
  const records = planTable(allocate, 3, 5);
  const plan = { ...schedule, arrays: [], slots: [0, 0, 0], records };
  const writer = new SnapshotWriter(plan, control, { share: [0, 1], step: from, beat });
  return steps.filter((step) => {
    drain(writer.decide(step, { ends: false, mayEnd: false }));
    if (!writer.wanted(false)) return false;
    writer.copy();
    writer.publish({ step, stepCount: step, lossSum: 0, weight: 0, skipped: 0 });
    // The coordinator has written it.
    control.store("checkpointSlot", 0);
    return true;
  });
}

const everyStep = Array.from({ length: 12 }, (_, i) => i + 1);
const synchronizations = [3, 5, 8, 10, 13, 15];

it("for recovery", () => {
  const schedule = { place, recovery: 4, checkpoints: undefined } as const;
  expect(taken(schedule, everyStep)).toEqual([4, 8, 12]);
  expect(taken(schedule, synchronizations)).toEqual([5, 8, 13]);
  expect(taken(schedule, [8, 10, 13], 5)).toEqual([8, 13]);
});

it("the last step is not missed while the disk is at one of two slots", () => {
  const control = new Control(heap().int32, Storage.allocate(controlBytes(1), "control").offset);
  control.reset(1);
  const records = planTable(allocate, 2, 5);
  const schedule = { place, recovery: "never", checkpoints: [1] } as const;
  const plan = { ...schedule, arrays: [], slots: [0, 0], records };
  const writer = new SnapshotWriter(plan, control, { share: [0, 1], step: 0, beat });
  const state = { stepCount: 0, lossSum: 0, weight: 0, skipped: 0 };
  for (const step of [1, 2]) {
    drain(writer.decide(step, { ends: false, mayEnd: true }));
    writer.copy();
    writer.publish({ step, ...state });
  }
  // The disk finishes the first, as the waiting worker sees.
  const load = control.load.bind(control);
  let looks = 0;
  control.load = (name) => {
    if (name === "checkpointSlot" && ++looks > 3) control.store("checkpointSlot", 0);
    return load(name);
  };
  drain(writer.decide(3, { ends: false, mayEnd: true }));
  expect(writer.wanted(false)).toBe(true);
});

it("for checkpoints", () => {
  const schedule = { place, recovery: "never", checkpoints: [5, 6] } as const;
  expect(taken(schedule, everyStep)).toEqual([5, 6, 10, 12]);
  expect(taken(schedule, synchronizations)).toEqual([5, 8, 10, 13, 15]);
});

it("the best one that the disk refused is handed over before each save that is due, once", () => {
  const control = new Control(heap().int32, Storage.allocate(controlBytes(1), "control").offset);
  control.reset(1);
  const records = planTable(allocate, 4, 5);
  const schedule = { place, recovery: "never", checkpoints: [4], bestOfEvery: 100 } as const;
  const plan = { ...schedule, arrays: [], slots: [0, 0, 0, 0], records };
  const writer = new SnapshotWriter(plan, control, { share: [0, 1], step: 0, beat });
  const refused = 3;
  keepRefused(plan, control, refused);
  /** What the disk gets after a step; it refuses the best one. */
  const handedOver = (step: number): "nothing" | "the refused one" | "a new one" => {
    drain(writer.decide(step, { ends: false, mayEnd: false }));
    if (writer.wanted(false)) {
      writer.copy();
      writer.publish({ step, stepCount: step, lossSum: 0, weight: 0, skipped: 0 });
    }
    const slot = control.load("checkpointSlot") - 1;
    if (slot === refused) keepRefused(plan, control, slot);
    control.store("checkpointSlot", 0);
    expect(bestSlot(control)).toBe(refused);
    return slot < 0 ? "nothing" : slot === refused ? "the refused one" : "a new one";
  };
  const told = [1, 3, 4, 5, 6, 8, 9, 10].map(handedOver);
  const [no, old, fresh] = ["nothing", "the refused one", "a new one"];
  expect(told).toEqual([no, no, old, fresh, no, old, fresh, no]);
  // A better one that waits is not replaced.
  control.store("bestSnapshot", 2);
  keepRefused(plan, control, refused);
  expect(bestSlot(control)).toBe(1);
});
