// What a person reads of events that no short run has: the others are tested with the command itself.

import type { EndEvent, StartEvent, TrainEvent } from "@shardgrad/parallel";
import { expect, test } from "vitest";
import { linesOf } from "./event-lines.ts";

const start = { type: "start", workers: 4 } as StartEvent;

test.each<[event: TrainEvent, lines: string[]]>([
  [
    { type: "straggler", rank: 2, ratio: 2.345, steps: 50 },
    [
      "worker 2 is 2.3× slower than the median over 50 steps, and the others wait for it: is its core in use?",
    ],
  ],
  [
    {
      type: "restart",
      rank: 1,
      failedStep: 7,
      phase: "forward",
      message: "worker 1 failed",
      fromStep: 4,
      restart: 1,
      restarts: 3,
    },
    ["worker 1 failed; restarting from step 4 (1 of 3)"],
  ],
  [
    {
      type: "checkpoint",
      step: 8,
      epoch: 1,
      committed: "no",
      error: "checkpoint: the disk is full",
      removed: [],
      notes: ["a note"],
    },
    ["checkpoint  the disk is full", "a note"],
  ],
  [
    { type: "resume", step: 0, epoch: 0, changes: [], notes: ["step-3 is damaged"] },
    ["step-3 is damaged", "no checkpoint to resume from: starting from the beginning"],
  ],
  [{ type: "progress", step: 1, steps: 2, epoch: 1, samplesPerSecond: 10, waitShare: 0 }, []],
])("tells of %j", (event, lines) => expect(linesOf(event, { start })).toEqual(lines));

test("a run that waits much gets advice, unless it is over in a moment", () => {
  const hint = (seconds: number, waitShare: number) => {
    const end = {
      type: "end",
      steps: 9,
      samplesPerSecond: 1000,
      skipped: 0,
      metrics: {},
      weightsSha256: "ab",
    };
    const lines = linesOf({ ...end, seconds, waitShare } as unknown as EndEvent, {
      start: { ...start, batchSize: 2 },
    });
    return lines.filter((line) => line.includes("at the barrier"));
  };
  expect(hint(60, 0.4)).toEqual([expect.stringContaining("40 % of the time at the barrier")]);
  expect(hint(60, 0.2)).toEqual([]);
  expect(hint(0.5, 0.4)).toEqual([]);
});
