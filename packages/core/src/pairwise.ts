// The one order in which results of shards are combined: a pairwise tree over their places. The left part of a sum of n
// is the greatest power of two below n, and so on down to single places. So aligned blocks of 1, 2, 4, … places are
// sums of their own, whoever computes them. Any split of the places into contiguous parts gives the same bits. Rounding
// errors grow with the logarithm of n; those of a plain sequence grow with n. The kernel `average` has the same order.

/** The greatest power of two below `count`, which is at least 2. */
export function leftPart(count: number): number {
  return 2 ** (31 - Math.clz32(count - 1));
}

/** Combines the values at places `from` … `from + count`-1. An empty place keeps its place; undefined if all are empty. */
export function foldPairwise<T extends object>(
  from: number,
  count: number,
  at: (place: number) => T | undefined,
  combine: (left: T, right: T) => T,
): T | undefined {
  if (count < 2) return count === 1 ? at(from) : undefined;
  const half = leftPart(count);
  const left = foldPairwise(from, half, at, combine);
  const right = foldPairwise(from + half, count - half, at, combine);
  return left && right ? combine(left, right) : (left ?? right);
}

/** The sum of `count` numbers: `values[first]` and every `stride`-th one after it. */
export function sumPairwise(values: ArrayLike<number>, first: number, count: number, stride = 1): number {
  if (count < 2) return count === 1 ? values[first]! : 0;
  const half = leftPart(count);
  return (
    sumPairwise(values, first, half, stride) +
    sumPairwise(values, first + half * stride, count - half, stride)
  );
}
