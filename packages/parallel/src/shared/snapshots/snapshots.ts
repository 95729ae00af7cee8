// Copies of a run's state, each from one step. A run restarts from them when a worker fails, and checkpoints are
// written from them. Each worker copies a slice between two barriers, so a copy is whole or void. Rank 0 chooses the
// slot, and announces the finished copy. Where the slots are is snapshot-slots.ts's part.
import type { Tensor } from "@shardgrad/core";
import type { Storage } from "@shardgrad/core/engine";
import { tensorBytes } from "../arrays/model-places.ts";
import type { Layout } from "../layout.ts";
import type { Float64Table } from "../tables/float64-table.ts";
import { planTable, readCell, writeCell } from "../tables/float64-table.ts";
import type { Control } from "../words/control.ts";
import type { Pauses } from "../words/pauses.ts";
import type { Share, SharedArray, SlotPlan, SnapshotsChoice } from "./snapshot-slots.ts";
import { bytesInSlot, restoreSlot, slotBytes, storeSlot } from "./snapshot-slots.ts";

/** When a snapshot is due. Only rank 0 knows it, and tells the others. */
export interface SnapshotSchedule {
  place: SnapshotsChoice;
  /** For restarts: every so many steps, as often as it costs almost nothing, or never. */
  recovery: number | "cheap" | "never";
  /** For checkpoints: at multiples of these, or the first synchronization point after each; undefined without. */
  checkpoints: readonly number[] | undefined;
  /** If the best epoch is saved, too: steps in an epoch. Its snapshot stays until it is written, or a better one replaces it. */
  bestOfEvery?: number | undefined;
}

/** Where the slots are; sent to every worker. */
export interface SnapshotPlan extends SnapshotSchedule, SlotPlan {
  /** The state of the run in each slot: a row per slot, a column per field of `RunState`. */
  records: Float64Table;
}

/** Where a run is, besides the contents of the arrays. */
export interface RunState {
  /** Steps done. */
  step: number;
  /** Updates that the optimizer counts. */
  stepCount: number;
  /** Sums over the current epoch's steps so far. */
  lossSum: number;
  weight: number;
  /** Steps that changed nothing, because a number was not finite. */
  skipped: number;
}

const fields = ["step", "stepCount", "lossSum", "weight", "skipped"] as const satisfies (keyof RunState)[];

/** Everything in a run's shared memory that outlives a step, without what no step changes. */
export function lastingArrays({ weights, state, ema, untrained, flatSize }: Layout): SharedArray[] {
  const addresses = [weights, ...state.map(({ address }) => address), ...(ema === undefined ? [] : [ema])];
  const flat = addresses.map((address) => ({ address, bytes: flatSize * 4 }));
  const { address, changingBytes: bytes } = untrained;
  return bytes > 0 ? [...flat, { address, bytes }] : flat;
}

/**
 * The slots that a schedule needs: one to restart from, one to write into, one being written to disk, and the best one,
 * which waits for the disk.
 */
function slotCount({ place, recovery, checkpoints, bestOfEvery }: SnapshotSchedule): number {
  if (recovery === "never" && !checkpoints) return 0;
  if (place === "off") return 1;
  if (bestOfEvery !== undefined) return 4;
  return recovery !== "never" && checkpoints ? 3 : 2;
}

/** How many of them take memory. */
export function slotsInMemory(schedule: SnapshotSchedule): number {
  return schedule.place === "memory" ? slotCount(schedule) : 0;
}

/** Reserves the slots that a schedule needs; undefined if it needs none. */
export function planSnapshots(
  layout: Layout,
  schedule: SnapshotSchedule,
  allocate: (bytes: number) => Storage,
): SnapshotPlan | undefined {
  const count = slotCount(schedule);
  if (count === 0) return undefined;
  const arrays = lastingArrays(layout);
  const bytes = slotBytes(arrays);
  return {
    ...schedule,
    arrays,
    slots: Array.from({ length: count }, (_, slot) =>
      schedule.place === "memory" ? allocate(bytes).offset : slot * bytes,
    ),
    records: planTable(allocate, count, fields.length),
  };
}

function writeState({ records }: SnapshotPlan, slot: number, state: RunState): void {
  fields.forEach((field, column) => {
    writeCell(records, slot, column, state[field]);
  });
}

/** The record of a slot. */
export function readState({ records }: SnapshotPlan, slot: number): RunState {
  const entries = fields.map((field, column) => [field, readCell(records, slot, column)]);
  return Object.fromEntries(entries) as unknown as RunState;
}

/** The newest whole snapshot; undefined if there is none. For the coordinator. */
export function newestSlot(control: Control): number | undefined {
  const slot = control.load("newestSnapshot") - 1;
  return slot < 0 ? undefined : slot;
}

/** The best snapshot not yet written; undefined if there is none. For the coordinator, when no worker runs. */
export function bestSlot(control: Control): number | undefined {
  const slot = Math.abs(control.load("bestSnapshot")) - 1;
  return slot < 0 ? undefined : slot;
}

/**
 * The coordinator, before it gives up a slot whose checkpoint the disk refused: lets it wait there as the best, unless a
 * better one waits already.
 */
export function keepRefused({ place }: SnapshotPlan, control: Control, slot: number): void {
  if (place !== "off") control.replace("bestSnapshot", 0, -(slot + 1));
}

/** Takes the first snapshot, before any worker runs. */
export function takeFirst(plan: SnapshotPlan, control: Control, state: RunState): void {
  storeSlot(plan, 0, [0, 1], () => undefined);
  writeState(plan, 0, state);
  control.store("newestSnapshot", 1);
}

/** Overwrites the run's arrays with a snapshot; only while no worker runs. */
export function goBack(plan: SnapshotPlan, slot: number): RunState {
  restoreSlot(plan, slot);
  return readState(plan, slot);
}

/** The elements of a tensor as in the snapshot, in pieces; its own if it is in none of the arrays. */
export function elementsIn(plan: SnapshotPlan, slot: number, tensor: Tensor): Iterable<Uint8Array> {
  return bytesInSlot(plan, slot, { address: tensor.address, bytes: tensorBytes(tensor) });
}

/** The largest share of time for automatic snapshots. */
const mostCost = 0.01;
const leastPauseMs = 1000;

/** A worker's side. */
export class SnapshotWriter {
  readonly #plan: SnapshotPlan;
  readonly #control: Control;
  readonly #share: Share;
  readonly #beat: () => void;
  /**
   * Rank 0's decisions: whether a checkpoint is due, whether the next snapshot is for it, and whether the best one that
   * the disk had refused was handed over since.
   */
  #due = false;
  #handOver = false;
  #retried = false;
  #startedMs = 0;
  /** Time spent on the next snapshot before its copy. */
  #checkedMs = 0;
  #nextMs = performance.now() + leastPauseMs;
  /** Steps done at the last decision. */
  #decidedAt: number;

  /**
   * @param step steps done so far
   * @param beat a sign of life
   */
  constructor(
    plan: SnapshotPlan,
    control: Control,
    { share, step, beat }: { share: Share; step: number; beat: () => void },
  ) {
    this.#plan = plan;
    this.#control = control;
    this.#share = share;
    this.#beat = beat;
    this.#decidedAt = step;
  }

  /** Rank 0, between the barriers of a step: whether all take a snapshot once `step` steps are done, and into which slot. */
  *decide(step: number, { ends, mayEnd }: { ends: boolean; mayEnd: boolean }): Pauses {
    const { recovery, checkpoints, bestOfEvery } = this.#plan;
    const control = this.#control;
    const requested = control.load("checkpointRequested") === 1;
    if (requested) control.store("checkpointRequested", 0);
    this.#due ||= requested || (checkpoints?.some((every) => this.#passes(step, every)) ?? false);
    this.#handOverBest();
    // Waits while the previous one is being written: snapshots must not pile up.
    this.#handOver = this.#due && !ends && control.load("checkpointSlot") === 0;
    const take = this.#handOver || (mayEnd && checkpoints !== undefined) || this.#recoveryDue(step, recovery);
    const mayBeBest = bestOfEvery !== undefined && step % bestOfEvery === 0;
    // With two slots, and one of them being written: the last step must not be missed.
    while (take && this.#freeSlot() < 0 && control.load("checkpointSlot") !== 0) yield "disk";
    control.store("snapshotInto", take || mayBeBest ? this.#freeSlot() + 1 : 0);
    control.store("snapshotIfBest", mayBeBest && !take ? 1 : 0);
    this.#decidedAt = step;
  }

  /** Whether a checkpoint after so many steps is due, or may become due, as far as known in advance. */
  savesAt(step: number): boolean {
    const { checkpoints = [], bestOfEvery } = this.#plan;
    return [...checkpoints, bestOfEvery].some((every) => every !== undefined && step % every === 0);
  }

  /** Rank 0: once the disk is free, the waiting best snapshot goes first; one that it refused, before the next save. */
  #handOverBest(): void {
    const control = this.#control;
    const best = control.load("bestSnapshot");
    if (best === 0 || control.load("checkpointSlot") !== 0) return;
    if (best < 0 && (!this.#due || this.#retried)) return;
    this.#retried ||= best < 0;
    control.store("checkpointSlot", Math.abs(best));
    control.store("bestSnapshot", 0);
  }

  /** Whether a multiple of `every` steps was reached since the last decision. */
  #passes(step: number, every: number): boolean {
    return Math.floor(step / every) > Math.floor(this.#decidedAt / every);
  }

  /** Rank 0: whether the next snapshot is for a checkpoint, or will be if the epoch is the best. */
  get maySave(): boolean {
    return this.#handOver || this.#control.load("snapshotIfBest") === 1;
  }

  /** True if this step takes a snapshot. `isBest` says whether the ending epoch is the best so far. All workers agree. */
  wanted(isBest: boolean): boolean {
    const control = this.#control;
    return control.load("snapshotInto") > 0 && (isBest || control.load("snapshotIfBest") === 0);
  }

  /** Counts time that a snapshot took before its copy. */
  countIn(ms: number): void {
    this.#checkedMs = ms;
  }

  /** Copies this worker's slice; a barrier must follow. */
  copy(): void {
    this.#startedMs = performance.now();
    storeSlot(this.#plan, this.#control.load("snapshotInto") - 1, this.#share, this.#beat);
  }

  /** Rank 0, after that barrier: the snapshot is whole. `isBest` if it belongs to the best epoch so far. */
  publish(state: RunState, isBest = false): void {
    const control = this.#control;
    const slot = control.load("snapshotInto") - 1;
    writeState(this.#plan, slot, state);
    // First, because a run that restarts from the newest snapshot does not reach the end of this epoch again.
    if (isBest) control.store("bestSnapshot", slot + 1);
    control.store("newestSnapshot", slot + 1);
    if (this.#handOver) {
      control.store("checkpointSlot", slot + 1);
      if (isBest) control.store("bestSnapshot", 0);
      this.#due = false;
      this.#retried = false;
    }
    this.#handOverBest();
    const nowMs = performance.now();
    const tookMs = nowMs - this.#startedMs + this.#checkedMs;
    this.#nextMs = nowMs + Math.max(leastPauseMs, tookMs / mostCost);
  }

  /** Whether all wait until a checkpoint is written, because it is written from what they would change. */
  get waitsForDisk(): boolean {
    return this.#plan.place === "off";
  }

  /** Rank 0, after `publish`: until the checkpoint is written, if there is one. */
  *untilWritten(): Pauses {
    while (this.#control.load("checkpointSlot") !== 0) yield "disk";
  }

  #recoveryDue(step: number, recovery: SnapshotSchedule["recovery"]): boolean {
    if (recovery === "never") return false;
    return recovery === "cheap" ? performance.now() >= this.#nextMs : this.#passes(step, recovery);
  }

  /** A slot that nobody reads or restarts from. */
  #freeSlot(): number {
    // Nothing is being written now, and nobody restarts from the arrays.
    if (this.waitsForDisk) return 0;
    // In this order: what the disk refuses becomes the best before it is given up.
    const words = ["newestSnapshot", "checkpointSlot", "bestSnapshot"] as const;
    const taken = words.map((word) => Math.abs(this.#control.load(word)) - 1);
    return this.#plan.slots.findIndex((_, slot) => !taken.includes(slot));
  }
}
