// The checkpoints of a run: opens the directory, resumes from it, and writes the workers' snapshots while they
// continue. Used by the coordinator. checkpoint/ knows how to get a checkpoint onto a disk safely.

import type { RunChange, RunSettings } from "../checkpoint/changes.ts";
import { changesOf } from "../checkpoint/changes.ts";
import type { BestBy } from "../checkpoint/retention.ts";
import type { CheckpointState } from "../checkpoint/state-file.ts";
import type { CheckpointStore, StoreEnvironment } from "../checkpoint/store.ts";
import { openCheckpoints } from "../checkpoint/store.ts";
import { CheckpointError, JobError, oneLine } from "../errors.ts";
import type { BestCheckpoint, CheckpointEvent, ResumeEvent } from "../events.ts";
import { cellsOf } from "../metrics/plan.ts";
import { gainOver } from "../metrics/steering.ts";
import type { CheckpointOptions } from "../plan/checkpoint-options.ts";
import type { RunState, SnapshotPlan } from "../shared/snapshots/snapshots.ts";
import { bestSlot, keepRefused, newestSlot, readState } from "../shared/snapshots/snapshots.ts";
import { writeRecord } from "../shared/tables/epoch-records.ts";
import type { Control } from "../shared/words/control.ts";
import type { Carried, SavedRecord } from "./carried.ts";
import type { MetricsAt, Saved } from "./saved-run.ts";
import { layOutRun, loadRun } from "./saved-run.ts";

/** Where a run begins, and its history. */
export interface Beginning {
  state: RunState;
  /** Metrics without a value for the last finished epoch, because the run did not have them then. */
  lacking: readonly string[];
  /** The first epoch, counted from 0, that has a value for early stopping. */
  observeFrom: number;
  /** The value of the best checkpoint; undefined if there is none, or none is kept. */
  bestValue: number | undefined;
}

/** The name of the best-checkpoint choice among the settings of a run. */
const bestSetting = "best checkpoint";

const describeBest = ({ metric, direction }: BestBy): string => `${metric} by ${direction}`;

/** Checkpoints of one run, open for writing. */
export class RunCheckpoints {
  readonly #store: CheckpointStore;
  readonly #options: CheckpointOptions;
  readonly #best: BestBy | undefined;
  /** The value of the best saved checkpoint. */
  #bestValue: number | undefined;
  readonly #publish: (event: CheckpointEvent | ResumeEvent) => void;
  #saved: Saved | undefined;
  /** The epochs before the resume. */
  #past: readonly SavedRecord[] = [];
  /** The changes at each resume. */
  #changes: readonly RunChange[] = [];
  #lastSavedStep = -1;
  #savedMs = performance.now();
  #saving: Promise<void> | undefined;
  #failure: CheckpointError | undefined;
  /** The error that a listener threw. */
  #thrown: { error: unknown } | undefined;

  private constructor(
    store: CheckpointStore,
    options: CheckpointOptions,
    best: BestBy | undefined,
    publish: (event: CheckpointEvent | ResumeEvent) => void,
  ) {
    this.#store = store;
    this.#options = options;
    this.#best = best;
    this.#publish = publish;
  }

  static async open(
    options: CheckpointOptions,
    best: BestBy | undefined,
    publish: (event: CheckpointEvent | ResumeEvent) => void,
    environment?: StoreEnvironment,
  ): Promise<RunCheckpoints> {
    const { directory, keep } = options;
    const retention = { ...(keep !== undefined && { keepLast: keep }), ...(best && { keepBest: best }) };
    const store = await openCheckpoints(directory, retention, environment);
    return new RunCheckpoints(store, options, best, publish);
  }

  /**
   * Moves the run to its newest checkpoint, or to its beginning if there is none.
   *
   * @throws JobError if there is one but no resume was requested, or a required one is missing
   * @throws CheckpointError that names the differences if it belongs to another job
   */
  async begin(saved: Saved, resume: boolean | "must"): Promise<Beginning> {
    const settings = { ...saved.settings, ...(this.#best && { [bestSetting]: describeBest(this.#best) }) };
    this.#saved = { ...saved, settings };
    const { directory } = this.#store;
    const loaded: { carried?: Carried } = {};
    const { checkpoint, notes } = await this.#store.loadNewest((newest) => {
      if (resume) loaded.carried = loadRun(newest, saved);
    });
    if (!resume && (checkpoint || notes.length > 0)) {
      throw new JobError(
        `train: ${directory} holds checkpoints of an earlier run; resume it, or use another directory`,
      );
    }
    if (!checkpoint) {
      if (resume === "must")
        throw new JobError(
          `train: no checkpoint to resume from in ${directory}${notes.map((note) => `; ${note}`).join("")}`,
        );
      if (resume)
        this.#publish({
          type: "resume",
          step: 0,
          epoch: 0,
          changes: [],
          notes: [...this.#store.notes, ...notes],
        });
      const state = { step: 0, stepCount: saved.optimizer.stepCount, lossSum: 0, weight: 0, skipped: 0 };
      return { state, lacking: [], observeFrom: 0, bestValue: undefined };
    }
    const { optimizer, computedBy, observed, records } = saved;
    const { step, epoch, settings: before, changes: earlier, ...of } = checkpoint.state;
    const { lossSum, weight, skipped, epochs } = loaded.carried!;
    const told = [...this.#store.notes, ...notes];
    const [saver, resumer] = [of.computedBy, computedBy].map((parts) => Object.values(parts).join(", "));
    if (saver !== resumer) {
      told.push(
        `checkpoint: saved with ${saver}, resumed with ${resumer}: not the bits of an uninterrupted run`,
      );
    }
    if (!this.#best) {
      const name = await this.#keepBestOf(before[bestSetting]);
      if (name)
        told.push(
          `checkpoint: ${name}, the best one so far, is kept; name best again to look for a better one`,
        );
    }
    const edited = saved.sources.changedSince(of.sources);
    if (edited.length > 0)
      told.push(`checkpoint: the source has changed since it was saved: ${oneLine(edited.join(", "))}`);
    const changes = changesOf(before, settings);
    this.#changes = changes.length > 0 ? [...earlier, { step, changes }] : earlier;
    this.#past = epochs;
    this.#lastSavedStep = step;
    this.#publish({ type: "resume", path: checkpoint.path, step, epoch, changes, notes: told });
    const lackingIn = (record: SavedRecord) => cellsOf(records.metrics, record.metrics).lacking;
    epochs.forEach((record, index) => {
      const metrics = cellsOf(records.metrics, record.metrics).cells;
      writeRecord(records.table, index, { ...record, metrics });
    });
    this.#bestValue = (await this.#store.findBest())?.value;
    return {
      bestValue: this.#bestValue,
      state: { step, stepCount: optimizer.stepCount, lossSum, weight, skipped },
      lacking: epochs.slice(-1).flatMap(lackingIn),
      observeFrom: 1 + epochs.findLastIndex((record) => lackingIn(record).includes(observed!)),
    };
  }

  /** Keeps the best checkpoint of a run that tracked one, if the resumed run tracks none; returns its name. */
  async #keepBestOf(described: RunSettings[string] | undefined): Promise<string | undefined> {
    const [metric, direction] = String(described ?? "").split(" by ");
    if (!metric || (direction !== "min" && direction !== "max")) return undefined;
    return await this.#store.keepNowBest(metric, direction);
  }

  /** Reads the shared words: saves a snapshot that is ready, requests one when a save is due. */
  poll(plan: SnapshotPlan, control: Control, metricsAt: MetricsAt): void {
    if (this.#failure && this.#options.onError === "stop") throw this.#failure;
    if (this.#thrown) throw this.#thrown.error;
    if (this.#saving) return;
    const slot = control.load("checkpointSlot") - 1;
    // If a worker failed just then, it may have handed over the same best snapshot twice.
    if (slot >= 0 && readState(plan, slot).step === this.#lastSavedStep) control.store("checkpointSlot", 0);
    else if (slot >= 0) {
      this.#saving = this.#save(plan, control, slot, metricsAt)
        .catch((error: unknown) => {
          this.#thrown = { error };
        })
        .finally(() => {
          control.store("checkpointSlot", 0);
          this.#saving = undefined;
        });
      return;
    }
    const { everySeconds } = this.#options;
    if (everySeconds !== undefined && performance.now() - this.#savedMs >= everySeconds * 1000)
      control.store("checkpointRequested", 1);
  }

  /** After the run: saves what is not saved yet, the best snapshot and the newest, which is that of the last step. */
  async finish(plan: SnapshotPlan, control: Control, metricsAt: MetricsAt): Promise<void> {
    await this.#saving;
    if (this.#thrown) throw this.#thrown.error;
    // The best one once more, if the disk refuses it now.
    for (const slotIn of [bestSlot, newestSlot, bestSlot]) {
      const slot = slotIn(control);
      if (slot === undefined || readState(plan, slot).step === this.#lastSavedStep) continue;
      if (slotIn === bestSlot) control.store("bestSnapshot", 0);
      await this.#save(plan, control, slot, metricsAt);
    }
    if (this.#failure && this.#options.onError === "stop") throw this.#failure;
  }

  /** The best checkpoint, if one is kept. */
  async findBest(): Promise<BestCheckpoint | undefined> {
    const best = await this.#store.findBest();
    return best && { ...best, metric: this.#best!.metric };
  }

  /** Steps done in the newest checkpoint; undefined if there is none. */
  get newestStep(): number | undefined {
    return this.#lastSavedStep < 0 ? undefined : this.#lastSavedStep;
  }

  /** Waits for pending saves, and releases the lock. */
  async close(): Promise<void> {
    await this.#saving;
    await this.#store.close();
  }

  /** Reports and keeps errors of the disk; rejects only with what a listener throws. */
  async #save(plan: SnapshotPlan, control: Control, slot: number, metricsAt: MetricsAt): Promise<void> {
    const since = { past: this.#past, changes: this.#changes };
    const checkpoint = layOutRun(this.#saved!, plan, slot, since, metricsAt);
    this.#savedMs = performance.now();
    const { step, epoch, metrics } = checkpoint.state;
    const isBest = this.#isBest(checkpoint.state);
    try {
      const { path, removed, notes } = await this.#store.save(checkpoint);
      this.#lastSavedStep = step;
      if (isBest) this.#bestValue = metrics[this.#best!.metric];
      this.#publish({ type: "checkpoint", step, epoch, committed: "yes", path, removed, notes });
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      this.#failure = error;
      if (isBest) keepRefused(plan, control, slot);
      const { committed = "no", message } = error;
      this.#publish({ type: "checkpoint", step, epoch, committed, error: message, removed: [], notes: [] });
    }
  }

  /** Whether it beats the best checkpoint on the disk. */
  #isBest({ metrics }: CheckpointState): boolean {
    const value = this.#best && metrics[this.#best.metric];
    if (value === undefined || Number.isNaN(value)) return false;
    return this.#bestValue === undefined || gainOver(this.#bestValue, value, this.#best!.direction) > 0;
  }
}
