import { expect, it } from "vitest";
import type { EarlyStoppingRule } from "./early-stopping.ts";
import { checkEarlyStopping, EarlyStopping } from "./early-stopping.ts";

/** The epoch after which a run with these values ends; 0 if it does not. */
function lastEpoch(rule: EarlyStoppingRule, values: readonly number[]): number {
  const stopping = new EarlyStopping(rule, ["other", "m"]);
  return values.findIndex((value) => stopping.observe({ loss: value, metrics: [0, value] })) + 1;
}

it.each<[name: string, rule: Partial<EarlyStoppingRule>, values: number[], last: number]>([
  ["a metric that rises goes on", {}, [1, 2, 3, 4], 0],
  ["standing still is no improvement", {}, [1, 2, 2, 2], 4],
  ["patience begins anew with each improvement", {}, [1, 0, 2, 1, 3, 2, 1], 7],
  ["nor is a gain of minDelta", { minDelta: 1 }, [1, 2, 2], 3],
  ["but more than that is, counted from the best", { minDelta: 1 }, [1, 1.75, 2.5, 3, 3], 5],
  ["a loss is to fall", { metric: "loss" }, [3, 2, 1, 2, 3], 5],
  ["unless said otherwise", { metric: "loss", direction: "max" }, [3, 2, 1], 3],
  ["a metric may fall", { direction: "min" }, [-1, -2, -3], 0],
  ["NaN is no improvement", { patience: 3 }, [Number.NaN, Number.NaN, Number.NaN], 3],
  ["what follows it is", {}, [Number.NaN, -5, -4], 0],
])("%s", (_, rule, values, last) => {
  expect(lastEpoch({ metric: "m", patience: 2, ...rule }, values)).toBe(last);
});

it("goes on from its state", () => {
  const rule = { metric: "loss", patience: 2 };
  const [before, after] = [new EarlyStopping(rule, []), new EarlyStopping(rule, [])];
  before.restore([0, 0, 0]);
  expect([3, 2, 2].map((loss) => before.observe({ loss, metrics: [] }))).toEqual([false, false, false]);
  expect(before.state).toEqual([2, 2, 3]);
  after.restore(Float64Array.from(before.state));
  expect(after.observe({ loss: 2.5, metrics: [] })).toBe(true);
  expect(after.reason).toMatch(/^loss was best, 2, in epoch 2/);
});

it("says why", () => {
  const stopping = new EarlyStopping({ metric: "loss", patience: 1 }, []);
  stopping.observe({ loss: 0.5, metrics: [] });
  stopping.observe({ loss: 0.75, metrics: [] });
  expect(stopping.reason).toBe("loss was best, 0.5, in epoch 1, and has not improved in 1 epoch");
});

it.each([
  [null, "earlyStopping is null, expected { metric, patience, minDelta, direction }"],
  [{ metric: "m", patience: 0 }, "earlyStopping patience is 0, expected an integer of at least 1"],
  [{ metric: 3, patience: 1 }, 'earlyStopping metric is 3, expected "loss" or the name of a metric'],
  [{ metric: "m", patience: 1, minDelta: -1 }, "earlyStopping minDelta is -1"],
  [{ metric: "m", patience: 1, direction: "up" }, 'earlyStopping direction is up, expected "min" or "max"'],
  [{ metric: "m", patience: 1, mode: "min" }, 'earlyStopping has no part "mode"'],
])("%o is refused", (rule, message) => {
  expect(() => checkEarlyStopping(rule)).toThrow(message);
});
