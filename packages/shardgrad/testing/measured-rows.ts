// Rows of `scale` for tests, from the parts of a step alone, and a result that has them.
import type { ScaleRow } from "../src/scale/rows.ts";
import type { ScaleResult } from "../src/scale/scale.ts";
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

/** A measurement on four cores; `parts` replace what it has. */
export function measuredResult(rows: ScaleRow[], parts: Partial<ScaleResult>): ScaleResult {
  return {
    job: "file:///jobs/digits.ts",
    rows,
    sameBits: true,
    advice: [],
    rounds: 3,
    steps: { warm: 100, steps: 200 },
    parameters: 235_146,
    trainSamples: 8000,
    division: { batchSize: 128, microBatch: 128, workers: 4, shards: null },
    kernels: "wasm-relaxed",
    machine: {
      cpu: "a processor",
      cores: 4,
      memoryBytes: 2 ** 34,
      os: "linux 6.1",
      node: "v26.0.0",
      blas: { noBlas: "none" },
      loadBefore: 0.1,
      env: { OMP_NUM_THREADS: "1" },
    },
    ...parts,
  };
}
