// Rows of `scale` for tests, from the parts of a step alone.
import type { ScaleRow } from "../src/scale/rows.ts";
import type { StepTime } from "../src/scale/step-time.ts";
import { totalOf } from "../src/scale/step-time.ts";

const same = (value: number) => ({ median: value, min: value, max: value });

/** Numbers of workers, of which one is 1, that share a batch of 128 in 8 shards, without any noise. */
export function measuredRows(partsByWorkers: Readonly<Record<number, Partial<StepTime>>>): ScaleRow[] {
  const none = { compute: 0, uneven: 0, wait: 0, reduce: 0, update: 0, barrier: 0, other: 0 };
  const alone = totalOf({ ...none, ...partsByWorkers[1] });
  return Object.entries(partsByWorkers).map(([name, parts]): ScaleRow => {
    const workers = Number(name);
    const time = { ...none, ...parts };
    const ms = totalOf(time);
    return {
      mode: "strong",
      workers,
      batchSize: 128,
      shards: 8,
      rounds: 3,
      msPerStep: same(ms),
      samplesPerSecond: same((128 / ms) * 1000),
      speedup: same(alone / ms),
      efficiency: alone / ms / workers,
      limit: same(workers),
      time,
      backwardMs: time.compute / 2,
      weightsSha256: "0123456789abcdef".repeat(4),
      reason: null,
    };
  });
}
