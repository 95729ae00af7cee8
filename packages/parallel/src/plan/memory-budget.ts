// The memory that a run will need, row by row, computed before it begins; and the error if there is too little. Knows
// sizes only: layout.ts decides what lies where, pass-memory.ts measures the passes.
import { totalmem } from "node:os";
import { MemoryError } from "@shardgrad/core";
import { formatBytes } from "@shardgrad/core/engine";

/** What a row is for, and how to make it smaller. */
const advice = {
  dataset: "give the job a computed set, or columns of bytes (Uint8Array) with a scale",
  weights: "use a smaller model",
  gradients: "use fewer shards",
  "arrays of shards that train apart": "use fewer shards",
  "averaged gradient": "use a smaller model",
  "sums from other machines":
    "use a number of shards that machines divide into powers of two, or more machines",
  "weights to draw by": "draw without weights, or from fewer samples",
  "lists of held-out samples": "give a test set instead of validation, or fewer samples",
  "records of epochs": "use fewer epochs",
  "steps between synchronization points": "use a smaller syncEvery",
  bookkeeping: "use fewer shards, fewer samples to evaluate, or fewer metrics",
  "records of steps": "leave out onStepEnd, log, report and watch, or use fewer steps",
  trace: "leave out trace",
  "optimizer state": "use an optimizer with less state, such as SGD",
  "average of the weights": "leave out ema",
  "frozen parameters and buffers": "use a smaller model",
  snapshots: "keep them in a file, or use a smaller model",
  activations: "use a smaller batchSize, or fewer workers",
  "weights to try, and directions": "use fewer workers, or a smaller model",
  afterStep: "compute less at a time in afterStep",
  evaluation: "use fewer workers, or a smaller model",
  metrics: "evaluate fewer samples, or add up what is needed of them ({ sums, finish })",
  "kernels' workspace": "use fewer workers",
  "building the model": "use fewer workers",
  "the process itself": "hold less in memory besides the run, or use fewer workers",
} as const;

/** One kind of memory: a count times a size. */
export interface MemoryRow {
  what: keyof typeof advice;
  count: number;
  /** What is counted. */
  unit: "" | "array" | "epoch" | "sample" | "shard" | "snapshot" | "step" | "worker";
  eachBytes: number;
  bytes: number;
}

/** What a run needs, and what is available. */
export interface MemoryBudget {
  /** Largest first. */
  rows: readonly MemoryRow[];
  /** Shared memory for all rows. */
  bytes: number;
  /** Shared memory that is free for this run. */
  freeBytes: number;
  /** Other memory of the process: JavaScript, threads, and what only the preparation used. */
  besidesBytes: number;
  /** Memory of the machine, or the container's limit. */
  machineBytes: number;
  /** False if the job's passes could not be measured; the rows are then incomplete. */
  complete: boolean;
}

export function memoryRow(
  what: MemoryRow["what"],
  eachBytes: number,
  count = 1,
  unit: MemoryRow["unit"] = "",
): MemoryRow {
  return { what, count, unit, eachBytes, bytes: count * eachBytes };
}

/** Measured: what Node.js takes besides JavaScript's heap, and what a worker thread takes besides tensors. */
const processBytes = 48 * 1024 ** 2;
const threadBytes = 36 * 1024 ** 2;

/** The machine's memory, or the process's limit if that is smaller. */
export function machineMemory(total = totalmem(), constrained = process.constrainedMemory()): number {
  return constrained > 0 ? Math.min(total, constrained) : total;
}

/** What a budget includes besides its rows. */
export interface Surroundings {
  /** Shared memory for the run, including what it has already taken. */
  freeBytes: number;
  workers: number;
  /** Shared memory that is free again when the workers start, but stays with the process. Default 0. */
  preparingBytes?: number;
  /** Whether the rows are complete. Default true. */
  complete?: boolean;
}

export function budgetOf(
  rows: readonly MemoryRow[],
  { freeBytes, workers, preparingBytes = 0, complete = true }: Surroundings,
): MemoryBudget {
  const present = rows.filter(({ bytes }) => bytes > 0).sort((a, b) => b.bytes - a.bytes);
  const { heapTotal, external } = process.memoryUsage();
  return {
    rows: present,
    bytes: present.reduce((sum, row) => sum + row.bytes, 0),
    freeBytes,
    besidesBytes: processBytes + heapTotal + external + preparingBytes + workers * threadBytes,
    machineBytes: machineMemory(),
    complete,
  };
}

/** The rows as lines of a table: what, how it is computed, how much. */
export function describeRows(rows: readonly MemoryRow[]): string {
  const cells = rows.map(({ what, count, unit, eachBytes, bytes }) => [
    what,
    unit === "" ? "" : `${count} ${unit}${count === 1 ? "" : "s"} × ${formatBytes(eachBytes)}`,
    formatBytes(bytes),
  ]);
  const width = (column: number) => Math.max(...cells.map((row) => row[column]!.length));
  const [first, second, third] = [width(0), width(1), width(2)];
  return cells
    .map(([a, b, c]) => `  ${a!.padEnd(first)}  ${b!.padEnd(second)}  ${c!.padStart(third)}`)
    .join("\n");
}

/** What snapshots in a file would save, if they are a part of what is missing that counts. */
function savedOnDisk(rows: readonly MemoryRow[], missing: number): string {
  const bytes = rows.find(({ what }) => what === "snapshots")?.bytes ?? 0;
  if (bytes === 0 || (bytes < missing / 10 && rows[0]!.what !== "snapshots")) return "";
  return `; snapshots: "disk" (--snapshots disk) saves ${formatBytes(bytes)}`;
}

/**
 * Throws unless a run fits into the shared memory and into the machine.
 *
 * @param reach the shared memory that there is, and whose it is
 * @throws MemoryError with a line that says what is too large, and a table of its parts
 */
export function requireRoom(
  budget: MemoryBudget,
  { reachBytes, owner }: { reachBytes: number; owner: string },
): void {
  const { rows, bytes, freeBytes, besidesBytes, machineBytes, complete } = budget;
  const more = complete ? "" : "\n  and what comes on top of these, which was not measured";
  const refuse = (need: string, room: string, table: readonly MemoryRow[], missing: number) => {
    const { what } = table[0]!;
    return new MemoryError(
      `train: the run needs ${need}, but ${room}; most of it is ${what}: ${advice[what]}${savedOnDisk(table, missing)}\n${describeRows(table)}${more}`,
    );
  };
  if (bytes > freeBytes) {
    const free = `${formatBytes(freeBytes)} of the ${formatBytes(reachBytes)} that ${owner} are free`;
    throw refuse(`${formatBytes(bytes)} of shared memory`, free, rows, bytes - freeBytes);
  }
  const total = bytes + besidesBytes;
  if (total > machineBytes) {
    const table = [...rows, memoryRow("the process itself", besidesBytes)];
    const room = `this machine, or container, has ${formatBytes(machineBytes)}`;
    throw refuse(
      `${formatBytes(total)} of memory`,
      room,
      table.sort((a, b) => b.bytes - a.bytes),
      total - machineBytes,
    );
  }
}
