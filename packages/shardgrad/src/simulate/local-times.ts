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

/** On straight lines between the points, which are sorted; beyond them, on the nearest line. */
function interpolate(points: readonly Point[], samples: number, value: (point: Point) => number): number {
  const found = points.findIndex((point) => point.samples >= samples);
  const right = found === -1 ? points.length - 1 : Math.max(1, found);
  // A single point is on a line through nothing.
  const [a, b] = [points[right - 1], points[right] ?? points[0]!];
  const from = a ?? { samples: 0, stepMs: 0, backwardMs: 0 };
  const slope = (value(b) - value(from)) / (b.samples - from.samples);
  return Math.max(0, value(b) + slope * (samples - b.samples));
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
  const points = [...bySamples.values()].sort((a, b) => a.samples - b.samples);
  if (points.length === 0) return undefined;
  return {
    stepMs: (samples) => interpolate(points, samples, ({ stepMs }) => stepMs),
    backwardMs: (samples) => interpolate(points, samples, ({ backwardMs }) => backwardMs),
  };
}
