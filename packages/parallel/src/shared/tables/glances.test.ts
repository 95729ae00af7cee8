import { heap, Storage } from "@shardgrad/core/engine";
import { afterEach, expect, it, vi } from "vitest";
import { Control, controlBytes } from "../words/control.ts";
import { addToCell, planTable } from "./float64-table.ts";
import { GlanceReader, Glances, planGlances } from "./glances.ts";
import { throughputSize } from "./training-clock.ts";

function newRun() {
  const allocate = (bytes: number) => Storage.allocate(bytes, "glances test");
  const control = new Control(heap().int32, allocate(controlBytes(2)).offset);
  control.reset(2);
  const tables = {
    glances: planGlances(allocate, 1),
    waits: planTable(allocate, 2, 1),
    throughput: planTable(allocate, throughputSize.rows, throughputSize.columns),
  };
  for (const { address, rows, columns } of Object.values(tables))
    heap().float64.fill(0, address / 8, address / 8 + rows * columns);
  const reader = new GlanceReader(tables.glances, control);
  return { control, tables, reader, ranks: [0, 1].map(() => new Glances(control, tables)) };
}

const record = (loss: number) => ({ loss, gradNorm: 2, skipped: false, lrs: [0.1] });

it("looks at all of the first steps, then at one every 50 ms, on all workers alike", () => {
  const { reader, ranks } = newRun();
  const [first, second] = ranks as [Glances, Glances];
  const looked: number[] = [];
  for (let step = 1; step <= 456; step++) {
    const turns = ranks.map((glances) => glances.begin());
    expect(turns[0]).toBe(turns[1]);
    expect(first.now).toBe(second.now);
    if (first.now) looked.push(step);
    // A millisecond each.
    first.decide(step);
    first.note(step, record(step));
  }
  expect(looked.slice(0, 256)).toEqual(Array.from({ length: 256 }, (_, i) => i + 1));
  expect(looked.slice(257).map((step, i) => step - looked[i + 256]!)).toEqual([50, 50, 50]);
  const read = reader.read();
  expect(read.map(({ step }) => step)).toEqual(looked);
  expect(read.at(-1)).toMatchObject({ loss: looked.at(-1), gradNorm: 2, skipped: false, lrs: [0.1] });
  expect(reader.read()).toEqual([]);
});

it("in between no clock is read, and nothing is written", () => {
  const { control, ranks } = newRun();
  const [glances] = ranks as [Glances];
  for (let turn = 0; turn < 256; turn++) glances.begin();
  glances.decide(0);
  glances.begin();
  const [now, store] = [vi.spyOn(performance, "now"), vi.spyOn(control, "store")];
  glances.decide(1);
  expect(store.mock.calls).toEqual([["glance", 0]]);
  store.mockClear();
  for (let turn = 0; turn < 40; turn++) {
    glances.begin();
    glances.decide(2 + turn);
    glances.note(300 + turn, record(1));
  }
  expect([now.mock.calls, store.mock.calls]).toEqual([[], []]);
});

it("the times of a step stand for those since the last look; the first two record passes", () => {
  const { ranks } = newRun();
  const [glances] = ranks as [Glances];
  expect([1, 2, 3, 4].map(() => glances.begin())).toEqual([0, 0, 1, 1]);
  for (let turn = 5; turn <= 256; turn++) glances.begin();
  expect([glances.begin(), glances.begin()]).toEqual([0, 0]);
  glances.decide(0);
  expect(glances.begin()).toBe(3);
});

afterEach(() => vi.restoreAllMocks());

it("rates are those of all steps since the last look, and a restart's repeated steps are told once", () => {
  let nowMs = 0;
  vi.spyOn(performance, "now").mockImplementation(() => nowMs);
  const { tables, reader, ranks } = newRun();
  const [glances] = ranks as [Glances];
  const turn = (step: number, samples: number, ms: number) => {
    glances.begin();
    addToCell(tables.throughput, 1, 0, samples);
    addToCell(tables.throughput, 1, 1, ms);
    // One of two workers waits half of the time, also in the evaluation, which takes as long again.
    addToCell(tables.waits, 0, 0, ms);
    nowMs += 2 * ms;
    glances.note(step, record(1));
  };
  turn(1, 10, 100);
  turn(2, 30, 100);
  turn(1, 10, 100);
  turn(3, 10, 50);
  expect(
    reader.read().map(({ step, samplesPerSecond, waitShare }) => [step, samplesPerSecond, waitShare]),
  ).toEqual([
    [1, 100, 0.25],
    [2, 300, 0.25],
    [3, 200, 0.25],
  ]);
});

it("a reader that comes too late gets the newest half of the ring", () => {
  const { reader, control, tables } = newRun();
  for (let attempt = 0, step = 0; attempt < 5; attempt++) {
    const glances = new Glances(control, tables);
    for (let turn = 0; turn < 256; turn++) {
      glances.begin();
      glances.note(++step, record(step));
    }
  }
  const steps = reader.read().map(({ step }) => step);
  expect([steps[0], steps.at(-1), steps.length]).toEqual([769, 1280, 512]);
});
