// The norm of the averaged gradient, the same bits for any number of workers. Squares are summed in float64 over fixed
// blocks of the flat array, each by the worker whose slice it lies in; the sums of the blocks are added in their order, by
// every worker for itself. What lies between parameters is zero, and adds nothing.
import { heap, kernelsFor } from "@shardgrad/core/engine";
import type { Layout } from "../shared/layout.ts";
import { blockCount, blockElements } from "../shared/slices.ts";

/** Sums the squares of the average in the blocks from element `from` to `to`, which are whole blocks. */
export function sumBlocks(
  { average, squares, flatSize }: Layout,
  [from, to]: readonly [number, number],
): void {
  const { addSquares } = kernelsFor("float32");
  const cells = heap().float64;
  for (let start = from; start < to; start += blockElements) {
    const total = squares + (start / blockElements) * 8;
    cells[total / 8] = 0;
    addSquares(Math.min(blockElements, flatSize - start), average + start * 4, total);
  }
}

/** The norm, once all blocks are summed: not finite if any element of the average is not. */
export function normOfBlocks({ squares, flatSize }: Layout): number {
  const cells = heap().float64;
  let total = 0;
  for (let block = 0; block < blockCount(flatSize); block++) total += cells[squares / 8 + block]!;
  return Math.sqrt(total);
}
