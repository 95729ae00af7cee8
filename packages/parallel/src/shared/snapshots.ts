// Copies of a run's state in shared memory, each of one step: what a run goes back to when a worker fails, and what a
// checkpoint is written from. Workers copy a slice each, between two barriers, so that a copy is whole or void; rank 0
// says into which slot, and tells when it is there. Knows nothing of files.
import type { Tensor } from "@shardgrad/core";
import { Tensor as CoreTensor } from "@shardgrad/core";
import { heap, Storage } from "@shardgrad/core/engine";
import type { Control } from "./control.ts";
import type { Float64Table } from "./float64-table.ts";
import { planTable, readCell, writeCell } from "./float64-table.ts";
import type { Layout } from "./layout.ts";
import { tensorBytes } from "./layout.ts";
import type { Pauses } from "./pauses.ts";
import { sliceOf } from "./slices.ts";

/** A stretch of shared memory. */
export interface SharedArray {
  address: number;
  bytes: number;
}

/** When a snapshot is due; all of it known to rank 0 alone, which tells the others. */
export interface SnapshotSchedule {
  /** For going back after a failure: every so many steps, as often as it costs next to nothing, or never. */
  recovery: number | "cheap" | "never";
  /** For checkpoints: at multiples of these, or the first meeting after each; undefined without. */
  checkpoints: readonly number[] | undefined;
  /** If the best epoch is to be saved, too: steps in an epoch. Its snapshot stays until it is written, or there is a better one. */
  bestOfEvery?: number | undefined;
}

/** Where the slots are; sent to every worker. */
export interface SnapshotPlan extends SnapshotSchedule {
  arrays: SharedArray[];
  slots: number[];
  /** The state of the run in each slot: a row per slot, a column per field of `RunState`. */
  records: Float64Table;
}

/** Where a run is, besides what the arrays hold. */
export interface RunState {
  /** Steps done. */
  step: number;
  /** Updates that the optimizer counts. */
  stepCount: number;
  /** Sums over the current epoch's steps so far. */
  lossSum: number;
  weight: number;
  /** Steps that changed nothing, as a number was not finite. */
  skipped: number;
}

const fields = ["step", "stepCount", "lossSum", "weight", "skipped"] as const satisfies (keyof RunState)[];

/** Everything of a run's shared memory that outlives a step, but for what no step changes. */
function lastingArrays({ weights, state, ema, untrained, flatSize }: Layout): SharedArray[] {
  const addresses = [weights, ...state.map(({ address }) => address), ...(ema === undefined ? [] : [ema])];
  const flat = addresses.map((address) => ({ address, bytes: flatSize * 4 }));
  const { address, changingBytes: bytes } = untrained;
  return bytes > 0 ? [...flat, { address, bytes }] : flat;
}

/**
 * Slots that a schedule needs: one to go back to, one to write into, one that is being written to a disk, and the best one,
 * which waits for that.
 */
export function snapshotCount({ recovery, checkpoints, bestOfEvery }: SnapshotSchedule): number {
  if (recovery === "never" && !checkpoints) return 0;
  if (bestOfEvery !== undefined) return 4;
  return recovery !== "never" && checkpoints ? 3 : 2;
}

/** Reserves the slots that a schedule needs; undefined if it needs none. */
export function planSnapshots(
  layout: Layout,
  schedule: SnapshotSchedule,
  allocate: (bytes: number) => Storage,
): SnapshotPlan | undefined {
  const count = snapshotCount(schedule);
  if (count === 0) return undefined;
  const arrays = lastingArrays(layout);
  const bytes = arrays.reduce((sum, array) => sum + array.bytes, 0);
  return {
    ...schedule,
    arrays,
    slots: Array.from({ length: count }, () => allocate(bytes).offset),
    records: planTable(allocate, count, fields.length),
  };
}

function writeState({ records }: SnapshotPlan, slot: number, state: RunState): void {
  fields.forEach((field, column) => {
    writeCell(records, slot, column, state[field]);
  });
}

/** What the record of a slot says. */
export function readState({ records }: SnapshotPlan, slot: number): RunState {
  const entries = fields.map((field, column) => [field, readCell(records, slot, column)]);
  return Object.fromEntries(entries) as unknown as RunState;
}

/** Copies one part of all arrays to a slot, or back. */
function copyArrays(
  { arrays, slots }: SnapshotPlan,
  slot: number,
  direction: "to slot" | "from slot",
  [rank, workers]: readonly [rank: number, workers: number] = [0, 1],
): void {
  const bytes = heap().uint8;
  let at = slots[slot]!;
  for (const array of arrays) {
    const [from, end] = sliceOf(array.bytes / 4, rank, workers).map((element) => element * 4) as [
      number,
      number,
    ];
    // Slices are of whole cache lines; what is left of an array that is not falls to the last.
    const to = rank === workers - 1 ? array.bytes : end;
    const [target, source] = direction === "to slot" ? [at, array.address] : [array.address, at];
    bytes.copyWithin(target + from, source + from, source + to);
    at += array.bytes;
  }
}

/** The newest whole snapshot; undefined if there is none. For the coordinator. */
export function newestSlot(control: Control): number | undefined {
  const slot = control.load("newestSnapshot") - 1;
  return slot < 0 ? undefined : slot;
}

/** The best snapshot that is still to be written; undefined if there is none. For the coordinator, when no worker runs. */
export function bestSlot(control: Control): number | undefined {
  const slot = control.load("bestSnapshot") - 1;
  return slot < 0 ? undefined : slot;
}

/** Makes the first snapshot, before any worker runs. */
export function takeFirst(plan: SnapshotPlan, control: Control, state: RunState): void {
  copyArrays(plan, 0, "to slot");
  writeState(plan, 0, state);
  control.store("newestSnapshot", 1);
}

/** Overwrites the run's arrays with a snapshot; only while no worker runs. */
export function goBack(plan: SnapshotPlan, slot: number): RunState {
  copyArrays(plan, slot, "from slot");
  return readState(plan, slot);
}

/** The same tensor as it was when the snapshot was taken; itself if it is in none of the arrays. */
export function tensorIn(plan: SnapshotPlan, slot: number, tensor: Tensor): Tensor {
  let at = plan.slots[slot]!;
  for (const { address, bytes } of plan.arrays) {
    const offset = tensor.address - address;
    if (offset >= 0 && offset < bytes) {
      const storage = Storage.foreign(at + offset, tensorBytes(tensor));
      return CoreTensor.over(storage, tensor.shape, tensor.dtype);
    }
    at += bytes;
  }
  return tensor;
}

/** At most this share of the time goes into snapshots that are taken as often as it is cheap. */
const mostCost = 0.01;
const leastPauseMs = 1000;

/** A worker's side. */
export class SnapshotWriter {
  readonly #plan: SnapshotPlan;
  readonly #control: Control;
  readonly #share: readonly [rank: number, workers: number];
  /** What rank 0 has decided: whether a checkpoint is due, and whether the next snapshot is for it. */
  #due = false;
  #handOver = false;
  #startedMs = 0;
  /** What was done for the next snapshot before it is copied. */
  #checkedMs = 0;
  #nextMs = performance.now() + leastPauseMs;
  /** Steps that were done when it was decided last. */
  #decidedAt: number;

  /** @param step steps done so far */
  constructor(
    plan: SnapshotPlan,
    control: Control,
    { share, step }: { share: readonly [rank: number, workers: number]; step: number },
  ) {
    this.#plan = plan;
    this.#control = control;
    this.#share = share;
    this.#decidedAt = step;
  }

  /** Rank 0, between the barriers of a step: whether all take a snapshot once `step` steps are done, and where. */
  *decide(step: number, { ends, mayEnd }: { ends: boolean; mayEnd: boolean }): Pauses {
    const { recovery, checkpoints, bestOfEvery } = this.#plan;
    const control = this.#control;
    const requested = control.load("checkpointRequested") === 1;
    if (requested) control.store("checkpointRequested", 0);
    this.#due ||= requested || (checkpoints?.some((every) => this.#passes(step, every)) ?? false);
    this.#handOverBest();
    // While the one before is still being written, it waits: snapshots must not pile up.
    this.#handOver = this.#due && !ends && control.load("checkpointSlot") === 0;
    const take = this.#handOver || (mayEnd && checkpoints !== undefined) || this.#recoveryDue(step, recovery);
    const mayBeBest = bestOfEvery !== undefined && step % bestOfEvery === 0;
    // With two slots, one of which is being written: the last step must not be missed.
    while (take && this.#freeSlot() < 0 && control.load("checkpointSlot") !== 0) yield "disk";
    control.store("snapshotInto", take || mayBeBest ? this.#freeSlot() + 1 : 0);
    control.store("snapshotIfBest", mayBeBest && !take ? 1 : 0);
    this.#decidedAt = step;
  }

  /** Whether a checkpoint is due after so many steps, or may be, as far as it is known beforehand. */
  savesAt(step: number): boolean {
    const { checkpoints = [], bestOfEvery } = this.#plan;
    return [...checkpoints, bestOfEvery].some((every) => every !== undefined && step % every === 0);
  }

  /** Rank 0: the best snapshot that waits for the disk goes there before any other, once that is free. */
  #handOverBest(): void {
    const control = this.#control;
    const best = control.load("bestSnapshot");
    if (best === 0 || control.load("checkpointSlot") !== 0) return;
    control.store("checkpointSlot", best);
    control.store("bestSnapshot", 0);
  }

  /** Whether a multiple of `every` steps has been reached since the last decision. */
  #passes(step: number, every: number): boolean {
    return Math.floor(step / every) > Math.floor(this.#decidedAt / every);
  }

  /** Rank 0: whether the next snapshot is for a checkpoint, or is if the epoch is the best. */
  get maySave(): boolean {
    return this.#handOver || this.#control.load("snapshotIfBest") === 1;
  }

  /** Whether it was decided so, given whether the epoch that ends is the best so far; for everybody, at the same step. */
  wanted(isBest: boolean): boolean {
    const control = this.#control;
    return control.load("snapshotInto") > 0 && (isBest || control.load("snapshotIfBest") === 0);
  }

  /** Counts time that a snapshot took before it is copied. */
  countIn(ms: number): void {
    this.#checkedMs = ms;
  }

  /** Copies this worker's slice; a barrier must follow. */
  copy(): void {
    this.#startedMs = performance.now();
    copyArrays(this.#plan, this.#control.load("snapshotInto") - 1, "to slot", this.#share);
  }

  /** Rank 0, behind that barrier: the snapshot is whole; `isBest` if it is of the best epoch so far. */
  publish(state: RunState, isBest = false): void {
    const control = this.#control;
    const slot = control.load("snapshotInto") - 1;
    writeState(this.#plan, slot, state);
    // First, as a run that goes back to the newest one does not come to the end of this epoch again.
    if (isBest) control.store("bestSnapshot", slot + 1);
    control.store("newestSnapshot", slot + 1);
    if (this.#handOver) {
      control.store("checkpointSlot", slot + 1);
      if (isBest) control.store("bestSnapshot", 0);
      this.#due = false;
    }
    this.#handOverBest();
    const nowMs = performance.now();
    const tookMs = nowMs - this.#startedMs + this.#checkedMs;
    this.#nextMs = nowMs + Math.max(leastPauseMs, tookMs / mostCost);
  }

  #recoveryDue(step: number, recovery: SnapshotSchedule["recovery"]): boolean {
    if (recovery === "never") return false;
    return recovery === "cheap" ? performance.now() >= this.#nextMs : this.#passes(step, recovery);
  }

  /** One that nobody reads or goes back to. */
  #freeSlot(): number {
    const words = ["newestSnapshot", "checkpointSlot", "bestSnapshot"] as const;
    const taken = words.map((word) => this.#control.load(word) - 1);
    return this.#plan.slots.findIndex((_, slot) => !taken.includes(slot));
  }
}
