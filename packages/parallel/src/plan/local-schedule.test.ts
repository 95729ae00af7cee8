import { expect, it } from "vitest";
import { longestRound, nextSynchronization, planLocalSchedule } from "./local-schedule.ts";

const plain = { reduce: "workers", onNonFinite: undefined } as const;

it("shards synchronize every so many steps of an epoch, and at its end", () => {
  const synchronizations = (syncEvery: number) => {
    const found: number[] = [];
    for (let step = 0; step < 22; step = found.at(-1)!)
      found.push(nextSynchronization(step, { syncEvery, hogwild: false }, 11));
    return found;
  };
  expect(synchronizations(4)).toEqual([4, 8, 11, 15, 19, 22]);
  expect(synchronizations(1)).toEqual(Array.from({ length: 22 }, (_, i) => i + 1));
  expect(synchronizations(11)).toEqual([11, 22]);
  expect(synchronizations(500)).toEqual([11, 22]);
});

it("the synchronization after a step is the same from anywhere between two", () => {
  const schedule = { syncEvery: 4, hogwild: false };
  expect([4, 5, 6, 7].map((step) => nextSynchronization(step, schedule, 11))).toEqual([8, 8, 8, 8]);
  expect([8, 10, 11].map((step) => nextSynchronization(step, schedule, 11))).toEqual([11, 11, 15]);
  expect([longestRound(schedule, 11), longestRound(schedule, 3)]).toEqual([4, 3]);
});

it("there are none unless asked for, and with Hogwild every 100 steps if not said otherwise", () => {
  expect(planLocalSchedule({}, {}, plain)).toBeUndefined();
  expect(planLocalSchedule({ hogwild: false }, {}, plain)).toBeUndefined();
  expect(planLocalSchedule({ syncEvery: 3 }, {}, plain)).toEqual({ syncEvery: 3, hogwild: false });
  expect(planLocalSchedule({ hogwild: true }, {}, plain)).toEqual({ syncEvery: 100, hogwild: true });
  expect(planLocalSchedule({ hogwild: true, syncEvery: 7 }, {}, plain)).toEqual({
    syncEvery: 7,
    hogwild: true,
  });
});
