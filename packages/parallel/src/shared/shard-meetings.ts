// Where the shards of a batch find what each of them brings to a meeting: a block of float64 per shard, for each
// meeting of its pass the count and then the numbers, and a table that says where the blocks are. Knows nothing of when
// they are written and read (lockstep.ts sees to that), nor of what the numbers mean (core's batchNorm).
import type { Meeting, Share } from "@shardgrad/core/engine";
import { Storage } from "@shardgrad/core/engine";
import { JobError } from "../errors.ts";
import type { Float64Table } from "./float64-table.ts";
import { readCell, rowOf, tableBytes, writeCell } from "./float64-table.ts";
import { floatsAt } from "./slices.ts";

/** What the shards of a batch have in common, a row for each. */
export interface ShardTables {
  shards: number;
  /** Of `meetingColumns` columns. */
  meetings: Float64Table;
  shardWeights: Float64Table;
}

/** Columns of the table: number of meetings, cells of the block, and its address. */
export const meetingColumns = 3;

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
    if (!this.#block || this.#block.bytes < tableBytes(1, cells)) {
      this.#block?.release();
      this.#block = Storage.allocate(tableBytes(1, Math.max(1, cells)), "shard meetings");
      this.#block.retain();
    }
    const { meetings: table } = this.#layout;
    writeCell(table, this.#shard, 0, meetings.length);
    writeCell(table, this.#shard, 1, cells);
    writeCell(table, this.#shard, 2, this.#block.offset);
  }

  /** Writes what the shard brings to a meeting, whose share starts at `start` of its block. */
  bring({ addresses, size, count }: Meeting, start: number): void {
    const block = blockOf(this.#layout, this.#shard);
    block[start] = count;
    addresses.forEach((address, i) => {
      block.set(floatsAt(address, size), start + 1 + i * size);
    });
  }
}

/** The block that a shard has announced. */
function blockOf({ meetings }: ShardTables, shard: number): Float64Array {
  const columns = readCell(meetings, shard, 1);
  return rowOf({ address: readCell(meetings, shard, 2), rows: 1, columns }, 0);
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
  const times = (shard: number) => readCell(meetings, shard, 0);
  const cells = (shard: number) => readCell(meetings, shard, 1);
  let first: number | undefined;
  for (let shard = 0; shard < shards; shard++) {
    if (readCell(shardWeights, shard, 0) === 0) continue;
    first ??= shard;
    if (times(first) === times(shard) && cells(first) === cells(shard)) continue;
    throw new JobError(
      `train: shard ${shard} normalises over the batch ${times(shard)} times (${cells(shard)} numbers), shard ${first} ${times(first)} times (${cells(first)}); the loss must do the same for every shard`,
    );
  }
  return first === undefined ? 0 : times(first);
}

/** What all shards with samples have brought to a meeting, in their order, by shard. */
export function sharesAt(layout: ShardTables, meeting: Meeting, start: number): Map<number, Share> {
  const shares = new Map<number, Share>();
  for (let shard = 0; shard < layout.shards; shard++) {
    const weight = readCell(layout.shardWeights, shard, 0);
    if (weight === 0) continue;
    const block = blockOf(layout, shard);
    const values = block.subarray(start + 1, start + 1 + numbersOf(meeting));
    shares.set(shard, { place: shard, weight, count: block[start]!, values });
  }
  return shares;
}

/** Puts what came out of a meeting where the pass goes on with it. */
export function takeHome({ addresses, size }: Meeting, merged: Float64Array): void {
  addresses.forEach((address, i) => {
    floatsAt(address, size).set(merged.subarray(i * size, (i + 1) * size));
  });
}
