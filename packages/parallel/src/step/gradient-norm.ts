// The norm of the averaged gradient, the same bits for any number of workers. Squares are summed in float64 over fixed
// blocks of the flat array, each by the worker whose slice it lies in; the sums of the blocks are added in their order, by
// every worker for itself. What lies between parameters is zero, and adds nothing.
import { kernelsFor } from "@shardgrad/core/engine";
import { cellAddress, sumOfColumn, writeCell } from "../shared/float64-table.ts";
import type { Layout } from "../shared/layout.ts";
import { blockElements } from "../shared/slices.ts";

/** Sums the squares of the average in the blocks from element `from` to `to`, which are whole blocks. */
export function sumBlocks(
  { average, squares, flatSize }: Layout,
  [from, to]: readonly [number, number],
): void {
  const { addSquares } = kernelsFor("float32");
  for (let start = from; start < to; start += blockElements) {
    const block = start / blockElements;
    writeCell(squares, block, 0, 0);
    const size = Math.min(blockElements, flatSize - start);
    addSquares(size, average + start * 4, cellAddress(squares, block, 0));
  }
}

/** The norm, once all blocks are summed: not finite if any element of the average is not. */
export function normOfBlocks({ squares }: Layout): number {
  return Math.sqrt(sumOfColumn(squares, 0));
}
