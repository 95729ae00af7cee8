// Moments of a batch that is computed shard by shard, for batchNorm: what each shard contributes, and how to merge it.
// Uses float64 and the order of pairwise.ts, so that the bits depend on nothing else; for one shard they are its own.
// Does not know how shards exchange numbers; see capture/README.md.
import { CaptureError, ValueError } from "../../errors.ts";
import type { Share } from "../../observer.ts";
import { exchanges } from "../../observer.ts";
import { foldPairwise } from "../../pairwise.ts";
import type { Tensor } from "../../tensor.ts";
import type { Moments } from "../arithmetic/channels.ts";

/** batchNorm's error for a batch without a variance. */
export function tooFew(batch: string, count: number): string {
  return `batchNorm: x ${batch} has ${count || 0} values per channel, expected at least 2 when training; use a larger batch`;
}

/** Values per channel of all shards. */
const countAll = (shares: readonly Share[]): number => shares.reduce((sum, { count }) => sum + count, 0);

/** Combines what shards contribute, in the order of pairwise.ts, by their places. */
function fold<T extends object>(
  shares: readonly Share[],
  leaf: (share: Share) => T,
  combine: (left: T, right: T) => T,
): T {
  const byPlace = new Map(shares.map((share) => [share.place, share]));
  const places = 1 + Math.max(...byPlace.keys());
  const at = (place: number) => {
    const share = byPlace.get(place);
    return share && leaf(share);
  };
  return foldPairwise(0, places, at, combine)!;
}

/** Moments of some values, per channel: their number, their means, and the sums of their squared distances from these. */
interface Group {
  count: number;
  means: Float64Array;
  squares: Float64Array;
}

/** `mean += d·n/(N + n)`, `M2 += m2 + d²·N·n/(N + n)` with d = the difference of the means. */
function joinGroups(left: Group, right: Group): Group {
  const count = left.count + right.count;
  const means = left.means.slice();
  const squares = left.squares.slice();
  for (let c = 0; c < means.length; c++) {
    const distance = right.means[c]! - left.means[c]!;
    means[c]! += (distance * right.count) / count;
    squares[c]! += right.squares[c]! + (distance * distance * left.count * right.count) / count;
  }
  return { count, means, squares };
}

/**
 * Mean and variance of the whole batch from those of its shards, pairwise (Chan, Golub, LeVeque 1979,
 * http://i.stanford.edu/pub/cstr/reports/cs/tr/79/773/CS-TR-79-773.pdf). The mean has two parts. The second is what
 * rounding the first to float32 loses.
 */
export function mergeMoments(shares: readonly Share[]): Float64Array {
  const total = countAll(shares);
  if (!(total > 1)) throw new ValueError(tooFew("of all shards", total));
  // For one shard they are its own.
  if (shares.length === 1) return Float64Array.from(shares[0]!.values);
  const channels = shares[0]!.values.length / 3;
  const leaf = ({ count, values }: Share): Group => ({
    count,
    means: Float64Array.from({ length: channels }, (_, c) => values[c]! + values[channels + c]!),
    squares: values.slice(2 * channels).map((variance) => variance * count),
  });
  const { means, squares } = fold(shares, leaf, joinGroups);
  const merged = new Float64Array(3 * channels);
  for (let c = 0; c < channels; c++) {
    const mean = Math.fround(means[c]!);
    merged.set([mean], c);
    merged.set([means[c]! - mean], channels + c);
    merged.set([squares[c]! / total], 2 * channels + c);
  }
  return merged;
}

/**
 * Sums over the gradients of all shards. The shard divides them by its own count, and its gradients are averaged by
 * weight afterwards: `sum of weight·values / own weight · own count / count`.
 */
export function mergeSums(shares: readonly Share[], own: Share): Float64Array {
  const weighted = ({ weight, values }: Share) => values.map((value) => weight * value);
  const merged = fold(shares, weighted, (left, right) => left.map((value, i) => value + right[i]!));
  const share = own.count / countAll(shares);
  return merged.map((value) => (value / own.weight) * share);
}

/** Replaces a shard's moments, [channels], by the batch's; `settle` gets these, in this order. */
export function meetForMoments(
  { mean, rest, variance }: Moments,
  count: number,
  settle?: (moments: Float64Array, count: number) => void,
): void {
  exchange("exchange moments", [mean, rest, variance], count, mergeMoments, settle);
}

/** Replaces a shard's two sums per channel over its gradients by the result of `mergeSums`. */
export function meetForSums(dots: Tensor, sums: Tensor, count: number): void {
  exchange("exchange gradient sums", [dots, sums], count, mergeSums);
}

function exchange(
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
  exchanges()?.({ name, addresses, size: first.size, count, merge, ...(settle && { settle }) });
}
