// When snapshots are due: at multiples; if not every step ends at a synchronization point, at the first one after a
// multiple.
import { heap, Storage } from "@shardgrad/core/engine";
import { expect, it } from "vitest";
import { Control, controlBytes } from "./control.ts";
import { planTable } from "./float64-table.ts";
import type { Pauses } from "./pauses.ts";
import type { SnapshotSchedule } from "./snapshots.ts";
import { SnapshotWriter } from "./snapshots.ts";

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
  const writer = new SnapshotWriter(plan, control, { share: [0, 1], step: from });
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
  const schedule = { recovery: 4, checkpoints: undefined };
  expect(taken(schedule, everyStep)).toEqual([4, 8, 12]);
  expect(taken(schedule, synchronizations)).toEqual([5, 8, 13]);
  expect(taken(schedule, [8, 10, 13], 5)).toEqual([8, 13]);
});

it("the last step is not missed while the disk is at one of two slots", () => {
  const control = new Control(heap().int32, Storage.allocate(controlBytes(1), "control").offset);
  control.reset(1);
  const records = planTable(allocate, 2, 5);
  const plan = { recovery: "never" as const, checkpoints: [1], arrays: [], slots: [0, 0], records };
  const writer = new SnapshotWriter(plan, control, { share: [0, 1], step: 0 });
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
  const schedule = { recovery: "never" as const, checkpoints: [5, 6] };
  expect(taken(schedule, everyStep)).toEqual([5, 6, 10, 12]);
  expect(taken(schedule, synchronizations)).toEqual([5, 8, 10, 13, 15]);
});
