import { zeros } from "@shardgrad/core";
import { expect, it } from "vitest";
import type { Direction } from "../metrics/definition.ts";
import type { PlannedMetric } from "../metrics/plan.ts";
import type { EarlyStoppingRule } from "./early-stopping.ts";
import { checkEarlyStopping, EarlyStopping } from "./early-stopping.ts";

function planned(name: string, direction: Direction, cell: number): PlannedMetric {
  const cells = { address: 0, rows: 1, columns: 2 };
  return { name, direction, shape: [], cell, table: { kind: "perSample", cells } };
}

/** The epoch that ends a run with these values; 0 if none does. */
function lastEpoch(rule: EarlyStoppingRule, values: readonly number[], direction: Direction = "max"): number {
  const stopping = new EarlyStopping(rule, [planned("other", "max", 0), planned("m", direction, 1)]);
  return values.findIndex((value) => stopping.observe({ loss: value, metrics: [0, value] })) + 1;
}

it.each<
  [name: string, rule: Partial<EarlyStoppingRule>, values: number[], last: number, direction?: Direction]
>([
  ["a metric that rises goes on", {}, [1, 2, 3, 4], 0],
  ["standing still is no improvement", {}, [1, 2, 2, 2], 4],
  ["patience begins anew with each improvement", {}, [1, 0, 2, 1, 3, 2, 1], 7],
  ["nor is a gain of minDelta", { minDelta: 1 }, [1, 2, 2], 3],
  ["but more than that is, counted from the best", { minDelta: 1 }, [1, 1.75, 2.5, 3, 3], 5],
  ["a loss is to fall", { metric: "loss" }, [3, 2, 1, 2, 3], 5],
  ["a metric falls if it says so", {}, [-1, -2, -3], 0, "min"],
  ["NaN is no improvement", { patience: 3 }, [Number.NaN, Number.NaN, Number.NaN], 3],
  ["what follows it is", {}, [Number.NaN, -5, -4], 0],
])("%s", (_, rule, values, last, direction) => {
  expect(lastEpoch({ metric: "m", patience: 2, ...rule }, values, direction)).toBe(last);
});

it("says why", () => {
  const stopping = new EarlyStopping({ metric: "loss", patience: 1 }, []);
  stopping.observe({ loss: 0.5, metrics: [] });
  stopping.observe({ loss: 0.75, metrics: [] });
  expect(stopping.reason).toBe("loss was best, 0.5, in epoch 1, and has not improved in 1 epoch");
});

it.each([
  [null, "earlyStopping: got null, expected an object, such as { metric: … }"],
  [{ metric: "m", patience: 0 }, "earlyStopping patience is 0, expected an integer of at least 1"],
  [{ metric: 3, patience: 1 }, 'earlyStopping metric is 3, expected "loss" or the name of a metric'],
  [{ metric: "m", patience: 1, minDelta: -1 }, "earlyStopping minDelta is -1"],
  [
    { metric: "m", patience: 1, direction: "max" },
    'earlyStopping: there is no part "direction": it is the metric\'s to say',
  ],
  [{ metric: "n", patience: 1 }, 'earlyStopping looks at "n", expected one of loss, testLoss, m, silent'],
  [
    { metric: "silent", patience: 1 },
    'earlyStopping looks at "silent", which does not say whether more or less is better',
  ],
  [
    { metric: "m", patience: 1, mode: "min" },
    'earlyStopping: there is no part "mode": the direction is the metric\'s to say',
  ],
])("%o is refused", (rule, message) => {
  const perSample = () => zeros([1]);
  const metrics = { m: { perSample, direction: "max" as const }, silent: perSample };
  expect(() => checkEarlyStopping(rule, metrics)).toThrow(message);
});
