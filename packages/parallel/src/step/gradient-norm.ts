// The norm of the averaged gradient, with the same bits for any number of workers. The worker that owns a block of the
// flat array sums its squares in float64. Then every worker adds up the sums of all blocks, in order. The gaps between
// parameters are zero and add nothing.
import { trainingKernels } from "@shardgrad/core/engine";
import { blockElements } from "../shared/arrays/slices.ts";
import type { Layout } from "../shared/layout.ts";
import { cellAddress, sumOfColumn, writeCell } from "../shared/tables/float64-table.ts";

/** Sums the squares of the average from element `from` to `to`, in whole blocks. */
export function sumBlocks(
  { average, squares, flatSize }: Layout,
  [from, to]: readonly [number, number],
): void {
  const { addSquares } = trainingKernels("float32");
  for (let start = from; start < to; start += blockElements) {
    const block = start / blockElements;
    writeCell(squares, block, 0, 0);
    const size = Math.min(blockElements, flatSize - start);
    addSquares(size, average + start * 4, cellAddress(squares, block, 0));
  }
}

/** The norm, after all blocks are summed; not finite if any element of the average is not. */
export function normOfBlocks({ squares }: Layout): number {
  return Math.sqrt(sumOfColumn(squares, 0));
}
