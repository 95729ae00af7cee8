import { expect, it } from "vitest";
import { stepTimeOf } from "./scaling/lost-time.ts";
import { planTurn } from "./turns.ts";

it("makes turns of about 0.3 s, of two steps at least, or of a single long one", () => {
  expect(planTurn(0.1)).toEqual({ warm: 1000, steps: 3000 });
  expect(planTurn(40)).toEqual({ warm: 3, steps: 8 });
  expect(planTurn(400)).toEqual({ warm: 1, steps: 2 });
  expect(planTurn(20_000)).toEqual({ warm: 0, steps: 1 });
});

it("tells where a step's time goes, as a mean over the workers", () => {
  const phases = { gather: 1, forward: 10, backward: 9, reduce: 4, update: 2, evaluate: 0, other: 1 };
  const phaseMs = [
    { ...phases, wait: 0, wake: 2 },
    { ...phases, forward: 30, wait: 8, wake: 0 },
  ];
  expect(stepTimeOf({ ms: 100, steps: 2, phaseMs })).toEqual({
    compute: 15,
    reduce: 2,
    update: 1,
    wait: 2,
    wake: 0.5,
    other: 0.5,
  });
});
