// Runs whose simulated workers fail at every kind of moment, and which are stopped and resumed.
// simulation.slow.test.ts runs thousands.
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Mutations, Schedule } from "../../testing/simulated-run.ts";
import { scheduleOf, simulate } from "../../testing/simulated-run.ts";
import { doWhole, runSchedules } from "../../testing/simulated-schedules.ts";
import type { RunState } from "../shared/snapshots/snapshots.ts";
import { SnapshotWriter } from "../shared/snapshots/snapshots.ts";
import { Control } from "../shared/words/control.ts";

test("no schedule of 100 does anything wrong", async () => {
  // The schedules include every kind of end.
  for (const [kind, count] of Object.entries(await runSchedules(100, 100)))
    expect(count, kind).toBeGreaterThan(1);
});

test("the same seed is the same run", async () => {
  const shownOf = async (seed: number) => {
    const { end, ...told } = await simulate(scheduleOf(seed));
    return { ...told, end: end && { ...end, model: undefined } };
  };
  for (const seed of [3, 77, 500]) expect(await shownOf(seed)).toEqual(await shownOf(seed));
});

test("a worker that fails in a later attempt before it is prepared fails in that attempt's first step", async () => {
  const { restarts } = await simulate({
    ...scheduleOf(1),
    feature: "plain",
    workers: 3,
    steps: 12,
    restarts: 2,
    faults: [{ rank: 0, move: 74, kind: "die" }, { rank: 0, move: 0, kind: "throw null" }, undefined],
    stopMs: undefined,
    snapshots: "disk",
  });
  const [first, second] = restarts;
  expect(first!.fromStep).toBeGreaterThan(0);
  expect(second).toMatchObject({ failedStep: first!.fromStep + 1, fromStep: first!.fromStep, phase: "idle" });
});

describe("what is planted is found", () => {
  afterEach(() => void vi.restoreAllMocks());

  /** Only schedules where it can matter. */
  async function firstViolation(
    matters: (schedule: Schedule) => boolean,
    mutations: Mutations = {},
  ): Promise<string | undefined> {
    for (let seed = 1; seed <= 3000; seed++) {
      if (!matters(scheduleOf(seed))) continue;
      // The simulation's clock finds a run that never ends.
      const found = await doWhole(scheduleOf(seed), mutations).then(
        ({ found }) => found,
        (error) => [String(error)],
      );
      if (found.length > 0) return `seed ${seed}: ${found.join("; ")}`;
    }
    return undefined;
  }

  /** Mutation: reports snapshots with another state. */
  const tells = (other: (state: RunState) => Partial<RunState>) => () => {
    const { publish } = SnapshotWriter.prototype;
    vi.spyOn(SnapshotWriter.prototype, "publish").mockImplementation(function (
      this: SnapshotWriter,
      state,
      isBest,
    ) {
      publish.call(this, { ...state, ...other(state) }, isBest);
    });
  };
  const { copy, publish } = SnapshotWriter.prototype;
  const { store } = Control.prototype;

  const goesOn = ({ faults, restarts }: Schedule) => restarts > 0 && faults[0] !== undefined;
  const stops = (schedule: Schedule) => goesOn(schedule) && schedule.stopMs !== undefined;
  const endsEarly = ({ feature }: Schedule) => feature === "averaged by the coordinator, early";

  test.each<[string, (schedule: Schedule) => boolean, () => unknown, RegExp]>([
    [
      "a snapshot that is told before it is whole",
      goesOn,
      () =>
        vi.spyOn(SnapshotWriter.prototype, "copy").mockImplementation(function (this: SnapshotWriter) {
          publish.call(this, { step: 0, stepCount: 0, lossSum: 0, weight: 0, skipped: 0 });
          copy.call(this);
        }),
      /./,
    ],
    [
      "a snapshot of another step",
      goesOn,
      tells(({ step }) => ({ step: Math.max(0, step - 1) })),
      /weights are others|other weights|epochs/,
    ],
    ["a snapshot without the epoch's sum", goesOn, tells(() => ({ lossSum: 0 })), /epochs/],
    [
      "a snapshot of which slices are missing",
      goesOn,
      () => {
        vi.spyOn(SnapshotWriter.prototype, "copy").mockImplementation(() => undefined);
        vi.spyOn(SnapshotWriter.prototype, "publish").mockImplementation(function (
          this: SnapshotWriter,
          ...args
        ) {
          copy.call(this);
          publish.apply(this, args);
        });
      },
      /weights are others|other weights|epochs/,
    ],
    ["words that are not reset", goesOn, () => vi.spyOn(Control.prototype, "reset").mockReturnValue(), /./],
    [
      "a stop that comes before what was told",
      stops,
      () =>
        vi.spyOn(Control.prototype, "store").mockImplementation(function (this: Control, word, value) {
          store.call(this, word, word === "stopFrom" ? 0 : value);
        }),
      /a step that was told of was undone/,
    ],
    [
      "an early end that rank 0 keeps to itself",
      endsEarly,
      () =>
        vi.spyOn(Control.prototype, "store").mockImplementation(function (this: Control, word, value) {
          store.call(this, word, word === "endedEarly" ? 0 : value);
        }),
      /./,
    ],
  ])("%s", async (_, matters, plant, message) => {
    plant();
    expect(await firstViolation(matters)).toMatch(message);
  });

  test.each<[string, Mutations, RegExp]>([
    ["going back while workers still run", { endsTooEarly: true }, /./],
    ["a worker that hangs unnoticed", { stallMs: Number.POSITIVE_INFINITY }, /not over|deadlock/],
  ])("%s", async (_, mutations, message) => {
    expect(await firstViolation(goesOn, mutations)).toMatch(message);
  });
});
