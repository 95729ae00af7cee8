// Places labels near where they belong, one below the other, so that none overlaps another.

/**
 * Positions as near to the wished ones as a distance allows, in the same order, between two bounds.
 *
 * @param wished positions; their order is kept, those of equal position in the order given
 */
export function spreadApart(
  wished: readonly number[],
  distance: number,
  [low, high]: readonly [number, number],
): number[] {
  const order = wished.map((_, i) => i).sort((a, b) => wished[a]! - wished[b]! || a - b);
  const placed = new Array<number>(wished.length);
  let at = low - distance;
  for (const i of order) {
    at = Math.max(wished[i]!, at + distance);
    placed[i] = at;
  }
  let most = high + distance;
  for (const i of order.toReversed()) {
    most = Math.min(placed[i]!, most - distance);
    placed[i] = most;
  }
  return placed;
}
