// Where the gradients of the shards go, and which sums are formed on the way. Each worker has contiguous shards, and
// adds up their gradients as it goes. Like a binary counter it forms aligned blocks of 1, 2, 4, … shards, so it needs
// few slots, not one per shard. The sums are those of core's pairwise.ts, whoever has which shards.

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
  /** By shard: the slot of its gradient. */
  slotOf: number[];
  /** By shard: what to add up once its gradient is ready. */
  merges: Merge[][];
  /** The blocks that remain when all shards are done, from left to right. */
  blocks: ShardBlock[];
}

/** The shards `from` … `to`-1 of worker `rank`. */
export function shardsOf(shards: number, rank: number, workers: number): [from: number, to: number] {
  return [Math.floor((shards * rank) / workers), Math.floor((shards * (rank + 1)) / workers)];
}

/** @param addsUp whether workers add up gradients as they go; if not, each shard keeps its own slot */
export function planSlots(shards: number, workers: number, addsUp: boolean): GradientSlots {
  const plan: GradientSlots = { count: 0, slotOf: [], merges: [], blocks: [] };
  for (let rank = 0; rank < workers; rank++) {
    const [from, to] = shardsOf(shards, rank, workers);
    const stack: ShardBlock[] = [];
    let most = 0;
    for (let shard = from; shard < to; shard++) {
      plan.slotOf.push(plan.count + stack.length);
      stack.push({ from: shard, size: 1 });
      most = Math.max(most, stack.length);
      plan.merges.push(addsUp ? mergeTop(stack) : []);
    }
    plan.blocks.push(...stack);
    plan.count += most;
  }
  return plan;
}

/** For shards that bring no gradients: they share one slot, which stays empty. */
export function noSlots(shards: number): GradientSlots {
  const each = <T>(value: T) => new Array<T>(shards).fill(value);
  const blocks = Array.from({ length: shards }, (_, from) => ({ from, size: 1 }));
  return { count: 1, slotOf: each(0), merges: each([]), blocks };
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
