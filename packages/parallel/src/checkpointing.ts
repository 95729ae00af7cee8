// Checkpoints of a run: opens the directory, resumes from it, and writes what workers have left in a snapshot while they
// go on. For the coordinator; how a checkpoint gets onto a disk safely is checkpoint/'s affair.
import type { AnyModule, Optimizer, Tensor } from "@shardgrad/core";
import { scope } from "@shardgrad/core";
import type { CheckpointContent } from "./checkpoint/content.ts";
import { encodeCheckpoint, loadCheckpoint } from "./checkpoint/content.ts";
import type { RunIdentity } from "./checkpoint/fingerprint.ts";
import type { BestBy } from "./checkpoint/retention.ts";
import { checkRetention } from "./checkpoint/retention.ts";
import type { Plain } from "./checkpoint/state-file.ts";
import type { CheckpointStore } from "./checkpoint/store.ts";
import { openCheckpoints } from "./checkpoint/store.ts";
import type { Control } from "./control.ts";
import { CheckpointError, JobError } from "./errors.ts";
import type { CheckpointEvent, ResumeEvent } from "./events.ts";
import { requireCount } from "./job.ts";
import type { RunState, SnapshotPlan } from "./snapshots.ts";
import { newestSlot, readState, tensorIn } from "./snapshots.ts";

/** Where and when a run saves checkpoints; at the end of every epoch, if it is not said when. The last step always is. */
export interface CheckpointOptions {
  /** Made if it is not there. One run, one directory. */
  directory: string;
  /** After every so many steps. A save that is due while the one before is being written follows it. */
  everySteps?: number;
  /** After every so many epochs. */
  everyEpochs?: number;
  /** When so many seconds have gone by since the last one. */
  everySeconds?: number;
  /** How many of the newest are kept; 3 if absent, Infinity for all. */
  keep?: number;
  /** Keeps the best one, too: by a metric of the last evaluation, or by `loss`, the mean training loss of an epoch. */
  best?: BestBy;
  /** Whether a run goes on when a checkpoint cannot be saved, which an event tells of; "continue" if absent. */
  onError?: "continue" | "stop";
}

const names = ["directory", "everySteps", "everyEpochs", "everySeconds", "keep", "best", "onError"];

/** Throws unless the options make sense. */
export function checkCheckpointOptions(options: CheckpointOptions): void {
  const { directory, everySteps, everyEpochs, everySeconds, keep, best, onError = "continue" } = options;
  const refuse = (problem: string) => new JobError(`train: checkpoint.${problem}`);
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown !== undefined) throw refuse(`${unknown} is unknown; there are ${names.join(", ")}`);
  if (typeof directory !== "string" || directory === "") {
    throw refuse(`directory is ${JSON.stringify(directory)}, expected the path of a folder`);
  }
  for (const [name, value] of Object.entries({ everySteps, everyEpochs })) {
    if (value !== undefined) requireCount("train", `checkpoint.${name}`, value);
  }
  if (everySeconds !== undefined && !(everySeconds > 0)) {
    throw refuse(`everySeconds is ${everySeconds}, expected a number above 0`);
  }
  if (onError !== "continue" && onError !== "stop") {
    throw refuse(`onError is "${String(onError)}", expected "continue" or "stop"`);
  }
  checkRetention({ ...(keep !== undefined && { keepLast: keep }), ...(best && { keepBest: best }) });
}

/** Numbers of steps whose multiples are saved. */
export function checkpointSteps(options: CheckpointOptions, perEpoch: number): number[] {
  const { everySteps, everyEpochs, everySeconds } = options;
  if (everySteps === undefined && everyEpochs === undefined && everySeconds === undefined) return [perEpoch];
  return [everySteps ?? 0, (everyEpochs ?? 0) * perEpoch].filter((steps) => steps > 0);
}

/** What a checkpoint of a run consists of. */
export interface Saved {
  model: AnyModule;
  optimizer: Optimizer;
  identity: RunIdentity;
  /** What computes: with other kernels a run goes on, but not to the same bits. */
  kernels: string;
  /** Samples in a step, and steps in an epoch. */
  batchSize: number;
  perEpoch: number;
}

/** What `random` of a checkpoint holds: random numbers follow from seed and step, so there is room for other things. */
interface Carried {
  lossSum: number;
  weight: number;
  kernels: string;
}

/** Metrics of the evaluation after so many epochs. */
export type MetricsAt = (epochs: number) => Record<string, number>;

/** Checkpoints of one run, open for writing. */
export class RunCheckpoints {
  readonly #store: CheckpointStore;
  readonly #options: CheckpointOptions;
  readonly #publish: (event: CheckpointEvent | ResumeEvent) => void;
  #saved: Saved | undefined;
  #lastSavedStep = -1;
  #savedMs = performance.now();
  #saving: Promise<void> | undefined;
  #failure: CheckpointError | undefined;

  private constructor(
    store: CheckpointStore,
    options: CheckpointOptions,
    publish: (event: CheckpointEvent | ResumeEvent) => void,
  ) {
    this.#store = store;
    this.#options = options;
    this.#publish = publish;
  }

  static async open(
    options: CheckpointOptions,
    publish: (event: CheckpointEvent | ResumeEvent) => void,
  ): Promise<RunCheckpoints> {
    const { directory, keep, best } = options;
    const store = await openCheckpoints(directory, {
      ...(keep !== undefined && { keepLast: keep }),
      ...(best && { keepBest: best }),
    });
    return new RunCheckpoints(store, options, publish);
  }

  /**
   * Takes the run to where its newest checkpoint was, or to its beginning if there is none.
   *
   * @throws JobError if there is one and it was not asked for, or it must be there and is not
   * @throws CheckpointError naming the differences if it is of another job
   */
  async begin(
    saved: Saved,
    resume: boolean | "must",
  ): Promise<{ state: RunState; metrics: Record<string, number> }> {
    this.#saved = saved;
    const { directory } = this.#store;
    const { checkpoint, notes } = await this.#store.findNewest();
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
      const state = { step: 0, stepCount: saved.optimizer.stepCount, lossSum: 0, weight: 0 };
      return { state, metrics: {} };
    }
    const { model, optimizer, identity: run, kernels } = saved;
    const { step, epoch, random, metrics } = loadCheckpoint(checkpoint, { model, optimizer, run });
    const carried = random as unknown as Carried;
    const told = [...this.#store.notes, ...notes];
    if (carried.kernels !== kernels) {
      told.push(
        `checkpoint: saved with ${carried.kernels} kernels, resumed with ${kernels}: not the bits of an uninterrupted run`,
      );
    }
    this.#lastSavedStep = step;
    this.#publish({ type: "resume", path: checkpoint.path, step, epoch, notes: told });
    const { lossSum, weight } = carried;
    return { state: { step, stepCount: optimizer.stepCount, lossSum, weight }, metrics: { ...metrics } };
  }

  /** Looks at the shared words: saves the snapshot that is to be saved, asks for one when it is time. */
  poll(plan: SnapshotPlan, control: Control, metricsAt: MetricsAt): void {
    if (this.#failure && this.#options.onError === "stop") throw this.#failure;
    if (this.#saving) return;
    const slot = control.load("checkpointSlot") - 1;
    if (slot >= 0) {
      this.#saving = this.#save(plan, slot, metricsAt).finally(() => {
        control.store("checkpointSlot", 0);
        this.#saving = undefined;
      });
      return;
    }
    const { everySeconds } = this.#options;
    if (everySeconds !== undefined && performance.now() - this.#savedMs >= everySeconds * 1000)
      control.store("checkpointRequested", 1);
  }

  /** Saves the newest snapshot if it is not saved yet: that of the last step. For after the run. */
  async finish(plan: SnapshotPlan, control: Control, metricsAt: MetricsAt): Promise<void> {
    await this.#saving;
    const slot = newestSlot(control);
    if (slot !== undefined && readState(plan, slot).step !== this.#lastSavedStep)
      await this.#save(plan, slot, metricsAt);
    if (this.#failure && this.#options.onError === "stop") throw this.#failure;
  }

  /** Waits for what is being saved, and lets others write. */
  async close(): Promise<void> {
    await this.#saving;
    await this.#store.close();
  }

  /** Never rejects: what goes wrong is told, and kept. */
  async #save(plan: SnapshotPlan, slot: number, metricsAt: MetricsAt): Promise<void> {
    const content = this.#encode(plan, slot, metricsAt);
    const { step, epoch } = content.state;
    this.#savedMs = performance.now();
    try {
      const { path, removed, notes } = await this.#store.save(content);
      this.#lastSavedStep = step;
      this.#publish({ type: "checkpoint", step, epoch, committed: "yes", path, removed, notes });
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      this.#failure = error;
      const { committed = "no", message } = error;
      this.#publish({ type: "checkpoint", step, epoch, committed, error: message, removed: [], notes: [] });
    }
  }

  #encode(plan: SnapshotPlan, slot: number, metricsAt: MetricsAt): CheckpointContent {
    const { model, optimizer, identity: run, kernels, batchSize, perEpoch } = this.#saved!;
    const { step, stepCount, lossSum, weight } = readState(plan, slot);
    // This thread's optimizer does no updates; schedules of the learning rate follow its count.
    optimizer.stepCount = stepCount;
    const epoch = Math.floor(step / perEpoch);
    const random: Plain = { lossSum, weight, kernels };
    const position = {
      step,
      epoch,
      cursor: (step % perEpoch) * batchSize,
      random,
      metrics: metricsAt(epoch),
    };
    const then = (tensors: Iterable<[string, Tensor]>) =>
      Array.from(tensors, ([name, tensor]) => [name, tensorIn(plan, slot, tensor)] as const);
    return scope(() => {
      const weights = new Map(then(model.stateDict()));
      const dict = optimizer.stateDict();
      const state = dict.state.map((tensors) => Object.fromEntries(then(Object.entries(tensors))));
      const trained = {
        model: { stateDict: () => weights },
        optimizer: { stateDict: () => ({ ...dict, state }) },
        run,
      };
      return encodeCheckpoint(trained, position);
    });
  }
}
