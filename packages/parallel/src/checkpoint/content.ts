// From a model and its optimizer to the bytes of a checkpoint, and back. Copies the tensors at once, so that training may
// go on while the bytes are written. Knows nothing of files.
import type { Optimizer, OptimizerStateDict, StateDict, Tensor } from "@shardgrad/core";
import { readSafetensors, scope, writeSafetensors } from "@shardgrad/core";
import { CheckpointError } from "../errors.ts";
import type { RunChange, RunSettings } from "./changes.ts";
import type { RunIdentity } from "./fingerprint.ts";
import { differencesOf, fingerprintOf } from "./fingerprint.ts";
import type { CheckpointState, Plain, TensorFile } from "./state-file.ts";

/** A checkpoint in memory. */
export interface CheckpointContent {
  state: CheckpointState;
  files: Readonly<Record<TensorFile, Uint8Array>>;
}

/** What averages of parameters are called beside them; a run may have some only now and then. */
export const averagePrefix = "ema:";

/** What is trained: anything with state dicts, such as a Module and an Optimizer of core. */
export interface Trained {
  model: { stateDict(): StateDict };
  optimizer: Pick<Optimizer, "stateDict">;
  run: RunIdentity;
}

/** Where a run is. */
export interface RunPosition {
  /** Steps done. */
  step: number;
  /** Epochs done. */
  epoch: number;
  /** Samples of the current epoch that are done; 0 if absent. */
  cursor?: number;
  /** Whatever is needed to go on with the same random numbers; null if absent: they follow from seed and step. */
  random?: Plain;
  /** Results of the last evaluation; none if absent. */
  metrics?: Readonly<Record<string, number>>;
  /** What may be another when the run goes on; nothing if absent. */
  settings?: RunSettings;
  /** What was, when it went on before; nothing if absent. */
  changes?: readonly RunChange[];
  /** What computes, such as kernels, by name; nothing if absent. */
  computedBy?: Readonly<Record<string, string>>;
}

/** The tensors that a run must have in common with a checkpoint. */
function ownOf(state: StateDict): (readonly [string, Tensor])[] {
  return [...entriesOf(state)].filter(([name]) => !name.startsWith(averagePrefix));
}

function entriesOf(state: StateDict): Iterable<readonly [string, Tensor]> {
  return state instanceof Map ? state : Object.entries(state);
}

/** State tensors under names like `3.velocity`: of parameter 3. */
function flatten(state: OptimizerStateDict["state"]): [string, Tensor][] {
  return state.flatMap((tensors, index) =>
    Object.entries(tensors).map(([name, tensor]): [string, Tensor] => [`${index}.${name}`, tensor]),
  );
}

/** The inverse of `flatten`, for `count` parameters. */
function unflatten(tensors: ReadonlyMap<string, Tensor>, count: number): Record<string, Tensor>[] {
  const state = Array.from({ length: count }, (): Record<string, Tensor> => ({}));
  for (const [key, tensor] of tensors) {
    const dot = key.indexOf(".");
    const owner = state[Number(key.slice(0, dot))];
    if (!owner)
      throw new CheckpointError(`checkpoint: optimizer state ${key} is of none of ${count} parameters`);
    owner[key.slice(dot + 1)] = tensor;
  }
  return state;
}

/**
 * Copies everything that a run needs to go on from here. Does not wait for anything: what it returns is of one moment,
 * and nothing that happens to the tensors afterwards changes it.
 *
 * @throws CheckpointError if step, epoch or cursor is not a non-negative integer
 */
export function encodeCheckpoint(trained: Trained, position: RunPosition): CheckpointContent {
  const { step, epoch, cursor = 0, random = null, metrics = {} } = position;
  const { settings = {}, changes = [], computedBy = {} } = position;
  for (const [name, value] of Object.entries({ step, epoch, cursor })) {
    if (Number.isSafeInteger(value) && value >= 0) continue;
    throw new CheckpointError(`checkpoint: ${name} is ${value}, expected a non-negative integer`);
  }
  const model = trained.model.stateDict();
  const optimizer = trained.optimizer.stateDict();
  const { stepCount, paramGroups, state } = optimizer;
  return {
    state: {
      step,
      epoch,
      cursor,
      random: structuredClone(random),
      metrics: { ...metrics },
      fingerprint: fingerprintOf(ownOf(model), optimizer, trained.run),
      settings: { ...settings },
      changes: structuredClone(changes),
      computedBy: { ...computedBy },
      optimizer: { stepCount, paramGroups: structuredClone(paramGroups) },
    },
    files: {
      "model.safetensors": writeSafetensors(entriesOf(model), { format: "pt" }),
      "optimizer.safetensors": writeSafetensors(flatten(state)),
    },
  };
}

/** What a checkpoint is loaded into. */
export interface Resumed {
  model: { stateDict(): StateDict; loadStateDict(state: StateDict): unknown };
  optimizer: Pick<Optimizer, "stateDict" | "loadStateDict">;
  run: RunIdentity;
}

/** So many differences are told one by one. */
const differencesTold = 5;

/**
 * Overwrites a model and its optimizer with what a checkpoint holds.
 *
 * @returns where the run was
 * @throws CheckpointError naming the differences if it is not of this model, optimizer and run; then nothing is loaded
 */
export function loadCheckpoint({ state, files }: CheckpointContent, into: Resumed): CheckpointState {
  const { model, optimizer, run } = into;
  const own = fingerprintOf(ownOf(model.stateDict()), optimizer.stateDict(), run);
  const differences = differencesOf(state.fingerprint, own);
  if (differences.length > 0) {
    const told = differences.slice(0, differencesTold).join("; ");
    const more = differences.length - differencesTold;
    throw new CheckpointError(
      `checkpoint: that of step ${state.step} is of another job: ${told}${more > 0 ? `; and ${more} more` : ""}; build the same model and optimizer and pass the same options, or start afresh`,
    );
  }
  const { name, groups } = state.fingerprint.optimizer;
  scope(() => {
    const weights = readSafetensors(files["model.safetensors"]).tensors;
    const moments = readSafetensors(files["optimizer.safetensors"]).tensors;
    model.loadStateDict(weights);
    const count = groups.reduce((sum, { length }) => sum + length, 0);
    optimizer.loadStateDict({ name, ...state.optimizer, state: unflatten(moments, count) });
  });
  return state;
}
