// Finds slow workers in the test's own numbers.
import { expect, test } from "vitest";
import type { Pace } from "./stragglers.ts";
import { Stragglers } from "./stragglers.ts";

/** The work done after `steps` steps of 10 samples each, for workers that take so long per step. */
const after = (steps: number, ...msPerStep: number[]): Pace[] =>
  msPerStep.map((ms) => ({ computeMs: steps * ms, samples: steps * 10 }));

test("the slow one is named, with how slow it is against the median of the others", () => {
  const stragglers = new Stragglers();
  expect(stragglers.look(0, 0, after(0, 10, 32, 10, 11))).toEqual([]);
  expect(stragglers.look(49, 2000, after(49, 10, 32, 10, 11))).toEqual([]);
  expect(stragglers.look(50, 2050, after(50, 10, 32, 10, 11))).toEqual([
    { rank: 1, ratio: expect.closeTo(3.2, 9), steps: 50 },
  ]);
  // Once is enough.
  expect(stragglers.look(150, 6000, after(150, 10, 32, 10, 11))).toEqual([]);
});

test("of two workers the other one is the median", () => {
  const stragglers = new Stragglers();
  stragglers.look(100, 0, after(100, 5, 5));
  const now = after(200, 5, 5);
  now[0]!.computeMs += 1000;
  expect(stragglers.look(200, 3000, now)).toEqual([{ rank: 0, ratio: 3, steps: 100 }]);
});

test("more shards are no slowness", () => {
  const stragglers = new Stragglers();
  const paces = (steps: number): Pace[] => [
    { computeMs: steps * 20, samples: steps * 20 },
    { computeMs: steps * 10, samples: steps * 10 },
  ];
  stragglers.look(0, 0, paces(0));
  expect(stragglers.look(100, 3000, paces(100))).toEqual([]);
});

test("a short time says little, and a worker alone, or without samples, nothing", () => {
  const short = new Stragglers();
  short.look(0, 0, after(0, 1, 9));
  expect(short.look(1000, 900, after(1000, 0.1, 0.9))).toEqual([]);
  const alone = new Stragglers();
  alone.look(0, 0, after(0, 1));
  expect(alone.look(100, 5000, after(100, 9))).toEqual([]);
  const idle = new Stragglers();
  idle.look(0, 0, [{ computeMs: 0, samples: 0 }, ...after(0, 1)]);
  expect(idle.look(100, 5000, [{ computeMs: 1, samples: 0 }, ...after(100, 1)])).toEqual([]);
});

test("after a restart it begins anew", () => {
  const stragglers = new Stragglers();
  stragglers.look(100, 0, after(100, 1, 1));
  expect(stragglers.look(90, 2000, after(1, 9, 1))).toEqual([]);
  // From an earlier step, but past the last reading by the time of the next one.
  expect(stragglers.look(150, 3500, after(60, 9, 1))).toEqual([{ rank: 0, ratio: 9, steps: 60 }]);
});
