import { expect, it } from "vitest";
import { linePlot } from "./line-plot.ts";
import { spreadApart } from "./spread-apart.ts";
import { ticksTo } from "./ticks.ts";

it("puts ticks at round numbers, from 0 to beyond the largest value", () => {
  expect(ticksTo(5.25, 6)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(ticksTo(2, 6)).toEqual([0, 0.5, 1, 1.5, 2]);
  expect(ticksTo(16, 6)).toEqual([0, 5, 10, 15, 20]);
  expect(ticksTo(0, 6)).toEqual([0, 1]);
});

it("keeps labels apart, in their order, within bounds, and where they belong if there is room", () => {
  expect(spreadApart([10, 50, 90], 10, [0, 100])).toEqual([10, 50, 90]);
  expect(spreadApart([50, 50, 50], 10, [0, 100])).toEqual([50, 60, 70]);
  expect(spreadApart([99, 98, 97], 10, [0, 100])).toEqual([100, 90, 80]);
  expect(spreadApart([0, 0], 10, [0, 100])).toEqual([0, 10]);
});

it("refuses a plot of nothing", () => {
  expect(() => linePlot({ title: "", xLabel: "", yLabel: "", lines: [] })).toThrow("got no points");
});
