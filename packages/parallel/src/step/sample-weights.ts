// What a shard weighs in the average: its number of samples or, where a job names a column of weights, their sum. The
// loss of a shard is a mean by that weight, so that the average over shards is the mean over the batch, however split.

import type { StoredColumns } from "../data/columns.ts";
import { rowSize } from "../data/columns.ts";
import { perSampleOf } from "../data/per-sample.ts";
import { JobError } from "../errors.ts";
import type { BatchSource } from "./batches.ts";

/**
 * Refuses what can be known to be wrong before training: no such column, or weights in memory below 0, or all of them 0.
 *
 * @param augmented whether the job may alter them
 */
export function checkSampleWeight(name: string, train: StoredColumns, augmented: boolean): void {
  const column = train.columns.find((candidate) => candidate.name === name);
  if (!column || rowSize(column) !== 1 || column.dtype !== "float32") {
    const got = column && `${column.dtype} [${column.shape.join(",")}]`;
    throw new JobError(
      `train: sampleWeight names column ${name}, ${got ? `which is ${got}` : "which is not there"}; expected a column of single float32 numbers`,
    );
  }
  if (train.computedBy) return;
  const weights = perSampleOf("train: sampleWeight", name, train, "weights");
  if (!augmented && weights.every((weight) => weight === 0)) {
    throw new JobError(
      `train: sampleWeight ${name} is 0 for all ${weights.length} samples, expected some above 0`,
    );
  }
}

/**
 * The weights of the first `count` samples that are loaded.
 *
 * @throws JobError if one is below 0
 */
export function sampleWeights(sampleWeight: string, source: BatchSource, count: number): Float32Array {
  const weights = source.numbers(sampleWeight, count);
  for (const weight of weights) {
    if (weight >= 0) continue;
    throw new JobError(
      `train: sampleWeight ${sampleWeight} is ${weight} for a sample, expected a number of at least 0`,
    );
  }
  return weights;
}

/** The weight of a shard whose `count` samples are loaded. */
export function shardWeight(sampleWeight: string | undefined, source: BatchSource, count: number): number {
  if (sampleWeight === undefined) return count;
  return sampleWeights(sampleWeight, source, count).reduce((total, weight) => total + weight, 0);
}
