// Adds up the gradients of a worker's shards as they arrive, block by block (shared/arrays/gradient-slots.ts).
import { Tensor } from "@shardgrad/core";
import { Storage, trainingKernels } from "@shardgrad/core/engine";
import type { Merge, ShardBlock } from "../shared/arrays/gradient-slots.ts";
import type { Layout } from "../shared/layout.ts";
import { readCell, tableBytes, writeCell } from "../shared/tables/float64-table.ts";

/**
 * The weight of a block's sum in a larger sum. A single shard has its own weight, in units of a full shard. Several
 * shards have 1, because their sum already includes their weights. A block without any weight has 0, and is not read.
 */
export function weightOf({ shardSize, shardWeights, shards }: Layout, { from, size }: ShardBlock): number {
  // Rounded as the kernel reads it: a weight that rounds to 0 is 0 in a block, too.
  const weight = (shard: number) => Math.fround(readCell(shardWeights, shard, 0) / shardSize);
  // The only shard of a batch has weight 1, whatever its size: its gradient is the average, to the bit.
  if (size === 1) return shards === 1 ? 1 : weight(from);
  for (let shard = from; shard < from + size; shard++) if (weight(shard) > 0) return 1;
  return 0;
}

/** The number of the first parameter with a non-finite gradient, or sum of gradients, in a shard's slot; -1 if all are finite. */
export function firstNotFinite({ parameters, gradients, flatSize, slots }: Layout, shard: number): number {
  const { addSquares } = trainingKernels("float32");
  const base = gradients + slots.slotOf[shard]! * flatSize * 4;
  const storage = Storage.allocate(tableBytes(1, 1), "non-finite");
  storage.retain();
  const cell = { address: storage.offset, rows: 1, columns: 1 };
  const allFinite = (start: number, size: number) => {
    writeCell(cell, 0, 0, 0);
    addSquares(size, base + start * 4, cell.address);
    return Number.isFinite(readCell(cell, 0, 0));
  };
  try {
    // The gaps between parameters are zero.
    if (allFinite(0, flatSize)) return -1;
    return parameters.findIndex(({ start, size }) => !allFinite(start, size));
  } finally {
    storage.release();
  }
}

/** Blocks to merge: where they are, and by which weights. */
class Merger {
  readonly #layout: Layout;
  readonly #merges: readonly Merge[];
  /** Where the two blocks of each merge are: a row each. */
  readonly #slots: Tensor;
  /** The weights of the two merged blocks. */
  readonly #weights = Tensor.allocate([2], "float32", "shard weights").keep();

  constructor(layout: Layout, merges: readonly Merge[]) {
    const { slotOf } = layout.slots;
    this.#layout = layout;
    this.#merges = merges;
    this.#slots = Tensor.allocate([merges.length, 2], "int32", "gradient slots")
      .keep()
      .copyFrom(merges.flatMap(({ left, right }) => [slotOf[left.from]!, slotOf[right.from]!]));
  }

  /** Does merges `first` … `end`-1 over the elements `from` … `to`-1 of the arrays at `arrays`. */
  merge(
    arrays: number,
    [first, end]: readonly [number, number],
    [from, to]: readonly [number, number],
  ): void {
    const { flatSize, slots } = this.#layout;
    const weights = this.#weights.data();
    for (let index = first; index < end; index++) {
      const { left, right } = this.#merges[index]!;
      weights[0] = weightOf(this.#layout, left);
      weights[1] = weightOf(this.#layout, right);
      trainingKernels("float32").average(
        to - from,
        2,
        arrays + from * 4,
        this.#slots.address + index * 8,
        flatSize,
        this.#weights.address,
        1,
        arrays + (slots.slotOf[left.from]! * flatSize + from) * 4,
      );
    }
  }
}

export class GradientSums {
  readonly #layout: Layout;
  readonly #looks: boolean;
  readonly #merger: Merger;
  /** By shard: its first merge. */
  readonly #first: number[] = [];

  /** @param looks whether to identify shards with non-finite gradients, which a sum would hide */
  constructor(layout: Layout, looks: boolean) {
    this.#layout = layout;
    this.#looks = looks;
    const { merges } = layout.slots;
    let count = 0;
    for (const ofShard of merges) {
      this.#first.push(count);
      count += ofShard.length;
    }
    this.#merger = new Merger(layout, merges.flat());
  }

  /** Merges what forms a block, once a shard's weight and its gradient are ready, or a part of that. */
  addUp(shard: number, part: readonly [from: number, to: number] = [0, this.#layout.flatSize]): void {
    const { slots, gradients, notFinite } = this.#layout;
    if (this.#looks) {
      const first =
        weightOf(this.#layout, { from: shard, size: 1 }) > 0 ? firstNotFinite(this.#layout, shard) : -1;
      writeCell(notFinite, shard, 0, first < 0 ? -1 : first + 1);
    }
    const first = this.#first[shard]!;
    this.#merger.merge(gradients, [first, first + slots.merges[shard]!.length], part);
  }
}

/** On several machines: what one adds up of all its workers' before it sends. */
export class MachineSums {
  readonly #merger: Merger;
  readonly #count: number;

  constructor(layout: Layout) {
    this.#merger = new Merger(layout, layout.slots.together);
    this.#count = layout.slots.together.length;
  }

  /** Adds up a part of arrays that all workers of the machine have finished. */
  addUp(arrays: number, part: readonly [from: number, to: number]): void {
    this.#merger.merge(arrays, [0, this.#count], part);
  }
}
