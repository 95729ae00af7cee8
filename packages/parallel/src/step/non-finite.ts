// Who brought an infinite or NaN number into a step: the first shard, and the first parameter in it, in the fixed order
// of both. Looked for only after the fact, while all shards' gradients are still there.
import { heap, kernelsFor, Storage } from "@shardgrad/core/engine";
import type { Layout } from "../shared/layout.ts";

function firstParameter(
  { parameters, gradients, flatSize }: Layout,
  shard: number,
  cell: number,
): string | undefined {
  const { addSquares } = kernelsFor("float32");
  const base = gradients + shard * flatSize * 4;
  return parameters.find(({ start, size }) => {
    heap().float64[cell / 8] = 0;
    addSquares(size, base + start * 4, cell);
    return !Number.isFinite(heap().float64[cell / 8]);
  })?.name;
}

/**
 * `shard 2 has the loss NaN, and a gradient that is not finite, first in layers.0.weight`; shards count from 0. Undefined
 * if each by itself is finite.
 *
 * @param firstShard number of the first shard of the layout
 */
export function findNonFinite(layout: Layout, firstShard = 0): string | undefined {
  const { losses, shardWeights, shards } = layout;
  const cells = heap().float64;
  const cell = Storage.allocate(8, "non-finite");
  cell.retain();
  try {
    for (let shard = 0; shard < shards; shard++) {
      const weight = cells[shardWeights / 8 + shard]!;
      if (weight === 0) continue;
      const loss = cells[losses / 8 + shard]! / weight;
      const parameter = firstParameter(layout, shard, cell.offset);
      const found = [
        ...(Number.isFinite(loss) ? [] : [`the loss ${loss}`]),
        ...(parameter === undefined ? [] : [`a gradient that is not finite, first in ${parameter}`]),
      ];
      if (found.length > 0) return `shard ${firstShard + shard} has ${found.join(" and ")}`;
    }
    return undefined;
  } finally {
    cell.release();
  }
}

/** The same, in words for a sum that is not finite. */
export function describeNonFinite(layout: Layout, firstShard = 0): string {
  return findNonFinite(layout, firstShard) ?? "the sum over all shards is not finite";
}
