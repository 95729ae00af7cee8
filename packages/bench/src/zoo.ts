// The model zoo, as plain data that Python can read, too. It says everything that a contender must know to build the
// same network. For sizes see network-sizes.ts; for the jobs, jobs/.

/** Fully connected layers with ReLU between them. */
export interface MlpNetwork {
  kind: "mlp";
  /** Inputs, hidden layers, classes. */
  sizes: readonly number[];
}

/** LeNet-5 on [1,28,28]: conv 6×5×5 with padding 2, conv 16×5×5, ReLU and max pooling by 2 after each, 400-120-84-10. */
export interface LeNetNetwork {
  kind: "lenet5";
}

/**
 * A character GPT: learned positions, pre-norm blocks, GELU, a hidden layer of 4 · width, causal attention, a final
 * norm, a separate output projection; no dropout.
 */
export interface GptNetwork {
  kind: "gpt";
  layers: number;
  heads: number;
  width: number;
  context: number;
  vocabulary: number;
}

export type Network = MlpNetwork | LeNetNetwork | GptNetwork;

/** No weight decay except for AdamW (0.01); betas and eps are the usual defaults. */
export interface OptimizerChoice {
  kind: "SGD" | "Adam" | "AdamW";
  lr: number;
}

export interface ZooModel {
  name: string;
  network: Network;
  /** Samples in one step, over all workers, threads or ranks. */
  batch: number;
  /** Batches in the data set; training cycles through them. */
  batches: number;
  optimizer: OptimizerChoice;
}

// Learning rates are small on purpose: weights that hardly move keep the gradients at their initial size. Otherwise
// some contender might slow down on denormal numbers after thousands of steps on noise.
export const zoo: readonly ZooModel[] = [
  {
    name: "mlp-tiny",
    network: { kind: "mlp", sizes: [784, 30, 10] },
    batch: 64,
    batches: 64,
    optimizer: { kind: "SGD", lr: 0.02 },
  },
  {
    name: "mlp-small",
    network: { kind: "mlp", sizes: [784, 256, 128, 10] },
    batch: 256,
    batches: 16,
    optimizer: { kind: "Adam", lr: 1e-4 },
  },
  {
    name: "mlp-large",
    network: { kind: "mlp", sizes: [784, 1024, 1024, 10] },
    batch: 512,
    batches: 4,
    optimizer: { kind: "SGD", lr: 0.02 },
  },
  {
    name: "lenet5",
    network: { kind: "lenet5" },
    batch: 128,
    batches: 16,
    optimizer: { kind: "SGD", lr: 0.1 },
  },
  {
    name: "char-gpt",
    network: { kind: "gpt", layers: 4, heads: 4, width: 128, context: 64, vocabulary: 65 },
    batch: 12,
    batches: 4,
    optimizer: { kind: "AdamW", lr: 1e-4 },
  },
  {
    name: "gpt-256",
    network: { kind: "gpt", layers: 6, heads: 8, width: 256, context: 128, vocabulary: 65 },
    batch: 16,
    batches: 2,
    optimizer: { kind: "AdamW", lr: 1e-4 },
  },
];

/** @throws RangeError for a name that is not in the zoo */
export function zooModel(name: string): ZooModel {
  const found = zoo.find((model) => model.name === name);
  if (found) return found;
  throw new RangeError(
    `zoo: there is no model "${name}"; it has ${zoo.map((model) => model.name).join(", ")}`,
  );
}

/** The number of classes of the cross-entropy. */
export function classesOf(network: Network): number {
  if (network.kind === "mlp") return network.sizes.at(-1)!;
  return network.kind === "lenet5" ? 10 : network.vocabulary;
}

/** Shape of one sample, and of its labels. */
export function sampleShapes(network: Network): { input: readonly number[]; label: readonly number[] } {
  if (network.kind === "mlp") return { input: [network.sizes[0]!], label: [] };
  if (network.kind === "lenet5") return { input: [1, 28, 28], label: [] };
  return { input: [network.context], label: [network.context] };
}
