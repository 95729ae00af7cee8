// The memory budget of a training run: its model, its optimizer, its data and its passes; and how much shared memory
// each worker gets. For the main thread, when only the data is laid out.
import type { AnyModule, Optimizer, Tensor } from "@shardgrad/core";
import { MemoryError } from "@shardgrad/core";
import { blockSize, formatBytes } from "@shardgrad/core/engine";
import { storedBytes } from "../data/column-data.ts";
import type { FoundSet } from "../data/dataset.ts";
import type { RunJob } from "../job/define-job.ts";
import { pieceBytes } from "../machines/piece-average.ts";
import type { MetricsPlan } from "../metrics/plan.ts";
import { noMetrics } from "../metrics/plan.ts";
import { planBuckets } from "../shared/arrays/buckets.ts";
import { stepBytes } from "../shared/arrays/local-memory.ts";
import { isShared } from "../shared/arrays/machines.ts";
import { placeParameters, placeUntrained, tensorBytes } from "../shared/arrays/model-places.ts";
import { trainedParameters, untrainedTensors } from "../shared/arrays/untrained.ts";
import type { LayoutSizes } from "../shared/layout.ts";
import { layoutBytes, slotsOf } from "../shared/layout.ts";
import { slotsInMemory } from "../shared/snapshots/snapshots.ts";
import { epochColumns } from "../shared/tables/epoch-records.ts";
import { tableBytes } from "../shared/tables/float64-table.ts";
import { callColumns } from "../shared/tables/kernel-calls.ts";
import { markColumns } from "../shared/tables/phase-marks.ts";
import { stepColumns } from "../shared/tables/step-records.ts";
import { timeColumns } from "../shared/tables/step-times.ts";
import type { HeapRoom } from "./heap-room.ts";
import type { MemoryBudget, MemoryRow } from "./memory-budget.ts";
import { budgetOf, memoryRow, requireRoom } from "./memory-budget.ts";
import type { PassMemory } from "./pass-memory.ts";
import type { RunPlan } from "./run-plan.ts";

const mebibyte = 1024 ** 2;

/** What a thread's kernels take to pack matrices; see `kernels/scratch.ts` of core. */
const workspaceBytes = 640 * 1024;

/** What a worker holds to estimate a gradient: weights, their start, a direction, sums, and what makes the last two. */
const arraysToEstimate = 8;

/** Bytes of a set's columns; computed samples need none. */
function columnBytes(set: FoundSet): number {
  let bytes = 0;
  for (const column of Object.values(set)) {
    const data: unknown = (column as { data?: unknown } | null)?.data ?? column;
    bytes += blockSize(storedBytes(data));
  }
  return bytes;
}

/**
 * Makes room for the sets of a job.
 *
 * @throws MemoryError if they do not fit into shared memory
 */
export async function makeRoomForData(
  sets: readonly (FoundSet | undefined)[],
  room: HeapRoom,
): Promise<void> {
  const bytes = sets.reduce((sum, set) => sum + (set ? columnBytes(set) : 0), 0);
  const { freeBytes } = room;
  requireRoom(budgetOf([memoryRow("dataset", bytes)], { freeBytes, workers: 0, complete: false }), room);
  await room.make(bytes);
}

/**
 * Memory for each training sample besides its columns, which may be computed.
 *
 * @param dataBytes size of the stored sets
 * @throws MemoryError if there is too little; no function of the job has been called for any of it yet
 */
export function requireRoomForOrder(
  { validation, sampling = {} }: Pick<RunJob, "validation" | "sampling">,
  samples: number,
  dataBytes: number,
  room: HeapRoom,
): void {
  const weighted = sampling.weights !== undefined || sampling.balance !== undefined;
  const stratified = typeof validation === "object" && validation.stratify !== undefined;
  const rows = [
    memoryRow("dataset", dataBytes),
    memoryRow("weights to draw by", 8, weighted ? samples : 0, "sample"),
    memoryRow("lists of held-out samples", 4, validation === undefined ? 0 : samples, "sample"),
  ];
  const freeBytes = room.freeBytes + dataBytes;
  // In JavaScript's memory until they are copied to shared memory.
  const preparingBytes = samples * ((weighted || stratified ? 8 : 0) + (validation === undefined ? 0 : 5));
  requireRoom(budgetOf(rows, { freeBytes, workers: 0, preparingBytes, complete: false }), room);
}

/** The memory of a run's parts; `dataBytes` are already in use. */
export interface BudgetParts {
  job: RunJob;
  model: AnyModule;
  optimizer: Optimizer;
  plan: RunPlan;
  /** The layout, known once the metrics are tried. */
  sizesFor: (metrics: MetricsPlan) => LayoutSizes;
  dataBytes: number;
  room: HeapRoom;
  /** Bytes of the model and the optimizer that have no memory yet, and need none in a worker. */
  unfilledBytes: number;
}

/** Bytes that a thread allocates to build the model and its state, one block per tensor. */
function buildingBytes({ job, model, optimizer }: BudgetParts): number {
  const bytesOf = (tensors: readonly Tensor[]) =>
    tensors.reduce((sum, x) => sum + blockSize(tensorBytes(x)), 0);
  const weights = bytesOf(trainedParameters(model));
  const untrained = bytesOf(untrainedTensors(model).map(([, x]) => x));
  let state = 0;
  for (const tensors of optimizer.state)
    for (const x of Object.values(tensors)) state += blockSize(x.size * 4);
  return weights * (job.ema === undefined ? 1 : 2) + untrained + state;
}

/** Arrays of optimizer state, and averages of the weights. */
const statesOf = ({ state }: Optimizer) => new Set(state.flatMap((tensors) => Object.keys(tensors))).size;
const averagesOf = ({ ema }: RunJob) => (ema === undefined ? 0 : 1);

/** On several machines: bytes of what the link gets from the others. */
function piecesFor(model: AnyModule, sizes: LayoutSizes): number {
  if (!isShared(sizes.machines) || sizes.numbers !== undefined) return 0;
  const { parameters, flatSize } = placeParameters(model);
  const buckets = sizes.overlaps ? planBuckets(parameters, flatSize, sizes.machines.workers.length) : [];
  return blockSize(pieceBytes({ buckets, flatSize, slots: slotsOf(sizes) }));
}

/** What `planLayout` lays out, row by row, and what its link gets. */
function layoutRows(
  { job, model, optimizer, plan, sizesFor }: BudgetParts,
  metrics: MetricsPlan,
): MemoryRow[] {
  const { shards, local } = plan;
  const sizes = sizesFor(metrics);
  const flat = placeParameters(model).flatSize * 4;
  const slots = slotsOf(sizes).count;
  const pieces = piecesFor(model, sizes);
  const states = statesOf(optimizer);
  const apart = local ? states + (local.hogwild ? 0 : 1) : 0;
  const recordBytes = tableBytes(1, stepColumns(optimizer.paramGroups.length));
  const stepBytesTold = recordBytes + (sizes.timesSteps ? tableBytes(1, timeColumns) : 0);
  const epochBytes = tableBytes(1, epochColumns(metrics.cells) + 1) + recordBytes;
  const untrained = placeUntrained(model, job.afterStep !== undefined);
  const rows = [
    memoryRow("weights", blockSize(flat)),
    memoryRow("gradients", blockSize(flat * slots) / slots, slots, "array"),
    memoryRow("arrays of shards that train apart", blockSize(flat * shards), apart, "array"),
    memoryRow("averaged gradient", blockSize(flat)),
    memoryRow("sums from other machines", pieces, pieces > 0 ? 1 : 0),
    memoryRow("optimizer state", blockSize(flat), states, "array"),
    memoryRow("average of the weights", blockSize(flat), averagesOf(job)),
    memoryRow("frozen parameters and buffers", blockSize(untrained.bytes), untrained.bytes > 0 ? 1 : 0),
    memoryRow("records of steps", stepBytesTold, sizes.recordedSteps ?? 0, "step"),
    memoryRow("steps between synchronization points", stepBytes * shards, sizes.local?.steps ?? 0, "step"),
    memoryRow("records of epochs", epochBytes, sizes.epochs, "epoch"),
    memoryRow(
      "trace",
      tableBytes(1, markColumns + callColumns),
      sizes.marksPhases ? plan.workers : 0,
      "worker",
    ),
    memoryRow("metrics", blockSize(metrics.bytes), metrics.bytes > 0 ? 1 : 0),
  ];
  const laidOut = rows.reduce((sum, { bytes }) => sum + bytes, 0) - pieces;
  const rest = layoutBytes(model, optimizer, sizes) - laidOut;
  // Everything too small for a row of its own, and the rounding of blocks.
  return [...rows, memoryRow("bookkeeping", rest)];
}

/**
 * Adds everything up, and makes room for it. Tries the metrics and measures the passes, unless the rest alone does not
 * fit.
 */
export async function planMemory(
  parts: BudgetParts,
  measure: () => { metrics: MetricsPlan; passes: PassMemory },
): Promise<{ metrics: MetricsPlan; budget: MemoryBudget }> {
  const { job, model, optimizer, plan, dataBytes, room, unfilledBytes } = parts;
  const { workers } = plan;
  const building = buildingBytes(parts) - unfilledBytes;
  // The main thread's own model is in memory now, and frees its place at the layout.
  const ownBytes = dataBytes + building;
  const freeBytes = room.freeBytes + ownBytes;
  const flat = placeParameters(model).flatSize * 4;
  const changing = placeUntrained(model, job.afterStep !== undefined).changingBytes;
  const lasting = flat * (1 + statesOf(optimizer) + averagesOf(job)) + changing;
  const besides = [
    memoryRow("dataset", dataBytes),
    memoryRow("snapshots", blockSize(lasting), slotsInMemory(plan.snapshots), "snapshot"),
  ];
  // The main thread's model, which metrics use, the one for measuring, and its gradients.
  const around = { freeBytes, workers, preparingBytes: Math.max(building, flat) + 2 * flat };
  const known = budgetOf([...besides, ...layoutRows(parts, noMetrics)], { ...around, complete: false });
  requireRoom(known, room);
  await room.make(Math.max(known.bytes - ownBytes, 3 * flat));
  const { metrics, passes: found } = measure();
  const { training, afterStep, evaluation } = found;
  const passes = (training ?? 0) + (afterStep ?? 0) + (evaluation ?? 0);
  const rows = [
    ...besides,
    ...layoutRows(parts, metrics),
    memoryRow("activations", training ?? 0, workers, "worker"),
    memoryRow(
      "weights to try, and directions",
      flat * arraysToEstimate,
      job.gradient ? workers : 0,
      "worker",
    ),
    memoryRow("afterStep", afterStep ?? 0, workers, "worker"),
    memoryRow("evaluation", evaluation ?? 0, workers, "worker"),
    memoryRow("kernels' workspace", workspaceBytes, workers, "worker"),
    // Its place is free again before passes need theirs.
    memoryRow("building the model", Math.max(0, building - passes), workers, "worker"),
  ];
  const complete = [training, afterStep, evaluation].every((bytes) => bytes !== undefined);
  const budget = budgetOf(rows, { ...around, complete });
  requireRoom(budget, room);
  const need = needOfWorker(rows);
  await room.make(budget.bytes - ownBytes + workers * (blockSize(need) - need));
  return { metrics, budget };
}

const needOfWorker = (rows: readonly MemoryRow[]) =>
  rows.reduce((sum, row) => sum + (row.unit === "worker" && row.bytes > 0 ? row.eachBytes : 0), 0);

/** The longest block that is not longer than so many bytes. */
function blockBelow(bytes: number): number {
  const step = 2 ** (Math.ceil(Math.log2(bytes)) - 4);
  return Math.floor(bytes / step) * step;
}

/**
 * How much address space each worker reserves. Unused space costs nothing, but another run in the same process cannot
 * have it. So a worker gets four times its need, at least 64 MiB above it, as long as half of the free space remains.
 * If there is less, it gets less, down to its need plus an eighth. If the need is unknown, workers get half of the free
 * space.
 *
 * @throws MemoryError if another run has taken the space since this one was planned
 */
export function workerBytes({ rows, complete }: MemoryBudget, workers: number, largestFree: number): number {
  const need = needOfWorker(rows);
  const half = largestFree / 2 / workers;
  const generous = complete ? Math.min(half, 4 * need + 64 * mebibyte) : half;
  const most = (largestFree * 0.95) / workers;
  const bytes = Math.min(most, Math.max(generous, need * 1.125));
  // The allocator rounds up.
  const fits =
    blockSize(bytes) * workers <= largestFree ? bytes : Math.max(blockSize(need), blockBelow(bytes));
  if (bytes < need || blockSize(fits) * workers > largestFree) {
    throw new MemoryError(
      `train: each of ${workers} workers needs ${formatBytes(need)} of shared memory, but ${formatBytes(bytes)} are left, as another run has taken the rest meanwhile; wait for its end, or use fewer workers`,
    );
  }
  return Math.floor(fits / 65536) * 65536;
}
