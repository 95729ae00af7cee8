// The weight of a shard in the average: its number of samples, or, if the job names a column of weights, their sum. A
// shard's loss is a mean with that weight, so the average over shards is the mean over the batch, however split.

import type { StoredColumns } from "../data/columns.ts";
import { rowSize } from "../data/columns.ts";
import { perSampleOf } from "../data/per-sample.ts";
import { JobError } from "../errors.ts";
import type { BatchSource } from "./batches.ts";

/**
 * Refuses weights that are known to be wrong before training: a missing column, or weights in memory that are below 0
 * or all 0.
 *
 * @param augmented whether the job may change them
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
 * The weights of the first `count` loaded samples.
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

/** The weight of a shard of `count` loaded samples. */
export function shardWeight(sampleWeight: string | undefined, source: BatchSource, count: number): number {
  if (sampleWeight === undefined) return count;
  return sampleWeights(sampleWeight, source, count).reduce((total, weight) => total + weight, 0);
}
