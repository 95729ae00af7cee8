import { expect, it } from "vitest";
import { zooModel } from "../zoo.ts";
import { linksText, machinesRow, modelReport, summaryTable, transferMsOf } from "./machines-report.ts";
import { readRun, stepMsOf } from "./train-command.ts";
import { lengthOfTurn } from "./turn-length.ts";

const links = { machines: 2, bitsPerSecond: 1e9, delaySeconds: 0 };
const entry = (name: string, ...ms: number[]) => ({
  name,
  msPerStep: new Map(ms.map((value, round) => [round, value])),
  reason: undefined,
  checked: undefined,
});
const measured = {
  model: zooModel("mlp-large"),
  one: entry("one machine", 180, 200),
  computing: entry("a machine's part, without the network", 50, 100),
  own: entry("shardgrad", 80, 125),
  other: undefined,
  gloo: { ...entry("PyTorch DDP over gloo", 100, 100), prepared: undefined },
};

it("two machines send a gradient once, more of them up to twice, and every sum has two delays", () => {
  expect(transferMsOf(1e6, links)).toBe(8);
  expect(transferMsOf(1e6, { ...links, machines: 4 })).toBe(12);
  expect(transferMsOf(1e6, { ...links, delaySeconds: 5e-3 })).toBeCloseTo(18, 9);
  expect(transferMsOf(1e6, { ...links, bitsPerSecond: undefined })).toBe(0);
});

it("compares round by round, and with the longer of computing and transfer", () => {
  const row = machinesRow(measured, links);
  // 1,863,690 parameters.
  expect(row.gradientBytes).toBe(7_454_760);
  expect(row.transferMs).toBeCloseTo(59.638, 3);
  expect(row.ratios.shardgradToGloo).toEqual({ median: 1.025, min: 0.8, max: 1.25 });
  expect(row.ratios.speedup).toEqual({ median: 1.925, min: 1.6, max: 2.25 });
  expect(row.ratios.ofTheIdeal!.min).toBeCloseTo(59.638 / 80, 4);
  expect(row.ratios.ofTheIdeal!.max).toBe(0.8);
  // Computing, all that crosses the line at 94 % of it, less what the backward pass hides
  expect(row.predictedMs).toBeGreaterThan(75 + 59.638 / 0.9415 - 50);
  expect(row.predictedMs).toBeLessThan(75 + 59.638 / 0.9415 - 40);
  expect(row.msPerStep.shardgrad).toMatchObject({ rounds: 2, byRound: [80, 125], reason: null });
  expect(summaryTable([row])).toMatch(
    /\| mlp-large \| +7.45 MB \| +59.6 \| +75.0 \| +9\d.\d \| .* \| +1.02 \(0.800 – 1.25\) \| .* 77 % \(75 % – 80 %\) \|$/,
  );
});

it("shows another shardgrad beside it", () => {
  const row = machinesRow({ ...measured, other: entry("other shardgrad", 160, 250) }, links);
  expect(row.ratios).toMatchObject({ shardgradToOther: { median: 0.5 }, otherOfTheIdeal: { max: 0.4 } });
  expect(summaryTable([row])).toMatch(/ \| other \| +shardgrad \/ other \| +other's share \|\n/);
});

it("names those without numbers, and why", () => {
  const failed = { ...entry("shardgrad"), reason: "other weights than on one machine" };
  const row = machinesRow({ ...measured, own: failed }, links);
  expect(row.ratios).toMatchObject({ shardgradToGloo: null, speedup: null, ofTheIdeal: null });
  expect(modelReport(row)).toMatch(/\| shardgrad +\| +– \| +– \| +0 \|.*\n- shardgrad: other weights than/s);
  expect(linksText({ ...links, delaySeconds: 5e-3 })).toBe("2 machines, 1 Gbit/s, a delay of 5 ms each way");
});

it("times the epochs after the first ones, from a command's lines", () => {
  const lines = [
    { type: "start", kernels: "native" },
    ...[10, 50, 200].map((samplesPerSecond) => ({ type: "epoch", samplesPerSecond })),
    { type: "end", weightsSha256: "ab" },
  ];
  const run = readRun(`a line of the launcher\n${lines.map((line) => JSON.stringify(line)).join("\n")}\n`);
  expect(stepMsOf(run, 1, 10)).toBe((200 + 50) / 2);
  expect(() => readRun("")).toThrow("no start or end event");
});

it("turns last as long as asked for, after a warm-up", () => {
  expect(lengthOfTurn(5, 10)).toEqual({ warm: 50, steps: 500 });
  expect(lengthOfTurn(1, 2000)).toEqual({ warm: 2, steps: 4 });
});
