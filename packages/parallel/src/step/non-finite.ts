// Who brought an infinite or NaN number into a step: the first shard, and the first parameter in it, in the fixed order
// of both. Looked for only after the fact, while all shards' gradients are still there.
import { kernelsFor, Storage } from "@shardgrad/core/engine";
import type { Float64Table } from "../shared/float64-table.ts";
import { readCell, tableBytes, writeCell } from "../shared/float64-table.ts";
import type { Layout } from "../shared/layout.ts";

function firstParameter(
  { parameters, gradients, flatSize }: Layout,
  shard: number,
  cell: Float64Table,
): string | undefined {
  const { addSquares } = kernelsFor("float32");
  const base = gradients + shard * flatSize * 4;
  return parameters.find(({ start, size }) => {
    writeCell(cell, 0, 0, 0);
    addSquares(size, base + start * 4, cell.address);
    return !Number.isFinite(readCell(cell, 0, 0));
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
  const storage = Storage.allocate(tableBytes(1, 1), "non-finite");
  storage.retain();
  const cell = { address: storage.offset, rows: 1, columns: 1 };
  try {
    for (let shard = 0; shard < shards; shard++) {
      const weight = readCell(shardWeights, shard, 0);
      if (weight === 0) continue;
      const loss = readCell(losses, shard, 0) / weight;
      const parameter = firstParameter(layout, shard, cell);
      const found = [
        ...(Number.isFinite(loss) ? [] : [`the loss ${loss}`]),
        ...(parameter === undefined ? [] : [`a gradient that is not finite, first in ${parameter}`]),
      ];
      if (found.length > 0) return `shard ${firstShard + shard} has ${found.join(" and ")}`;
    }
    return undefined;
  } finally {
    storage.release();
  }
}

/** The same, in words for a sum that is not finite. */
export function describeNonFinite(layout: Layout, firstShard = 0): string {
  return findNonFinite(layout, firstShard) ?? "the sum over all shards is not finite";
}
