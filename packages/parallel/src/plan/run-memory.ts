// The budget of a training run: what its model, its optimizer, its data and its passes need; and how much of the shared
// memory its workers get. For the main thread, before anything but the data is laid out.
import type { AnyModule, Optimizer, Tensor } from "@shardgrad/core";
import { MemoryError } from "@shardgrad/core";
import { blockSize, formatBytes, heap } from "@shardgrad/core/engine";
import { storedBytes } from "../data/column-data.ts";
import type { FoundSet } from "../data/dataset.ts";
import type { RunJob } from "../job/define-job.ts";
import type { MetricsPlan } from "../metrics/plan.ts";
import { noMetrics } from "../metrics/plan.ts";
import { epochColumns } from "../shared/epoch-records.ts";
import { tableBytes } from "../shared/float64-table.ts";
import type { LayoutSizes } from "../shared/layout.ts";
import { layoutBytes, placeParameters, placeUntrained, tensorBytes } from "../shared/layout.ts";
import { stepBytes } from "../shared/local-memory.ts";
import { snapshotCount } from "../shared/snapshots.ts";
import { stepColumns } from "../shared/step-records.ts";
import { trainedParameters, untrainedTensors } from "../shared/untrained.ts";
import type { MemoryBudget, MemoryRow } from "./memory-budget.ts";
import { budgetOf, memoryRow, requireRoom } from "./memory-budget.ts";
import type { RunPlan } from "./options.ts";
import type { PassMemory } from "./pass-memory.ts";

const mebibyte = 1024 ** 2;

/** What the kernels of a thread take for themselves, to pack matrices: see `kernels/wasm.ts` of core. */
const workspaceBytes = 640 * 1024;

/** Bytes of a set's columns; what is computed needs none. */
function columnBytes(set: FoundSet): number {
  let bytes = 0;
  for (const column of Object.values(set)) {
    const data: unknown = (column as { data?: unknown } | null)?.data ?? column;
    bytes += blockSize(storedBytes(data));
  }
  return bytes;
}

/** @throws MemoryError if there is no room for the sets of a job, which are copied into shared memory */
export function requireRoomForData(sets: readonly (FoundSet | undefined)[]): void {
  const bytes = sets.reduce((sum, set) => sum + (set ? columnBytes(set) : 0), 0);
  const { arena } = heap();
  const freeBytes = arena.bytes - arena.live;
  requireRoom(budgetOf([memoryRow("dataset", bytes)], { freeBytes, workers: 0, complete: false }));
}

/**
 * What is kept for each sample to train on besides its columns, which may be computed.
 *
 * @param dataBytes what is stored of the sets
 * @throws MemoryError if there is no room for it; no function of the job has been asked for any of it yet
 */
export function requireRoomForOrder(
  { validation, sampling = {} }: Pick<RunJob, "validation" | "sampling">,
  samples: number,
  dataBytes: number,
): void {
  const weighted = sampling.weights !== undefined || sampling.balance !== undefined;
  const stratified = typeof validation === "object" && validation.stratify !== undefined;
  const { arena } = heap();
  const rows = [
    memoryRow("dataset", dataBytes),
    memoryRow("weights to draw by", 8, weighted ? samples : 0, "sample"),
    memoryRow("lists of held-out samples", 4, validation === undefined ? 0 : samples, "sample"),
  ];
  const freeBytes = arena.bytes - arena.live + dataBytes;
  // In JavaScript's memory, until they are in the shared one.
  const preparingBytes = samples * ((weighted || stratified ? 8 : 0) + (validation === undefined ? 0 : 5));
  requireRoom(budgetOf(rows, { freeBytes, workers: 0, preparingBytes, complete: false }));
}

/** Memory that a run's parts take; `dataBytes` lie there already. */
export interface BudgetParts {
  job: RunJob;
  model: AnyModule;
  optimizer: Optimizer;
  plan: RunPlan;
  /** What is laid out, once it is known what metrics need. */
  sizesFor: (metrics: MetricsPlan) => LayoutSizes;
  dataBytes: number;
}

/** Bytes of blocks, one for each tensor, that a thread takes to build the model and what belongs to it. */
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

/** Arrays of optimizer state; and averages of the weights. */
const statesOf = ({ state }: Optimizer) => new Set(state.flatMap((tensors) => Object.keys(tensors))).size;
const averagesOf = ({ ema }: RunJob) => (ema === undefined ? 0 : 1);

/** What is laid out by `planLayout`, row by row. */
function layoutRows(
  { job, model, optimizer, plan, sizesFor }: BudgetParts,
  metrics: MetricsPlan,
): MemoryRow[] {
  const { shards, local } = plan;
  const sizes = sizesFor(metrics);
  const flat = placeParameters(model).flatSize * 4;
  const states = statesOf(optimizer);
  const apart = local ? states + (local.hogwild ? 0 : 1) : 0;
  const stepBytesTold = tableBytes(1, stepColumns(optimizer.paramGroups.length));
  const epochBytes = tableBytes(1, epochColumns(metrics.cells));
  const untrained = placeUntrained(model, job.afterStep !== undefined);
  const rows = [
    memoryRow("weights", blockSize(flat)),
    memoryRow("gradients", blockSize(flat * shards) / shards, shards, "shard"),
    memoryRow("arrays of shards that train apart", blockSize(flat * shards), apart, "array"),
    memoryRow("averaged gradient", blockSize(flat)),
    memoryRow("optimizer state", blockSize(flat), states, "array"),
    memoryRow("average of the weights", blockSize(flat), averagesOf(job)),
    memoryRow("frozen parameters and buffers", blockSize(untrained.bytes), untrained.bytes > 0 ? 1 : 0),
    memoryRow("steps told to onStepEnd", stepBytesTold, sizes.recordedSteps ?? 0, "step"),
    memoryRow("steps between synchronization points", stepBytes * shards, sizes.local?.steps ?? 0, "step"),
    memoryRow("records of epochs", epochBytes + stepBytesTold, sizes.epochs, "epoch"),
    memoryRow("metrics", blockSize(metrics.bytes), metrics.bytes > 0 ? 1 : 0),
  ];
  const rest = layoutBytes(model, optimizer, sizes) - rows.reduce((sum, { bytes }) => sum + bytes, 0);
  // All that is not worth a row of its own, with what blocks are rounded up to.
  return [...rows, memoryRow("bookkeeping", rest)];
}

/**
 * Adds everything up. Lets the metrics be tried and the passes be measured, unless there is no room even without them.
 */
export function planMemory(
  parts: BudgetParts,
  measure: () => { metrics: MetricsPlan; passes: PassMemory },
): { metrics: MetricsPlan; budget: MemoryBudget } {
  const { job, model, optimizer, plan, dataBytes } = parts;
  const { workers } = plan;
  const { arena } = heap();
  const building = buildingBytes(parts);
  // The main thread's own model is there now, and gives its place back when it is laid out.
  const freeBytes = arena.bytes - arena.live + dataBytes + building;
  const flat = placeParameters(model).flatSize * 4;
  const changing = placeUntrained(model, job.afterStep !== undefined).changingBytes;
  const lasting = flat * (1 + statesOf(optimizer) + averagesOf(job)) + changing;
  const besides = [
    memoryRow("dataset", dataBytes),
    memoryRow("snapshots", blockSize(lasting), snapshotCount(plan.snapshots), "snapshot"),
  ];
  // The main thread's model, the one for measuring, and its gradients.
  const around = { freeBytes, workers, preparingBytes: building + 2 * flat };
  requireRoom(budgetOf([...besides, ...layoutRows(parts, noMetrics)], { ...around, complete: false }));
  const { metrics, passes: found } = measure();
  const { training, afterStep, evaluation } = found;
  const passes = (training ?? 0) + (afterStep ?? 0) + (evaluation ?? 0);
  const rows = [
    ...besides,
    ...layoutRows(parts, metrics),
    memoryRow("activations", training ?? 0, workers, "worker"),
    memoryRow("afterStep", afterStep ?? 0, workers, "worker"),
    memoryRow("evaluation", evaluation ?? 0, workers, "worker"),
    memoryRow("kernels' workspace", workspaceBytes, workers, "worker"),
    // Its place is free again before passes need theirs.
    memoryRow("building the model", Math.max(0, building - passes), workers, "worker"),
  ];
  const complete = [training, afterStep, evaluation].every((bytes) => bytes !== undefined);
  const budget = budgetOf(rows, { ...around, complete });
  requireRoom(budget);
  return { metrics, budget };
}

/**
 * How much address space each worker gets. It costs nothing until it is used; but what one run has reserved, another in
 * the same process cannot have. So: four times what it is to need, and no less than 64 MiB more than that, as long as
 * half of what is free stays so; less, down to its need with an eighth to spare, if there is less; and half of what is
 * free if it is not known.
 *
 * @throws MemoryError if another run has taken what was free when this one was planned
 */
export function workerBytes({ rows, complete }: MemoryBudget, workers: number, largestFree: number): number {
  const need = rows.reduce((sum, row) => sum + (row.unit === "worker" ? row.eachBytes : 0), 0);
  const half = largestFree / 2 / workers;
  const generous = complete ? Math.min(half, 4 * need + 64 * mebibyte) : half;
  const most = (largestFree * 0.95) / workers;
  const bytes = Math.min(most, Math.max(generous, need * 1.125));
  if (bytes < need) {
    throw new MemoryError(
      `train: each of ${workers} workers needs ${formatBytes(need)} of shared memory, but ${formatBytes(bytes)} are left, as another run has taken the rest meanwhile; wait for its end, or use fewer workers`,
    );
  }
  return Math.floor(bytes / 65536) * 65536;
}
