import { expect, it } from "vitest";
import type { Measured } from "./rows.ts";
import { rowsOf, sameBits } from "./rows.ts";
import type { StepTime } from "./step-time.ts";
import { stepParts, stepTimeOf, totalOf } from "./step-time.ts";
import type { Turn } from "./turn.ts";

it("tells where a step's time goes, as a mean over the workers; the parts add up to the step", () => {
  const phases = { gather: 1, forward: 10, backward: 9, reduce: 4, update: 2, evaluate: 50, other: 1 };
  const time = stepTimeOf(
    [
      { ...phases, wait: 28, wake: 2 },
      { ...phases, forward: 30, wait: 8, wake: 0 },
    ],
    2,
  );
  // Per step, one worker computes 10 ms and the other 20, so the first one waits 5 ms more than the mean.
  expect(time).toEqual({ compute: 15, uneven: 5, wait: 4, reduce: 2, update: 1, barrier: 0.5, other: 0.5 });
  expect(totalOf(time)).toBe(28);
});

const noTime = Object.fromEntries(stepParts.map((part) => [part, 0])) as unknown as StepTime;
const turn = (msPerStep: number, batch = 100, weightsSha256 = "a"): Turn => ({
  msPerStep,
  samplesPerSecond: (batch / msPerStep) * 1000,
  time: noTime,
  backwardMs: 0,
  weightsSha256,
});
const turns = (...list: Turn[]) => new Map(list.map((each, round) => [round, each]));

const measured: Measured[] = [
  // Round 1 is twice as slow for everybody.
  {
    mode: "strong",
    workers: 1,
    batchSize: 100,
    shards: 2,
    turns: turns(turn(10), turn(20)),
    reason: undefined,
  },
  {
    mode: "strong",
    workers: 2,
    batchSize: 100,
    shards: 2,
    turns: turns(turn(5), turn(10)),
    reason: undefined,
  },
  {
    mode: "undivided",
    workers: 1,
    batchSize: 100,
    shards: 1,
    turns: turns(turn(8), turn(16)),
    reason: undefined,
  },
  { mode: "weak", workers: 2, batchSize: 200, shards: 2, turns: turns(turn(8, 200)), reason: "died" },
  { mode: "strong", workers: 4, batchSize: 100, shards: 2, turns: turns(), reason: "no memory" },
];
const gflops = new Map([
  [
    1,
    new Map([
      [0, 50],
      [1, 25],
    ]),
  ],
  [
    2,
    new Map([
      [0, 90],
      [1, 45],
    ]),
  ],
]);
const speed = (workers: number) => gflops.get(workers) ?? new Map<number, number>();

it("compares numbers of workers within rounds: speed-up, efficiency, limit", () => {
  const rows = rowsOf(measured, speed);
  expect(rows[0]).toMatchObject({ speedup: { median: 1, min: 1, max: 1 }, efficiency: 1 });
  expect(rows[1]).toMatchObject({
    rounds: 2,
    msPerStep: { median: 7.5, min: 5, max: 10 },
    samplesPerSecond: { median: 15_000, min: 10_000, max: 20_000 },
    speedup: { median: 2, min: 2, max: 2 },
    efficiency: 1,
    limit: { median: 1.8, min: 1.8, max: 1.8 },
  });
  expect(rows[2]!.speedup!.median).toBe(1.25);
  // Twice the samples in the time that one worker needs for its own batch.
  expect(rows[3]).toMatchObject({ speedup: { median: 2 }, rounds: 1, reason: "died" });
  expect(rows[4]).toMatchObject({
    msPerStep: null,
    speedup: null,
    time: null,
    limit: null,
    reason: "no memory",
  });
});

it("same bits: all numbers of workers that share the batch ended with the same weights, in all rounds", () => {
  const other = (row: Measured, ...list: Turn[]) => ({ ...row, turns: turns(...list) });
  const [one, two, undivided] = measured as [Measured, Measured, Measured];
  expect(sameBits(rowsOf(measured, speed))).toBe(true);
  expect(sameBits(rowsOf([one, two, other(undivided, turn(1, 1, "b"))], speed))).toBe(true);
  expect(sameBits(rowsOf([one, other(two, turn(5, 100, "b"))], speed))).toBe(false);
  expect(sameBits(rowsOf([one, other(two, turn(5), turn(5, 100, "b"))], speed))).toBe(false);
  expect(sameBits(rowsOf([one], speed))).toBeNull();
});
