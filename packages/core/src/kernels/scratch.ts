// The memory in which a thread's kernels pack matrices and keep sums: one block, whatever set computes, as no call relies
// on what another has left there.
import type { Heap } from "../memory/heap.ts";

/** What every set needs so far; so the first one to ask gets a block that fits all. */
const usualBytes = 640 * 1024;

/** For each heap, one per thread: its blocks, which live as long as the thread. */
const blocks = new WeakMap<Heap, { offset: number; bytes: number }[]>();

/** The offset of at least so many bytes on a cache line, the same however often kernels are selected. */
export function scratchMemory(heap: Heap, bytes: number): number {
  const known = blocks.get(heap) ?? [];
  blocks.set(heap, known);
  let block = known.find((each) => each.bytes >= bytes);
  if (!block) {
    const size = Math.max(usualBytes, bytes);
    block = { offset: heap.arena.allocate(size, "kernels' workspace"), bytes: size };
    known.push(block);
  }
  return block.offset;
}
