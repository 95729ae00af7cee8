// Converts a model and its optimizer to the bytes of a checkpoint, and back. Either copies the tensors at once, so that
// training continues while the bytes are written, or reads them only then. Knows nothing of files.
import type { Optimizer, OptimizerStateDict, SafetensorsParts, StateDict, Tensor } from "@shardgrad/core";
import { FormatError, MemoryError, readSafetensors, safetensorsParts, scope } from "@shardgrad/core";
import { CheckpointError, damagedCheckpoint, NonFiniteError, oneLine } from "../errors.ts";
import type { RunChange, RunSettings } from "./changes.ts";
import { changedParams } from "./changes.ts";
import type { RunIdentity, TensorSignature } from "./fingerprint.ts";
import { describeTensor, differencesOf, fingerprintOf } from "./fingerprint.ts";
import { Damage } from "./schema.ts";
import type { CheckpointState, OfFiles, Plain, TensorFile } from "./state-file.ts";

/** A checkpoint in memory. */
export interface CheckpointContent {
  state: CheckpointState;
  files: Readonly<OfFiles<Uint8Array>>;
}

/** A checkpoint to write, whose files are read from the tensors part by part, and only then. */
export interface CheckpointParts {
  state: CheckpointState;
  files: Readonly<OfFiles<SafetensorsParts>>;
}

/** What is trained: anything with state dicts, such as a Module and an Optimizer of core. */
export interface Trained {
  model: { stateDict(): StateDict };
  optimizer: Pick<Optimizer, "stateDict">;
  run: RunIdentity;
  /** Metadata of the model's file; by default, that it has PyTorch's layout. */
  metadata?: Readonly<Record<string, string>>;
  /** Averages of parameters by name, and whether evaluation uses them; none if absent. */
  average?: { stateDict(): StateDict; evaluated: boolean };
}

/** The position of a run. */
export interface RunPosition {
  /** Steps done. */
  step: number;
  /** Epochs done. */
  epoch: number;
  /** Samples of the current epoch that are done; default 0. */
  cursor?: number;
  /** The state of your random numbers. Default null: they follow from seed and step. */
  random?: Plain;
  /** Results of the last evaluation; none if absent. */
  metrics?: Readonly<Record<string, number>>;
  /** Settings that may change on a resume; none if absent. */
  settings?: RunSettings;
  /** Changes at earlier resumes; none if absent. */
  changes?: readonly RunChange[];
  /** What computes, such as kernels, by name; nothing if absent. */
  computedBy?: Readonly<Record<string, string>>;
  /** The source files with their SHA-256; nothing if absent. */
  sources?: Readonly<Record<string, string>>;
}

function entriesOf(state: StateDict): Iterable<readonly [string, Tensor]> {
  return state instanceof Map ? state : Object.entries(state);
}

/** State tensors under names like `3.velocity`, for parameter 3. */
export function flatten(state: OptimizerStateDict["state"]): [string, Tensor][] {
  return state.flatMap((tensors, index) =>
    Object.entries(tensors).map(([name, tensor]): [string, Tensor] => [`${index}.${name}`, tensor]),
  );
}

/** The inverse of `flatten`, for state tensors of these names. */
function unflatten(
  tensors: ReadonlyMap<string, Tensor>,
  state: readonly (readonly TensorSignature[])[],
): Record<string, Tensor>[] {
  return state.map((own, index) =>
    Object.fromEntries(own.map(({ name }) => [name, tensors.get(`${index}.${name}`)!])),
  );
}

/** Throws if a trained tensor is not finite, since no run could resume from it. */
function requireFinite({ model, optimizer }: Trained): void {
  const trained = [...entriesOf(model.stateDict())].filter(([, x]) => x.requiresGrad);
  const state = flatten(optimizer.stateDict().state);
  for (const [name, x] of trained.length > 0 ? [...trained, ...state] : []) {
    const bad = (x.contiguous ? x.data() : x.toArray()).find((value) => !Number.isFinite(value));
    if (bad === undefined) continue;
    throw new NonFiniteError(
      `checkpoint: ${name} holds ${bad}, expected finite numbers; nothing is saved: resume from the previous checkpoint, with a lower learning rate or clipped gradients`,
    );
  }
}

/** The elements of a tensor as bytes, in parts. */
export type ElementsOf = (tensor: Tensor) => Iterable<Uint8Array>;

/**
 * The checkpoint of tensors that the caller has checked: a run of `train` checks its own.
 *
 * @param elementsOf where their elements are, if not in the tensors
 * @throws CheckpointError if step, epoch or cursor is not a non-negative integer
 */
export function layOutCheckpoint(
  trained: Trained,
  position: RunPosition,
  elementsOf?: ElementsOf,
): CheckpointParts {
  const { step, epoch, cursor = 0, random = null, metrics = {} } = position;
  const { settings = {}, changes = [], computedBy = {}, sources = {} } = position;
  for (const [name, value] of Object.entries({ step, epoch, cursor })) {
    if (Number.isSafeInteger(value) && value >= 0) continue;
    throw new CheckpointError(`checkpoint: ${name} is ${value}, expected a non-negative integer`);
  }
  const model = [...entriesOf(trained.model.stateDict())];
  const optimizer = trained.optimizer.stateDict();
  const { stepCount, paramGroups, state } = optimizer;
  return {
    state: {
      step,
      epoch,
      cursor,
      random: structuredClone(random),
      metrics: { ...metrics },
      fingerprint: fingerprintOf(model, optimizer, trained.run),
      settings: { ...settings },
      changes: structuredClone(changes),
      computedBy: { ...computedBy },
      sources: { ...sources },
      optimizer: { stepCount, paramGroups: structuredClone(paramGroups) },
    },
    files: {
      ...layOutModel(model, trained, elementsOf),
      "optimizer.safetensors": safetensorsParts(flatten(state), undefined, elementsOf),
    },
  };
}

/**
 * Everything that a run needs to resume from here, for `save`, which reads the tensors piece by piece: it takes no
 * second copy of them. Nothing may change them before the promise of `save` has settled.
 *
 * @throws CheckpointError if step, epoch or cursor is not a non-negative integer
 * @throws NonFiniteError if a weight or a number of the optimizer is NaN or infinite
 */
export function checkpointParts(trained: Trained, position: RunPosition): CheckpointParts {
  const checkpoint = layOutCheckpoint(trained, position);
  requireFinite(trained);
  return checkpoint;
}

/**
 * Copies everything that a run needs to resume from here. It is synchronous: the result is a consistent snapshot, and
 * later changes to the tensors do not affect it.
 *
 * @throws CheckpointError if step, epoch or cursor is not a non-negative integer
 * @throws NonFiniteError if a weight or a number of the optimizer is NaN or infinite
 */
export function encodeCheckpoint(trained: Trained, position: RunPosition): CheckpointContent {
  const { state, files } = checkpointParts(trained, position);
  const copies = Object.entries(files).map(([name, parts]) => [name, joined(parts)] as const);
  return { state, files: Object.fromEntries(copies) as CheckpointContent["files"] };
}

function joined({ bytes, parts }: SafetensorsParts): Uint8Array {
  const file = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts()) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}

/** The model's file holds what is evaluated, so that it loads into a model as it is. The other weights go into a second file. */
function layOutModel(
  model: readonly (readonly [string, Tensor])[],
  { average, metadata = { format: "pt" } }: Pick<Trained, "average" | "metadata">,
  elementsOf: ElementsOf | undefined,
): Omit<OfFiles<SafetensorsParts>, "optimizer.safetensors"> {
  const write = (tensors: Iterable<readonly [string, Tensor]>) =>
    safetensorsParts(tensors, metadata, elementsOf);
  if (!average) return { "model.safetensors": write(model) };
  const averages = new Map(entriesOf(average.stateDict()));
  if (!average.evaluated)
    return { "model.safetensors": write(model), "average.safetensors": write(averages) };
  return {
    "model.safetensors": write(model.map(([name, x]) => [name, averages.get(name) ?? x] as const)),
    "weights.safetensors": write(model.filter(([name]) => averages.has(name))),
  };
}

/** What a checkpoint is loaded into. */
export interface Resumed {
  model: { stateDict(): StateDict; loadStateDict(state: StateDict): unknown };
  optimizer: Pick<Optimizer, "stateDict" | "loadStateDict">;
  run: RunIdentity;
  /** The run's settings. A changed param among them may explain why the job differs. None if absent. */
  settings?: RunSettings;
  /** Names of averaged parameters, and where to load their averages; undefined without averages. */
  average?: { names: readonly string[]; load(averages: ReadonlyMap<string, Tensor> | undefined): void };
}

/** The most differences to list one by one. */
const differencesTold = 5;

/** @throws CheckpointError that names the differences if a checkpoint belongs to another model, optimizer or run */
export function requireSameJob(
  { step, fingerprint, settings: before }: CheckpointState,
  { model, optimizer, run, settings }: Resumed,
): void {
  const own = fingerprintOf(entriesOf(model.stateDict()), optimizer.stateDict(), run);
  const differences = differencesOf(fingerprint, own);
  if (differences.length === 0) return;
  const params = settings ? changedParams(before, settings) : [];
  const told = [...params, ...differences.slice(0, differencesTold)].join("; ");
  const more = differences.length - differencesTold;
  const advice =
    params.length > 0
      ? "resume with the params of the checkpoint"
      : "build the same model and optimizer and pass the same options";
  throw new CheckpointError(
    `checkpoint: that of step ${step} is of another job: ${oneLine(told)}${more > 0 ? `; and ${more} more` : ""}; ${advice}, or start afresh`,
  );
}

/** Throws a Damage unless a file has exactly these tensors. */
export function requireTensors(
  file: TensorFile,
  expected: readonly TensorSignature[],
  tensors: ReadonlyMap<string, Pick<TensorSignature, "shape" | "dtype">>,
): void {
  const signatures = new Map(expected.map((signature) => [signature.name, signature]));
  for (const name of signatures.keys()) if (!tensors.has(name)) throw new Damage(`${file} lacks ${name}`);
  for (const [name, tensor] of tensors) {
    const signature = signatures.get(name);
    if (!signature)
      throw new Damage(`${file} has ${JSON.stringify(name)}, of which state.json knows nothing`);
    const [got, right] = [tensor, signature].map(describeTensor);
    if (got !== right) throw new Damage(`${file} has ${name} as ${got}, expected ${right}`);
  }
}

/** The most characters of a reason, which may quote a file. */
const mostReason = 300;

/** Reads weights or averages from a second file, if there is one: those of `names`, or, without names, those it contains. */
function readBeside(
  { state, files }: CheckpointContent,
  file: TensorFile,
  names: readonly string[] | undefined,
): ReadonlyMap<string, Tensor> | undefined {
  const bytes = files[file];
  if (!bytes) return undefined;
  const { tensors } = readSafetensors(bytes);
  const expected = state.fingerprint.tensors.filter(({ name }) =>
    (names ?? [...tensors.keys()]).includes(name),
  );
  requireTensors(file, expected, tensors);
  return tensors;
}

/** What the optimizer's file has. */
export function flatSignatures({ fingerprint }: CheckpointState): TensorSignature[] {
  return fingerprint.optimizer.state.flatMap((own, index) =>
    own.map((signature) => ({ ...signature, name: `${index}.${signature.name}` })),
  );
}

function loadTensors(content: CheckpointContent, { model, optimizer, average }: Resumed): void {
  const { state, files } = content;
  const { name, state: moments } = state.fingerprint.optimizer;
  scope(() => {
    const weights = readSafetensors(files["model.safetensors"]).tensors;
    requireTensors("model.safetensors", state.fingerprint.tensors, weights);
    const saved = readSafetensors(files["optimizer.safetensors"]).tensors;
    requireTensors("optimizer.safetensors", flatSignatures(state), saved);
    const trained = readBeside(content, "weights.safetensors", average?.names);
    const averages = trained ? weights : readBeside(content, "average.safetensors", average?.names);
    optimizer.loadStateDict({ name, ...state.optimizer, state: unflatten(saved, moments) });
    // Training continues from the weights, whichever were evaluated.
    model.loadStateDict(trained ? new Map([...weights, ...trained]) : weights);
    average?.load(averages);
  });
}

/**
 * Overwrites a model and its optimizer with a checkpoint's content.
 *
 * @returns the position of the run
 * @throws CheckpointError that names the differences if it belongs to another model, optimizer or run, or says what is
 *   damaged; then it has loaded nothing
 */
export function loadCheckpoint(content: CheckpointContent, into: Resumed): CheckpointState {
  const { state } = content;
  requireSameJob(state, into);
  try {
    loadTensors(content, into);
  } catch (error) {
    unloadable(state, error);
  }
  return state;
}

/** Throws what an error of loading means. */
export function unloadable(state: CheckpointState, error: unknown): never {
  if (error instanceof MemoryError) throw error;
  const reason = oneLine(error instanceof Error ? error.message : String(error)).slice(0, mostReason);
  if (error instanceof Damage || error instanceof FormatError)
    throw damagedCheckpoint(`that of step ${state.step}`, reason, error);
  // An optimizer or a model threw: over the files' contents, or over a bug of its own.
  throw new CheckpointError(`checkpoint: that of step ${state.step} cannot be loaded: ${reason}`, {
    cause: error,
  });
}
