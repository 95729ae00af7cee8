// What shards that normalize over the whole batch exchange (step/lockstep.ts), between machines. Blocks of other machines'
// shards get memory here, and the table of exchanges says where.
import { Storage } from "@shardgrad/core/engine";
import type { Machines } from "../shared/arrays/machines.ts";
import { shardsOfMachine } from "../shared/arrays/machines.ts";
import { sizesAt } from "../shared/arrays/shard-exchanges.ts";
import type { Layout } from "../shared/layout.ts";
import { readCell, tableBytes, writeCell } from "../shared/tables/float64-table.ts";
import type { Connection } from "./connection.ts";
import type { Waiting } from "./news.ts";
import { rowsOf, segmentsByMachine } from "./shard-rows.ts";

const bytesPerCell = 8;

export class LockstepExchanges {
  readonly #parts: { layout: Layout; machines: Machines; connection: Connection };
  /** The blocks of others' shards, by shard. */
  readonly #blocks = new Map<number, Storage>();
  /** The next exchange of the step, and the cell where it starts. */
  #exchange = 0;
  #cell = 0;

  constructor(parts: { layout: Layout; machines: Machines; connection: Connection }) {
    this.#parts = parts;
  }

  /** The tables of exchanges, and then the first of them. */
  *announce(): Waiting {
    const { layout, connection } = this.#parts;
    const { exchanges, shardWeights, shards } = layout;
    yield* connection.share(
      segmentsByMachine(this.#parts, (range) => [rowsOf(exchanges, range), rowsOf(shardWeights, range)]),
    );
    const [from, to] = shardsOfMachine(shards, this.#parts.machines);
    for (let shard = 0; shard < shards; shard++) {
      if (shard >= from && shard < to) continue;
      const count = readCell(exchanges, shard, 0);
      const block = this.#blockFor(shard, tableBytes(1, count + readCell(exchanges, shard, 1)));
      writeCell(exchanges, shard, 2, block + tableBytes(1, count));
    }
    const heavy = this.#heavyShard();
    const count = heavy === undefined ? 0 : readCell(exchanges, heavy, 0);
    this.#exchange = 0;
    // The sizes of the exchanges lie before their numbers.
    this.#cell = -count;
    yield* this.#shareCells(count);
    yield* this.next();
  }

  /** The next of them, once all shards have brought their part. */
  *next(): Waiting {
    const { exchanges } = this.#parts.layout;
    const shard = this.#heavyShard();
    if (shard === undefined || this.#exchange >= readCell(exchanges, shard, 0)) return;
    const sizes = sizesAt(this.#parts.layout, shard);
    yield* this.#shareCells(sizes[this.#exchange++]!);
  }

  /** Shares the next cells of the blocks of all shards with samples. */
  *#shareCells(cells: number): Waiting {
    const { exchanges, shardWeights } = this.#parts.layout;
    const start = this.#cell * bytesPerCell;
    this.#cell += cells;
    yield* this.#parts.connection.share(
      segmentsByMachine(this.#parts, ([from, to]) =>
        Array.from({ length: to - from }, (_, i) => from + i)
          .filter((shard) => readCell(shardWeights, shard, 0) !== 0)
          .map((shard) => ({
            address: readCell(exchanges, shard, 2) + start,
            bytes: cells * bytesPerCell,
          })),
      ),
    );
  }

  /** The first shard with samples of any weight. */
  #heavyShard(): number | undefined {
    const { shardWeights, shards } = this.#parts.layout;
    for (let shard = 0; shard < shards; shard++) if (readCell(shardWeights, shard, 0) !== 0) return shard;
    return undefined;
  }

  #blockFor(shard: number, bytes: number): number {
    let block = this.#blocks.get(shard);
    if (!block || block.bytes < bytes) {
      block?.release();
      block = Storage.allocate(Math.max(8, bytes), "shard exchanges");
      block.retain();
      this.#blocks.set(shard, block);
    }
    return block.offset;
  }

  /** The running statistics of the machine that has the first shard with samples. */
  *settle(): Waiting {
    const { untrained } = this.#parts.layout;
    const heavy = this.#heavyShard();
    const statistics = { address: untrained.address, bytes: untrained.changingBytes };
    yield* this.#parts.connection.share(
      segmentsByMachine(this.#parts, ([from, to]) =>
        heavy !== undefined && heavy >= from && heavy < to ? [statistics] : [],
      ),
    );
  }
}
