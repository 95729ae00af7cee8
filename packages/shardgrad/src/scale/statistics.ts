// Medians, spreads, and ratios round by round. Two contenders are compared only within a round: whatever slowed down
// one of them slowed down the other a moment later.

export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** Value by number of round. */
export type ByRound = ReadonlyMap<number, number>;

/** @throws RangeError if there are no values */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("median: got no values, expected at least one");
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Median, smallest and largest. */
export function spreadOf(values: Iterable<number>): Spread {
  const all = [...values];
  return { median: median(all), min: Math.min(...all), max: Math.max(...all) };
}

/** `combine(a, b)` for each round that has both; undefined if there is none. */
export function pairRounds(
  a: ByRound,
  b: ByRound,
  combine: (a: number, b: number) => number,
): Spread | undefined {
  const paired = [...a].flatMap(([round, value]) => {
    const other = b.get(round);
    return other === undefined ? [] : [combine(value, other)];
  });
  return paired.length === 0 ? undefined : spreadOf(paired);
}
