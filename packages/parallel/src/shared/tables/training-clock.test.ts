import { Storage } from "@shardgrad/core/engine";
import { expect, it, vi } from "vitest";
import { planTable } from "./float64-table.ts";
import { rateOf, readThroughput, TrainingClock, throughputSize } from "./training-clock.ts";

it("counts time in steps alone, and the first two steps of a thread only if there are no others", () => {
  let nowMs = 0;
  const now = vi.spyOn(performance, "now").mockImplementation(() => nowMs);
  try {
    const { rows, columns } = throughputSize;
    const sums = planTable((bytes) => Storage.allocate(bytes, "test"), rows, columns);
    const rate = () => rateOf(readThroughput(sums));
    const step = (clock: TrainingClock, ms: number, steps = 1) => {
      clock.start();
      nowMs += ms;
      clock.stop(steps, 10 * steps);
      // An evaluation, or a snapshot.
      nowMs += 1000;
    };
    const clock = new TrainingClock(sums);
    expect(rate()).toBe(0);
    step(clock, 400);
    step(clock, 100);
    expect(rate()).toBe(40);
    expect(clock.closeEpoch()).toEqual({ samples: 20, ms: 500 });
    step(clock, 5);
    step(clock, 15);
    expect(rate()).toBe(1000);
    expect(clock.closeEpoch()).toEqual({ samples: 20, ms: 20 });
    // After a restart, repeated steps count, but those that record passes again do not.
    const restarted = new TrainingClock(sums);
    step(restarted, 700, 2);
    step(restarted, 40, 4);
    expect(rate()).toBe(1000);
    expect(restarted.closeEpoch()).toEqual({ samples: 40, ms: 40 });
    // Another worker of the run does not write its sums.
    step(new TrainingClock(undefined), 1);
    expect(rate()).toBe(1000);
  } finally {
    now.mockRestore();
  }
});
