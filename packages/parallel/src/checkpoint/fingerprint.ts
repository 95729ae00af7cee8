// Everything that must be the same for a run to resume from a checkpoint as if uninterrupted. Stored in full rather
// than as a hash, so that an error can name the difference.
import type { OptimizerStateDict, Tensor } from "@shardgrad/core";

/** What decides the samples and the random numbers of a step. */
export interface RunIdentity {
  seed: number;
  /** Samples in one step. */
  batchSize: number;
  shards: number;
  /** Training samples. */
  samples: number;
  /** Anything else that does, by name: how samples are drawn, what is held out. */
  details?: Readonly<Record<string, string | number | boolean>>;
}

/** One tensor of a model, without its values. */
export interface TensorSignature {
  name: string;
  shape: readonly number[];
  dtype: string;
}

/** What a run must share with the checkpoint that it resumes from. */
export interface JobFingerprint extends Required<RunIdentity> {
  /** Parameters and buffers of the model, in order. */
  tensors: TensorSignature[];
  optimizer: {
    /** Its class: "Adam". */
    name: string;
    /** For each parameter group: the numbers of its parameters. */
    groups: (readonly number[])[];
    /** For each parameter: its state tensors. */
    state: TensorSignature[][];
  };
}

function signatures(tensors: Iterable<readonly [string, Tensor]>): TensorSignature[] {
  return Array.from(tensors, ([name, { shape, dtype }]) => ({ name, shape: [...shape], dtype }));
}

/** The fingerprint of a model and its optimizer in a run. */
export function fingerprintOf(
  model: Iterable<readonly [string, Tensor]>,
  optimizer: OptimizerStateDict,
  { seed, batchSize, shards, samples, details = {} }: RunIdentity,
): JobFingerprint {
  const { name, paramGroups, state } = optimizer;
  return {
    seed,
    batchSize,
    shards,
    samples,
    details: { ...details },
    tensors: signatures(model),
    optimizer: {
      name,
      groups: paramGroups.map(({ params }) => params),
      state: state.map((tensors) => signatures(Object.entries(tensors))),
    },
  };
}

/** `[2,3] float32`. */
export const describeTensor = ({ shape, dtype }: Pick<TensorSignature, "shape" | "dtype">) =>
  `[${shape.join(",")}] ${dtype}`;

function compareTensors(what: string, saved: TensorSignature[], own: TensorSignature[]): string[] {
  const byName = new Map(saved.map((tensor) => [tensor.name, tensor]));
  const names = new Set(own.map(({ name }) => name));
  const differences: string[] = [];
  for (const tensor of own) {
    const other = byName.get(tensor.name);
    if (!other) differences.push(`${what} ${tensor.name} is not in the checkpoint`);
    else if (describeTensor(other) !== describeTensor(tensor))
      differences.push(
        `${what} ${tensor.name} is ${describeTensor(tensor)}, in the checkpoint ${describeTensor(other)}`,
      );
  }
  for (const { name } of saved) {
    if (!names.has(name)) differences.push(`${what} ${name} is in the checkpoint only`);
  }
  if (differences.length === 0 && saved.some(({ name }, index) => name !== own[index]?.name)) {
    differences.push(`the ${what}s come in another order`);
  }
  return differences;
}

function compareOptimizers(saved: JobFingerprint["optimizer"], own: JobFingerprint["optimizer"]): string[] {
  if (saved.name !== own.name) return [`the optimizer is ${own.name}, in the checkpoint ${saved.name}`];
  const [before, now] = [saved, own].map(({ groups }) => JSON.stringify(groups));
  if (before !== now) return [`the parameter groups are ${now}, in the checkpoint ${before}`];
  return own.state.flatMap((tensors, index) =>
    compareTensors(`optimizer state ${index},`, saved.state[index]!, tensors),
  );
}

function compareDetails(saved: JobFingerprint["details"], own: JobFingerprint["details"]): string[] {
  const names = new Set([...Object.keys(own), ...Object.keys(saved)]);
  const valueIn = (details: JobFingerprint["details"], name: string) =>
    Object.hasOwn(details, name) ? details[name] : "not given";
  return [...names].flatMap((name) => {
    const [before, now] = [valueIn(saved, name), valueIn(own, name)];
    return before === now ? [] : [`${name} is ${now}, in the checkpoint ${before}`];
  });
}

/** Every difference between a checkpoint's fingerprint and a run's, as text; empty if the run can resume from it. */
export function differencesOf(saved: JobFingerprint, own: JobFingerprint): string[] {
  const numbers = (["seed", "batchSize", "shards", "samples"] as const).flatMap((name) =>
    saved[name] === own[name] ? [] : [`${name} is ${own[name]}, in the checkpoint ${saved[name]}`],
  );
  return [
    ...compareTensors("tensor", saved.tensors, own.tensors),
    ...compareOptimizers(saved.optimizer, own.optimizer),
    ...numbers,
    ...compareDetails(saved.details, own.details),
  ];
}
