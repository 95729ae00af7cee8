// Where the gradients of the shards go, and which sums are formed on the way. Each worker has contiguous shards, and
// adds up their gradients as it goes. Like a binary counter it forms aligned blocks of 1, 2, 4, … shards, so it needs
// few slots, not one per shard. The sums are those of core's pairwise.ts, whoever has which shards.
import type { Machines } from "./machines.ts";
import { isShared, shardsOfMachine, shardsOfWorker } from "./machines.ts";

/** The sum of the gradients of some shards; `from` is a multiple of `size`. */
export interface ShardBlock {
  from: number;
  size: number;
}

/** Adds the block to the right, of the same size, to the block `left`. */
export interface Merge {
  left: ShardBlock;
  right: ShardBlock;
}

/** Can be sent to other threads. The sum of a block lies in the slot of its first shard. */
export interface GradientSlots {
  /** Slots in all. */
  count: number;
  /** By shard: the slot of its gradient; undefined for shards of other machines. */
  slotOf: (number | undefined)[];
  /** By shard: what to add up once its gradient is ready. */
  merges: Merge[][];
  /** On several machines: what this one adds up once all its shards are done, before it sends. */
  together: Merge[];
  /** The blocks that remain when all shards of all machines are done, from left to right. */
  blocks: ShardBlock[];
  /** On several machines: the same by machine. */
  blocksOf: ShardBlock[][];
}

/** @param addsUp whether workers add up gradients as they go; if not, each shard keeps its own slot */
export function planSlots(shards: number, machines: Machines, addsUp: boolean): GradientSlots {
  const slotOf = new Array<number | undefined>(shards).fill(undefined);
  const merges: Merge[][] = slotOf.map(() => []);
  const blocks: ShardBlock[] = [];
  let count = 0;
  for (let rank = 0; rank < machines.workers[machines.machine]!; rank++) {
    const [from, to] = shardsOfWorker(shards, machines, rank);
    const stack: ShardBlock[] = [];
    let most = 0;
    for (let shard = from; shard < to; shard++) {
      slotOf[shard] = count + stack.length;
      stack.push({ from: shard, size: 1 });
      most = Math.max(most, stack.length);
      if (addsUp) merges[shard] = mergeTop(stack);
    }
    blocks.push(...stack);
    count += most;
  }
  if (!isShared(machines)) return { count, slotOf, merges, together: [], blocks, blocksOf: [] };
  const blocksOf = machines.workers.map((_, machine) => blocksIn(shardsOfMachine(shards, machines, machine)));
  const sum: ShardBlock[] = [];
  const together = blocks.flatMap((block) => {
    sum.push(block);
    return mergeTop(sum);
  });
  return { count, slotOf, merges, together, blocks: blocksOf.flat(), blocksOf };
}

/** For shards that bring no gradients: they share one slot, which stays empty. */
export function noSlots(shards: number): GradientSlots {
  const each = <T>(value: T) => new Array<T>(shards).fill(value);
  const blocks = Array.from({ length: shards }, (_, from) => ({ from, size: 1 }));
  return { count: 1, slotOf: each(0), merges: each([]), together: [], blocks, blocksOf: [] };
}

/** The blocks that contiguous shards form. */
function blocksIn([from, to]: readonly [from: number, to: number]): ShardBlock[] {
  const stack: ShardBlock[] = [];
  for (let shard = from; shard < to; shard++) {
    stack.push({ from: shard, size: 1 });
    mergeTop(stack);
  }
  return stack;
}

/** Merges blocks as long as two form an aligned one. */
function mergeTop(stack: ShardBlock[]): Merge[] {
  const merges: Merge[] = [];
  for (;;) {
    const [left, right] = [stack.at(-2), stack.at(-1)!];
    if (!left || left.size !== right.size || left.from % (2 * left.size) !== 0) return merges;
    merges.push({ left, right });
    stack.splice(-2, 2, { from: left.from, size: 2 * left.size });
  }
}
