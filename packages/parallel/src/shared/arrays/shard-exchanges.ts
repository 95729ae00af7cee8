// Where shards of a batch exchange numbers. Each shard has a block of float64, with the count and the numbers of each
// exchange of its pass. A table says where the blocks are. It knows neither when they are written and read (lockstep.ts
// ensures that), nor what the numbers mean (core's batchNorm).
import type { Exchange, Share } from "@shardgrad/core/engine";
import { Storage } from "@shardgrad/core/engine";
import { JobError } from "../../errors.ts";
import type { Float64Table } from "../tables/float64-table.ts";
import { readCell, rowOf, tableBytes, writeCell } from "../tables/float64-table.ts";
import { floatsAt } from "./slices.ts";

/** What the shards of a batch share, one row each. */
export interface ShardTables {
  shards: number;
  /** Of `exchangeColumns` columns. */
  exchanges: Float64Table;
  shardWeights: Float64Table;
}

/** Columns of the table: number of exchanges, cells of the block, and its address. Before it lie the cells of each exchange. */
export const exchangeColumns = 3;

const numbersOf = ({ addresses, size }: Exchange): number => addresses.length * size;

/** One shard's part of the exchanges of a step. Its owner writes, all read. */
export class ShardBlock {
  readonly #layout: ShardTables;
  readonly #shard: number;
  #block: Storage | undefined;

  constructor(layout: ShardTables, shard: number) {
    this.#layout = layout;
    this.#shard = shard;
  }

  /** Announces the exchanges of this step: none if the shard has no samples. */
  announce(exchanges: readonly Exchange[]): void {
    const sizes = exchanges.map(shareCells);
    const cells = sizes.reduce((sum, size) => sum + size, 0);
    const bytes = tableBytes(1, sizes.length + Math.max(1, cells));
    if (!this.#block || this.#block.bytes < bytes) {
      this.#block?.release();
      this.#block = Storage.allocate(bytes, "shard exchanges");
      this.#block.retain();
    }
    rowOf({ address: this.#block.offset, rows: 1, columns: sizes.length }, 0).set(sizes);
    const { exchanges: table } = this.#layout;
    writeCell(table, this.#shard, 0, exchanges.length);
    writeCell(table, this.#shard, 1, cells);
    writeCell(table, this.#shard, 2, this.#block.offset + tableBytes(1, sizes.length));
  }

  /** Writes the shard's part of an exchange, which starts at `start` of its block. */
  contribute({ addresses, size, count }: Exchange, start: number): void {
    const block = blockOf(this.#layout, this.#shard);
    block[start] = count;
    addresses.forEach((address, i) => {
      block.set(floatsAt(address, size), start + 1 + i * size);
    });
  }
}

/** The block that a shard has announced. */
function blockOf({ exchanges }: ShardTables, shard: number): Float64Array {
  const columns = readCell(exchanges, shard, 1);
  return rowOf({ address: readCell(exchanges, shard, 2), rows: 1, columns }, 0);
}

/** The cells of each exchange of a shard. */
export function sizesAt({ exchanges }: ShardTables, shard: number): Float64Array {
  const columns = readCell(exchanges, shard, 0);
  return rowOf({ address: readCell(exchanges, shard, 2) - tableBytes(1, columns), rows: 1, columns }, 0);
}

/** Cells of a block that an exchange takes. */
export function shareCells(exchange: Exchange): number {
  return 1 + numbersOf(exchange);
}

/**
 * How many exchanges the shards of a step have.
 *
 * @throws JobError if they do not agree
 */
export function agreeOnExchanges({ exchanges, shardWeights, shards }: ShardTables): number {
  const times = (shard: number) => readCell(exchanges, shard, 0);
  const cells = (shard: number) => readCell(exchanges, shard, 1);
  let first: number | undefined;
  for (let shard = 0; shard < shards; shard++) {
    if (readCell(shardWeights, shard, 0) === 0) continue;
    first ??= shard;
    if (times(first) === times(shard) && cells(first) === cells(shard)) continue;
    throw new JobError(
      `train: shard ${shard} normalizes over the batch ${times(shard)} times (${cells(shard)} numbers), shard ${first} ${times(first)} times (${cells(first)}); the loss must do the same for every shard`,
    );
  }
  return first === undefined ? 0 : times(first);
}

/** What all shards with samples wrote for an exchange, in their order, by shard. */
export function sharesAt(layout: ShardTables, exchange: Exchange, start: number): Map<number, Share> {
  const shares = new Map<number, Share>();
  for (let shard = 0; shard < layout.shards; shard++) {
    const weight = readCell(layout.shardWeights, shard, 0);
    if (weight === 0) continue;
    const block = blockOf(layout, shard);
    const values = block.subarray(start + 1, start + 1 + numbersOf(exchange));
    shares.set(shard, { place: shard, weight, count: block[start]!, values });
  }
  return shares;
}

/** Puts the result of an exchange where the pass reads it. */
export function storeMerged({ addresses, size }: Exchange, merged: Float64Array): void {
  addresses.forEach((address, i) => {
    floatsAt(address, size).set(merged.subarray(i * size, (i + 1) * size));
  });
}
