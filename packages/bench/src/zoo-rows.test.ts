import { describeMachine } from "shardgrad/measure";
import { expect, it } from "vitest";
import { Entry } from "./entry.ts";
import { stepFlops } from "./network-sizes.ts";
import { zooModel } from "./zoo.ts";
import { modelReport, summaryReport } from "./zoo-report.ts";
import { rowsOf } from "./zoo-rows.ts";

const model = zooModel("mlp-tiny");
const machine = describeMachine({ noBlas: "no library" });
const launch = { reason: "not started here" };

/** An entry after turns of so many milliseconds per step. */
function entryWith(times: readonly number[], reason?: string): Entry {
  const entry = new Entry("somebody");
  for (const [round, ms] of times.entries()) {
    entry.msPerStep.set(round, ms);
    const idleShare = round === 2 ? 0.2 : 0.01;
    entry.turns.set(round, { ms, steps: 1, peakMemoryBytes: 1e8 + round, idleShare });
  }
  entry.reason = reason;
  return entry;
}

const measured = {
  model,
  contenders: [
    [{ who: "shardgrad-wasm", workers: 2, launch }, entryWith([1, 2, 1])],
    [{ who: "pytorch-1t", workers: 1, launch }, entryWith([3, 6, 5])],
    [{ who: "jax", workers: 2, launch }, entryWith([3, 4, 4])],
    [{ who: "jax-js", workers: 1, launch }, entryWith([], "not installed: no network")],
  ] as const,
  sgemm: {
    kernels: "wasm-relaxed",
    one: new Map([10, 10, 20].map((gflops, round) => [round, gflops])),
    all: new Map([15, 20, 40].map((gflops, round) => [round, gflops])),
  },
};

it("makes rows of the promised form", () => {
  const rows = JSON.parse(JSON.stringify(rowsOf(measured, machine)));
  const gflops = stepFlops(model.network, model.batch) / 1e6;
  expect(rows).toHaveLength(4);
  expect(rows[0]).toEqual({
    model: "mlp-tiny",
    who: "shardgrad-wasm",
    workers: 2,
    msPerStep: { median: 1, min: 1, max: 2 },
    rounds: 3,
    gflops,
    // 6.1/15, 3.1/20, 6.1/40: the median is within the rounds, too.
    peakShare: expect.closeTo(gflops / 40, 10),
    peakMemoryBytes: 1e8 + 2,
    ratio: { "pytorch-1t": { median: 3, min: 3, max: 5 }, jax: { median: 3, min: 2, max: 4 } },
    version: "",
    reason: null,
    idleShare: 0.2,
    sgemm: {
      kernels: "wasm-relaxed",
      oneCore: { median: 10, min: 10, max: 20 },
      gain: { median: 2, min: 1.5, max: 2 },
    },
    machine: JSON.parse(JSON.stringify(machine)),
  });
  expect(rows[1].ratio).toEqual({});
  const absent = { msPerStep: null, rounds: 0, gflops: null, peakShare: null, peakMemoryBytes: null };
  expect(rows[3]).toMatchObject({ ...absent, reason: "not installed: no network" });
});

it("tells all of it in tables", () => {
  const report = modelReport("mlp-tiny", rowsOf(measured, machine));
  expect(report).toMatch(/^## mlp-tiny\n\n23,860 parameters, batches of 64, SGD/);
  expect(report).toMatch(/\| shardgrad-wasm +\| +2 \| +1.00 \| 1.00 – 2.00 \|/);
  expect(report).toMatch(/\| shardgrad-wasm +\| +2 \| 3.00 \(3.00 – 5.00\) \|/);
  expect(report).toMatch(/\| times as fast as \| workers \| +pytorch-1t \| +jax \| +the best, jax \|/);
  expect(report).toMatch(/\| jax-js +\| +1 \| +– \|/);
  expect(report).toContain("- jax-js 1: not installed: no network");
  expect(report).toContain("- shardgrad-wasm 2 used up to 20 % of a core while others had their turn");
});

it("compares the quickest of ours with the best of all rivals, network by network", () => {
  const report = summaryReport(rowsOf(measured, machine));
  expect(report).toMatch(/^## Against the best of all rivals\n\n/);
  const line = report.split("\n").at(-1)!.split("|");
  expect(line.map((cell) => cell.trim()).filter(Boolean)).toEqual([
    "mlp-tiny",
    "shardgrad-wasm 2",
    "1.00",
    "jax 2",
    "4.00",
    "3.00 (2.00 – 4.00)",
  ]);
  expect(summaryReport(rowsOf({ ...measured, contenders: [] }, machine))).toBe("");
});
