// How long a machine computes for its part of a batch, from the parts that were measured.
import type { ScaleResult } from "../scale/scale.ts";

interface Point {
  samples: number;
  stepMs: number;
  backwardMs: number;
}

/** Milliseconds of a step of so many samples on one machine, and of its backward passes. */
export interface LocalTimes {
  stepMs(samples: number): number;
  backwardMs(samples: number): number;
}

/** On straight lines between at least two points, which are sorted; beyond them, on the nearest line. */
function interpolate(points: readonly Point[], samples: number, value: (point: Point) => number): number {
  const found = points.findIndex((point) => point.samples >= samples);
  const right = found === -1 ? points.length - 1 : Math.max(1, found);
  const [a, b] = [points[right - 1]!, points[right]!];
  // In this form, points have exactly the value that was measured.
  const share = (samples - a.samples) / (b.samples - a.samples);
  return Math.max(0, (1 - share) * value(a) + share * value(b));
}

/** Undefined if no step of that many workers was measured. */
export function localTimes({
  rows,
  division,
}: Pick<ScaleResult, "rows" | "division">): LocalTimes | undefined {
  const bySamples = new Map<number, Point>();
  for (const { mode, workers, batchSize, msPerStep, backwardMs } of rows) {
    // Where one machine has a row of its own, it replaces that with shards for all numbers of workers.
    if ((mode !== "strong" && mode !== "part") || workers !== division.workers) continue;
    if (msPerStep === null || backwardMs === null) continue;
    bySamples.set(batchSize, { samples: batchSize, stepMs: msPerStep.median, backwardMs });
  }
  const measured = [...bySamples.values()].sort((a, b) => a.samples - b.samples);
  if (measured.length === 0) return undefined;
  // From a single one, times are in proportion.
  const none: Point = { samples: 0, stepMs: 0, backwardMs: 0 };
  const points = measured.length === 1 ? [none, ...measured] : measured;
  return {
    stepMs: (samples) => interpolate(points, samples, ({ stepMs }) => stepMs),
    backwardMs: (samples) => interpolate(points, samples, ({ backwardMs }) => backwardMs),
  };
}
