// Where the shards of a batch find what each of them brings to a meeting: a block of float64 per shard, for each
// meeting of its pass the count and then the numbers, and a table that says where the blocks are. Knows nothing of when
// they are written and read (lockstep.ts sees to that), nor of what the numbers mean (core's batchNorm).
import type { Meeting, Share } from "@shardgrad/core/engine";
import { heap, Storage } from "@shardgrad/core/engine";
import { JobError } from "../errors.ts";

/** Addresses of what the shards of a batch have in common. */
export interface ShardTables {
  shards: number;
  /** Three float64 per shard, see `meetingCells`. */
  meetings: number;
  shardWeights: number;
}

/** Cells of the table per shard: number of meetings, float64 in all, address. */
export const meetingCells = 3;

const numbersOf = ({ addresses, size }: Meeting): number => addresses.length * size;

/** What one shard brings to the meetings of a step. Its owner writes, all read. */
export class ShardBlock {
  readonly #layout: ShardTables;
  readonly #shard: number;
  #block: Storage | undefined;

  constructor(layout: ShardTables, shard: number) {
    this.#layout = layout;
    this.#shard = shard;
  }

  /** Announces the meetings of this step: none if the shard has no samples. */
  announce(meetings: readonly Meeting[]): void {
    const cells = meetings.reduce((sum, meeting) => sum + 1 + numbersOf(meeting), 0);
    if (!this.#block || this.#block.bytes < 8 * cells) {
      this.#block?.release();
      this.#block = Storage.allocate(8 * Math.max(1, cells), "shard meetings");
      this.#block.retain();
    }
    const at = this.#layout.meetings / 8 + this.#shard * meetingCells;
    heap().float64.set([meetings.length, cells, this.#block.offset], at);
  }

  /** Writes what the shard brings to a meeting, whose share starts at `start` of its block. */
  bring({ addresses, size, count }: Meeting, start: number): void {
    const { float32, float64 } = heap();
    let at = this.#block!.offset / 8 + start;
    float64[at++] = count;
    for (const address of addresses) {
      float64.set(float32.subarray(address / 4, address / 4 + size), at);
      at += size;
    }
  }
}

/** Cells of a block that a meeting takes. */
export function shareCells(meeting: Meeting): number {
  return 1 + numbersOf(meeting);
}

/**
 * How often the shards of a step meet.
 *
 * @throws JobError if they do not agree
 */
export function agreeOnMeetings({ meetings, shardWeights, shards }: ShardTables): number {
  const { float64 } = heap();
  let first: number | undefined;
  for (let shard = 0; shard < shards; shard++) {
    if (float64[shardWeights / 8 + shard] === 0) continue;
    first ??= shard;
    const [a, b] = [first, shard].map((of) => float64.subarray(meetings / 8 + of * meetingCells));
    if (a![0] === b![0] && a![1] === b![1]) continue;
    throw new JobError(
      `train: shard ${shard} normalises over the batch ${b![0]} times (${b![1]} numbers), shard ${first} ${a![0]} times (${a![1]}); the loss must do the same for every shard`,
    );
  }
  return first === undefined ? 0 : float64[meetings / 8 + first * meetingCells]!;
}

/** What all shards with samples have brought to a meeting, in their order, by shard. */
export function sharesAt(layout: ShardTables, meeting: Meeting, start: number): Map<number, Share> {
  const { float64 } = heap();
  const shares = new Map<number, Share>();
  for (let shard = 0; shard < layout.shards; shard++) {
    const weight = float64[layout.shardWeights / 8 + shard]!;
    if (weight === 0) continue;
    const at = float64[layout.meetings / 8 + shard * meetingCells + 2]! / 8 + start;
    const values = float64.subarray(at + 1, at + 1 + numbersOf(meeting));
    shares.set(shard, { weight, count: float64[at]!, values });
  }
  return shares;
}

/** Puts what came out of a meeting where the pass goes on with it. */
export function takeHome({ addresses, size }: Meeting, merged: Float64Array): void {
  addresses.forEach((address, i) => {
    heap().float32.set(merged.subarray(i * size, (i + 1) * size), address / 4);
  });
}
