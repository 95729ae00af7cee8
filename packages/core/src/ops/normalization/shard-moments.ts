// Moments of a batch that is computed shard by shard, for batchNorm: what each shard brings, and how it becomes that of
// the whole batch. In float64 and in the order of the shards, so that the bits depend on nothing else; for one shard they
// are its own. How shards come to know of each other is not known here; see capture/README.md.

import { CaptureError, ValueError } from "../../errors.ts";
import type { Share } from "../../observer.ts";
import { meetings } from "../../observer.ts";
import type { Tensor } from "../../tensor.ts";
import type { Moments } from "../arithmetic/channels.ts";

/** What batchNorm says of a batch that has no variance. */
export function tooFew(batch: string, count: number): string {
  return `batchNorm: x ${batch} has ${count || 0} values per channel, expected at least 2 when training; use a larger batch`;
}

/** Values per channel of all shards. */
const countAll = (shares: readonly Share[]): number => shares.reduce((sum, { count }) => sum + count, 0);

/**
 * Mean (in two parts, of which the second is what the rounding of the first to float32 loses) and variance of the whole
 * batch from those of its shards, pairwise (Chan, Golub, LeVeque 1979,
 * http://i.stanford.edu/pub/cstr/reports/cs/tr/79/773/CS-TR-79-773.pdf):
 * `mean += d·n/(N + n)`, `M2 += n·variance + d²·N·n/(N + n)` with d = the shard's mean - mean.
 */
export function mergeMoments(shares: readonly Share[]): Float64Array {
  const total = countAll(shares);
  if (!(total > 1)) throw new ValueError(tooFew("of all shards", total));
  // Of one shard they are its own.
  if (shares.length === 1) return Float64Array.from(shares[0]!.values);
  const channels = shares[0]!.values.length / 3;
  const merged = new Float64Array(3 * channels);
  const [means, rests, variances] = [0, 1, 2].map((part) =>
    merged.subarray(part * channels, (part + 1) * channels),
  );
  let before = 0;
  for (const { count, values } of shares) {
    const after = before + count;
    for (let c = 0; c < channels; c++) {
      const distance = values[c]! + values[channels + c]! - means![c]!;
      means![c]! += (distance * count) / after;
      variances![c]! += values[2 * channels + c]! * count + (distance * distance * before * count) / after;
    }
    before = after;
  }
  for (let c = 0; c < channels; c++) {
    const mean = Math.fround(means![c]!);
    rests![c] = means![c]! - mean;
    means![c] = mean;
    variances![c]! /= total;
  }
  return merged;
}

/**
 * Sums over the gradients of all shards, for a shard that divides them by its own count and whose gradients are averaged
 * by weight afterwards: `sum of weight·values / own weight · own count / count`.
 */
export function mergeSums(shares: readonly Share[], own: Share): Float64Array {
  const merged = new Float64Array(own.values.length);
  for (const { weight, values } of shares) {
    for (let i = 0; i < merged.length; i++) merged[i]! += weight * values[i]!;
  }
  const share = own.count / countAll(shares);
  for (let i = 0; i < merged.length; i++) merged[i] = (merged[i]! / own.weight) * share;
  return merged;
}

/** Has the moments of a shard, [channels], replaced by those of the batch; `settle` gets these, in this order. */
export function meetForMoments(
  { mean, rest, variance }: Moments,
  count: number,
  settle?: (moments: Float64Array, count: number) => void,
): void {
  meet("meet for moments", [mean, rest, variance], count, mergeMoments, settle);
}

/** Has two sums per channel over the gradients of a shard replaced by what `mergeSums` says. */
export function meetForSums(dots: Tensor, sums: Tensor, count: number): void {
  meet("meet for gradient sums", [dots, sums], count, mergeSums);
}

function meet(
  name: string,
  tensors: readonly [Tensor, ...Tensor[]],
  count: number,
  merge: (shares: readonly Share[], own: Share) => Float64Array,
  settle?: (merged: Float64Array, count: number) => void,
): void {
  const [first] = tensors;
  if (first.dtype !== "float32") {
    throw new CaptureError(`batchNorm: x is ${first.dtype}; over the shards of a batch it must be float32`);
  }
  const addresses = tensors.map(({ address }) => address);
  meetings()?.({ name, addresses, size: first.size, count, merge, ...(settle && { settle }) });
}
