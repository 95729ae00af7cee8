// Who contributed an infinite or NaN number to a step: the first shard, and its first parameter, in their fixed order.
// Searched only after the fact, while the shards' results still exist.

import type { ShardBlock } from "../shared/arrays/gradient-slots.ts";
import type { Layout } from "../shared/layout.ts";
import { readCell } from "../shared/tables/float64-table.ts";
import { firstNotFinite, weightOf } from "./gradient-sums.ts";

/** The non-finite results of a block's first shard, as far as they are known separately. */
function findInShards(layout: Layout, { from, size }: ShardBlock) {
  const { losses, shardWeights, notFinite } = layout;
  for (let shard = from; shard < from + size; shard++) {
    const weight = readCell(shardWeights, shard, 0);
    if (weight === 0) continue;
    const loss = readCell(losses, shard, 0) / weight;
    const parameter = readCell(notFinite, shard, 0) - 1;
    if (!Number.isFinite(loss) || parameter >= 0) return { shard, loss };
  }
  return undefined;
}

/**
 * `shard 2 has the loss NaN, and a gradient that is not finite, first in layers.0.weight`; shards count from 0. If all
 * losses are finite, and gradients were summed without a check of each (`onNonFinite`), it is `one of the shards 4 to
 * 7`. Undefined if each shard by itself is finite.
 *
 * @param firstShard number of the first shard of the layout
 */
export function findNonFinite(layout: Layout, firstShard = 0): string | undefined {
  const { notFinite, parameters } = layout;
  for (const block of layout.slots.blocks) {
    if (weightOf(layout, block) === 0) continue;
    const { from, size } = block;
    const known = findInShards(layout, block);
    const cell = readCell(notFinite, known?.shard ?? from, 0);
    // Not looked at: the sum says whether one of them is not finite. Else the sum may be so though none of them is.
    const isHere = layout.slots.slotOf[from] !== undefined;
    const number = cell === 0 && isHere ? firstNotFinite(layout, from) : Math.max(-1, cell - 1);
    const found = [
      ...(known && !Number.isFinite(known.loss) ? [`the loss ${known.loss}`] : []),
      ...(number < 0 ? [] : [`a gradient that is not finite, first in ${parameters[number]!.name}`]),
    ];
    if (found.length === 0) continue;
    const one = known ? known.shard : size === 1 ? from : undefined;
    const who =
      one === undefined
        ? `one of the shards ${firstShard + from} to ${firstShard + from + size - 1}`
        : `shard ${firstShard + one}`;
    return `${who} has ${found.join(" and ")}`;
  }
  return undefined;
}

/** The same as text, for a sum that is not finite. */
export function describeNonFinite(layout: Layout, firstShard = 0): string {
  return findNonFinite(layout, firstShard) ?? "the sum over all shards is not finite";
}
