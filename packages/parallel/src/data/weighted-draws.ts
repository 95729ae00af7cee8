// Weighted drawing with replacement. The sample at each place follows from (seed, epoch, place) alone, so any thread
// can draw any place without state. The running sums of the weights lie in shared memory, once.
import { philox, stream } from "@shardgrad/core";
import { JobError } from "../errors.ts";

/**
 * Turns weights into running sums in place: entry i is the sum of the weights of samples 0 to i.
 *
 * @throws JobError if all weights are 0
 */
export function runningSums(what: string, weights: Float64Array): Float64Array {
  let total = 0;
  for (let i = 0; i < weights.length; i++) weights[i] = total += weights[i]!;
  if (total > 0 && Number.isFinite(total)) return weights;
  throw new JobError(`${what}: the weights sum to ${total}, expected a finite number above 0`);
}

/** Weights under which each class is drawn equally often. */
export function balancedWeights(classes: Float64Array): Float64Array {
  const counts = new Map<number, number>();
  for (const label of classes) counts.set(label, (counts.get(label) ?? 0) + 1);
  return classes.map((label) => 1 / counts.get(label)!);
}

const block = new Uint32Array(4);

/** A number in [0, 1) with 53 random bits, for one place of one epoch. */
function uniformAt(seed: number, epoch: number, place: number): number {
  philox(block, place, 0, epoch, stream.draws, seed >>> 0, Math.floor(seed / 2 ** 32));
  return ((block[0]! >>> 5) * 2 ** 26 + (block[1]! >>> 6)) / 2 ** 53;
}

/** The sample at a place of an epoch, drawn with replacement by weights of which `sums` are the running sums. */
export function weightedDraw(sums: Float64Array, seed: number, epoch: number, place: number): number {
  // Below the last sum, also after rounding, as the first factor is at most 1 - 2^-53.
  const target = uniformAt(seed, epoch, place) * sums[sums.length - 1]!;
  // The first sample whose sum exceeds the target: never one of weight 0, whose sum is that of the sample before.
  let low = 0;
  let high = sums.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sums[middle]! > target) high = middle;
    else low = middle + 1;
  }
  return low;
}
