// How a matrix product is cut into blocks that stay in the caches, and the scratch memory that their copies need.
import type { Recorder } from "../../language/recorder.ts";
import type { Target, Variable } from "../../language/values.ts";

/** The cache blocks: `depth` × `columns` floats of B for the L2 cache, `rows` × `depth` of A. */
export const block = { depth: 256, columns: 512, rows: 96 };
const line = 64;

export interface Sizes {
  /** Rows and columns of the register tile. */
  readonly rows: number;
  readonly columns: number;
  /** Rows of a block of A, whole tiles. */
  readonly blockRows: number;
  /** Bytes of a packed block of A. The last panel may be followed by a vector's lanes that nobody reads. */
  readonly aBytes: number;
  readonly bBytes: number;
}

export function sizesFor({ lanes, tile }: Target): Sizes {
  const columns = lanes * tile.vectors;
  const blockRows = Math.max(1, Math.floor(block.rows / tile.rows)) * tile.rows;
  return {
    rows: tile.rows,
    columns,
    blockRows,
    aBytes: (4 * (blockRows * block.depth + lanes) + line - 1) & -line,
    bBytes: 4 * block.depth * (block.columns + columns),
  };
}

/** The size of even blocks, whole units, of which none is larger than `most`: 784 is 4 × 200, not 3 × 256 and a remainder. */
export function evenBlock(k: Recorder, count: Variable, most: number, unit: number): Variable {
  const blocks = k.max(k.div(k.add(count, most - 1), most), 1);
  const even = k.div(k.sub(k.add(count, blocks), 1), blocks);
  return k.variable("i32", k.mul(k.div(k.add(even, unit - 1), unit), unit));
}
