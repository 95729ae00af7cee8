// Loads a checkpoint from a disk into tensors that are there, without another copy of them in memory: first it compares
// the headers of all files with what there is, then it reads the elements to their places.
import type { Optimizer, Tensor } from "@shardgrad/core";
import type { StoredTensor } from "@shardgrad/core/engine";
import { heap, storedTensors } from "@shardgrad/core/engine";
import { flatSignatures, flatten, requireTensors, unloadable } from "./content.ts";
import { codeOf } from "./disk.ts";
import type { StoredCheckpoint } from "./find-newest.ts";
import type { OfFiles, TensorFile } from "./state-file.ts";
import { filesOf } from "./state-file.ts";

/** What a checkpoint is read into: tensors without gaps. */
export interface Targets {
  model: ReadonlyMap<string, Tensor>;
  optimizer: Pick<Optimizer, "stateDict" | "loadStateDict">;
  /** Names of parameters that may have averages, and where these go; none if the run keeps none. */
  averaged: readonly string[];
  averages: ReadonlyMap<string, Tensor>;
}

type Places = ReadonlyMap<string, StoredTensor>;

/** Where the tensors of each file lie. @throws Damage or FormatError unless these are the ones that state.json tells of */
function placesIn({ state, files }: StoredCheckpoint, { averaged }: Targets): OfFiles<Places> {
  const { tensors } = state.fingerprint;
  const beside = tensors.filter(({ name }) => averaged.includes(name));
  const expected = {
    "model.safetensors": tensors,
    "optimizer.safetensors": flatSignatures(state),
    "weights.safetensors": beside,
    "average.safetensors": beside,
  };
  const places: Partial<OfFiles<Places>> = {};
  for (const name of filesOf(files)) {
    const found = new Map(storedTensors(files[name]!).map((tensor) => [tensor.name, tensor]));
    requireTensors(name, expected[name], found);
    places[name] = found;
  }
  return places as OfFiles<Places>;
}

/** Where each tensor of a file goes; undefined for one that goes nowhere. */
function targetsOf(places: OfFiles<Places>, { model, optimizer, averages }: Targets) {
  const weights = places["weights.safetensors"];
  const state = new Map(flatten(optimizer.stateDict().state));
  // What was evaluated may be the average.
  const evaluated = (name: string) => (weights?.has(name) ? averages : model).get(name);
  return {
    "model.safetensors": evaluated,
    "optimizer.safetensors": (name) => state.get(name),
    "weights.safetensors": (name) => model.get(name),
    "average.safetensors": (name) => averages.get(name),
  } satisfies Record<TensorFile, (name: string) => Tensor | undefined>;
}

/**
 * Overwrites the targets with a checkpoint of the same job.
 *
 * @throws CheckpointError that says what is damaged; then it has loaded nothing. Also an error of the disk, which leaves
 *   the targets undefined
 */
export function loadStored(checkpoint: StoredCheckpoint, targets: Targets): void {
  const { state, files } = checkpoint;
  const { model, optimizer, averages } = targets;
  try {
    const places = placesIn(checkpoint, targets);
    const { name } = state.fingerprint.optimizer;
    // Its tensors get theirs below.
    optimizer.loadStateDict({ name, ...state.optimizer, state: optimizer.stateDict().state });
    const targetIn = targetsOf(places, targets);
    for (const file of filesOf(places)) {
      for (const { name, start, bytes } of places[file]!.values()) {
        const target = targetIn[file](name);
        if (!target) continue;
        const { address } = target;
        files[file]!.read(start, heap().uint8.subarray(address, address + bytes));
      }
    }
    // An average that starts here begins with the weights.
    if (places["weights.safetensors"] || places["average.safetensors"]) return;
    for (const [name, average] of averages) average.copyFrom(model.get(name)!);
  } catch (error) {
    if (codeOf(error) !== undefined) throw error;
    unloadable(state, error);
  }
}
