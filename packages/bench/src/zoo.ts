// The model zoo: what is trained, as plain data that also crosses to Python. Everything that a contender must know to
// build the same network is here; how large that is, is in network-sizes.ts; the jobs themselves are in jobs/.

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
 * A GPT over characters: learned positions, blocks with the norms in front, GELU, a hidden layer of 4 · width, causal
 * attention, a final norm, an output projection of its own; no dropout.
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

/** Without weight decay, but for AdamW (0.01); betas and eps are everybody's defaults. */
export interface OptimizerChoice {
  kind: "SGD" | "Adam" | "AdamW";
  lr: number;
}

export interface ZooModel {
  name: string;
  network: Network;
  /** Samples in one step, over all workers, threads or ranks. */
  batch: number;
  /** Batches in the data set, which is gone through again and again. */
  batches: number;
  optimizer: OptimizerChoice;
}

// Learning rates are small on purpose: weights that hardly move keep gradients of the size that they have at first,
// so that no contender slows down on denormal numbers after some thousand steps on noise.
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

/** Number of classes that the cross-entropy is over. */
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
