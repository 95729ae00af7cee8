// What the shards of each machine have in tables, as segments to share.

import type { Machines } from "../shared/arrays/machines.ts";
import { shardsOfMachine } from "../shared/arrays/machines.ts";
import type { Layout } from "../shared/layout.ts";
import type { Float64Table } from "../shared/tables/float64-table.ts";
import { cellAddress, tableBytes } from "../shared/tables/float64-table.ts";
import type { Segment } from "./connection.ts";

/** Rows of a table. */
export function rowsOf(table: Float64Table, [from, to]: readonly [from: number, to: number]): Segment {
  return { address: cellAddress(table, from, 0), bytes: tableBytes(to - from, table.columns) };
}

/** For each machine, what `of` says of its shards. */
export function segmentsByMachine(
  { layout, machines }: { layout: Pick<Layout, "shards">; machines: Machines },
  of: (shards: readonly [from: number, to: number]) => Segment[],
): Segment[][] {
  return machines.workers.map((_, machine) => of(shardsOfMachine(layout.shards, machines, machine)));
}
