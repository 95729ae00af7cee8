// Converts a snapshot of the shared memory to the content of a checkpoint, and a checkpoint back to the state of a run.
// When that happens is checkpointing.ts's part.
import type { AnyModule, EMA, Optimizer, Tensor } from "@shardgrad/core";
import type { RunChange, RunSettings } from "../checkpoint/changes.ts";
import type { CheckpointParts } from "../checkpoint/content.ts";
import { layOutCheckpoint, requireSameJob } from "../checkpoint/content.ts";
import type { StoredCheckpoint } from "../checkpoint/find-newest.ts";
import type { RunIdentity } from "../checkpoint/fingerprint.ts";
import { loadStored } from "../checkpoint/load-stored.ts";
import type { Plain } from "../checkpoint/state-file.ts";
import { besideFiles } from "../checkpoint/state-file.ts";
import { damagedCheckpoint, JobError } from "../errors.ts";
import type { RunSources } from "../job/sources.ts";
import { trainedTensors } from "../shared/arrays/untrained.ts";
import type { SnapshotPlan } from "../shared/snapshots/snapshots.ts";
import { elementsIn, readState } from "../shared/snapshots/snapshots.ts";
import type { Carried, Records, SavedRecord } from "./carried.ts";
import { readCarried, readSaved } from "./carried.ts";

/** What a run's checkpoints are made from. */
export interface Saved {
  model: AnyModule;
  optimizer: Optimizer;
  ema: EMA | undefined;
  identity: RunIdentity;
  /** The metadata of the model's file. */
  metadata: Readonly<Record<string, string>>;
  /** Settings that may differ from the checkpoint's. */
  settings: RunSettings;
  /** What computes: a run resumes with other kernels, too, but not to the same bits. */
  computedBy: Readonly<Record<string, string>>;
  sources: RunSources;
  /** Samples per step, and steps per epoch. */
  batchSize: number;
  perEpoch: number;
  /** Steps of the whole run. */
  steps: number;
  /** The metric, or "loss", that early stopping watches, if any. */
  observed: string | undefined;
  records: Records;
}

/** The metrics of a finished epoch (counted from 1), with its training loss as `loss`. */
export type MetricsAt = (epochs: number) => Record<string, number>;

/** What a resumed run knows of the time before. */
export interface Past {
  /** The records of the finished epochs. */
  past: readonly SavedRecord[];
  /** The changed settings at each resume. */
  changes: readonly RunChange[];
}

/** The averages of a model's parameters by name; none if it keeps none. */
function averagesOf({ model, ema }: Saved): Map<string, Tensor> {
  const names = trainedTensors(model).map(([name]) => name);
  return new Map(ema?.averages.map((average, i) => [names[i]!, average]));
}

/** @throws CheckpointError if a run that kept an average has saved none */
function requireAverage({ path, state, files }: StoredCheckpoint): void {
  if (!Object.hasOwn(state.settings, "ema decay") || besideFiles.some((name) => files[name])) return;
  throw damagedCheckpoint(path, `it has none of ${besideFiles.join(", ")}`);
}

/** Moves a run to a checkpoint. The optimizer's options stay the job's, which the workers use, too. */
export function loadRun(checkpoint: StoredCheckpoint, saved: Saved): Carried {
  const { model, optimizer, identity: run, settings, steps } = saved;
  if (checkpoint.state.step > steps) {
    throw new JobError(
      `train: ${checkpoint.path} is of step ${checkpoint.state.step}, but the run is to have ${steps}; ask for more epochs or steps, or use another directory`,
    );
  }
  requireSameJob(checkpoint.state, { model, optimizer, run, settings });
  requireAverage(checkpoint);
  const carried = readCarried(checkpoint, saved);
  const options = optimizer.paramGroups.map((group) => ({ ...group }));
  loadStored(checkpoint, {
    model: new Map(model.stateDict()),
    optimizer,
    averaged: trainedTensors(model).map(([name]) => name),
    averages: averagesOf(saved),
  });
  options.forEach((group, index) => {
    Object.assign(optimizer.paramGroups[index]!, group);
  });
  return carried;
}

/** A checkpoint of the run as one snapshot slot holds it; read from there when it is written. */
export function layOutRun(
  saved: Saved,
  plan: SnapshotPlan,
  slot: number,
  { past, changes }: Past,
  metricsAt: MetricsAt,
): CheckpointParts {
  const {
    model,
    optimizer,
    ema,
    identity: run,
    metadata,
    settings,
    computedBy,
    batchSize,
    perEpoch,
    records,
    sources,
  } = saved;
  const { step, stepCount, lossSum, weight, skipped } = readState(plan, slot);
  // This thread's optimizer does no updates, but learning-rate schedules follow its count.
  optimizer.stepCount = stepCount;
  const epoch = Math.floor(step / perEpoch);
  const epochs = Array.from({ length: epoch }, (_, at) => past[at] ?? readSaved(records, at));
  const carried: Carried = { lossSum, weight, skipped, epochs };
  const random = carried as unknown as Plain;
  const position = {
    step,
    epoch,
    cursor: (step % perEpoch) * batchSize,
    random,
    settings,
    changes,
    computedBy,
    sources: sources.relative,
    // Metrics belong to the weights at the end of an epoch only.
    metrics: step % perEpoch === 0 ? metricsAt(epoch) : {},
  };
  const trained = {
    model,
    optimizer,
    run,
    metadata,
    ...(ema && {
      average: { stateDict: () => averagesOf(saved), evaluated: settings.useEma === true },
    }),
  };
  return layOutCheckpoint(trained, position, (tensor) => elementsIn(plan, slot, tensor));
}
