import { Storage } from "@shardgrad/core/engine";
import { afterEach, expect, it, vi } from "vitest";
import { planTable, rowOf } from "./float64-table.ts";
import { PhaseClock, phaseColumns, readPhases } from "./phase-clock.ts";

afterEach(() => vi.restoreAllMocks());

/** Two workers' clocks on one table, at given times. */
function twoClocks(sampled = false) {
  let nowMs = 0;
  vi.spyOn(performance, "now").mockImplementation(() => nowMs);
  const table = planTable((bytes) => Storage.allocate(bytes, "phase test"), 2, phaseColumns);
  for (const rank of [0, 1]) rowOf(table, rank).fill(0);
  const clocks = [0, 1].map((rank) => new PhaseClock(table, rank, { sampled }));
  return {
    clocks,
    at: (time: number, act: () => void) => {
      nowMs = time;
      act();
    },
    read: () => readPhases(table),
  };
}

it("tells waiting for the slowest from waking up", () => {
  const { clocks, at, read } = twoClocks();
  const [fast, slow] = clocks as [PhaseClock, PhaseClock];
  at(100, () => void [fast.start(), slow.start()]);
  at(100, () => void [fast.enter("forward"), slow.enter("forward")]);
  at(110, () => fast.enter("barrier"));
  at(130, () => slow.enter("barrier"));
  at(131, () => slow.leave());
  at(135, () => fast.leave());
  expect(read()[0]).toMatchObject({ forward: 10, wait: 20, wake: 5, other: 0 });
  expect(read()[1]).toMatchObject({ forward: 30, wait: 0, wake: 1, other: 0 });
});

it("lets a worker be a barrier ahead of one that has not looked yet", () => {
  const { clocks, at, read } = twoClocks();
  const [fast, slow] = clocks as [PhaseClock, PhaseClock];
  at(0, () => void [fast.start(), slow.start(), fast.enter("forward"), slow.enter("forward")]);
  at(10, () => slow.enter("barrier"));
  at(40, () => fast.enter("barrier"));
  at(40, () => fast.leave());
  at(41, () => fast.enter("reduce"));
  at(43, () => fast.enter("barrier")); // The next barrier, while `slow` is still in the last one.
  at(44, () => slow.leave());
  expect(read()[1]).toMatchObject({ forward: 10, wait: 30, wake: 4 });
  expect(read()[0]).toMatchObject({ forward: 40, reduce: 2, other: 1 });
});

it("counts the barriers of an evaluation as evaluation, so that the other phases are the steps' time", () => {
  const { clocks, at, read } = twoClocks();
  const [fast, slow] = clocks as [PhaseClock, PhaseClock];
  at(0, () => void [fast.start(), slow.start(), fast.enter("evaluate"), slow.enter("evaluate")]);
  at(10, () => fast.enter("barrier"));
  at(30, () => slow.enter("barrier"));
  at(32, () => void [fast.leave(), slow.leave()]);
  at(32, () => void [fast.enter("forward"), slow.enter("forward")]);
  expect(read()[0]).toMatchObject({ evaluate: 32, wait: 0, wake: 0 });
  expect(read()[1]).toMatchObject({ evaluate: 32, wait: 0, wake: 0 });
});

it("counts nothing before it is started", () => {
  const { clocks, at, read } = twoClocks();
  const [clock] = clocks as [PhaseClock, PhaseClock];
  at(5, () => clock.enter("forward"));
  at(9, () => void [clock.enter("barrier"), clock.leave()]);
  expect(Object.values(read()[0]!).every((ms) => ms === 0)).toBe(true);
});

it("in samples, a step counts for those since the last one, and an evaluation once", () => {
  const { clocks, at, read } = twoClocks(true);
  const [clock] = clocks as [PhaseClock, PhaseClock];
  at(0, () => void [clock.beginSample(0), clock.enter("forward")]);
  at(10, () => void [clock.endSample(), clock.beginSample(5), clock.enter("forward")]);
  at(13, () => clock.enter("update"));
  at(14, () => clock.endSample());
  at(20, () => clock.enter("evaluate"));
  at(27, () => void [clock.beginSample(0), clock.enter("forward")]);
  at(40, () => clock.endSample());
  expect(read()[0]).toMatchObject({ forward: 15, update: 5, evaluate: 7, other: 0 });
});

it("in samples, no clock is read in the other steps", () => {
  const { clocks } = twoClocks(true);
  const [clock] = clocks as [PhaseClock, PhaseClock];
  clock.beginSample(0);
  for (const phase of ["gather", "forward", "backward", "barrier"] as const) clock.enter(phase);
  clock.leave();
  clock.endSample();
  expect(performance.now).not.toHaveBeenCalled();
});
