// The networks of the zoo in shardgrad, from public layers only.
import type { Tensor } from "@shardgrad/core";
import {
  add,
  Conv2d,
  Embedding,
  Flatten,
  LayerNorm,
  Linear,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
  TransformerBlock,
} from "@shardgrad/core";
import type { GptNetwork, Network } from "../zoo.ts";

/** Linear layers with ReLU between them. */
function linears(sizes: readonly number[]): Module[] {
  return sizes.slice(1).flatMap((outputs, i) => {
    const layer = new Linear(sizes[i]!, outputs);
    return i === 0 ? [layer] : [new ReLU(), layer];
  });
}

function lenet5(): Module {
  return new Sequential(
    new Conv2d(1, 6, 5, { padding: 2 }),
    new ReLU(),
    new MaxPool2d(2),
    new Conv2d(6, 16, 5),
    new ReLU(),
    new MaxPool2d(2),
    new Flatten(),
    ...linears([400, 120, 84, 10]),
  );
}

/** Maps `x [n, context]` int32 to logits `[n, context, vocabulary]`. */
class Gpt extends Module {
  readonly tokens: Embedding;
  readonly positions: Embedding;
  readonly blocks: TransformerBlock[];
  readonly norm: LayerNorm;
  readonly head: Linear;

  constructor({ layers, heads, width, context, vocabulary }: GptNetwork) {
    super();
    this.tokens = new Embedding(vocabulary, width);
    this.positions = new Embedding(context, width);
    this.blocks = Array.from({ length: layers }, () => new TransformerBlock(width, heads, { causal: true }));
    this.norm = new LayerNorm(width);
    this.head = new Linear(width, vocabulary);
  }

  forward(x: Tensor): Tensor {
    // Samples are as long as the context, so that every position is used.
    let h = add(this.tokens.forward(x), this.positions.weight);
    for (const block of this.blocks) h = block.forward(h);
    return this.head.forward(this.norm.forward(h));
  }
}

/** Builds a network that maps samples `x [n, …]` to logits, classes last. This thread's random stream gives the weights. */
export function buildNetwork(network: Network): Module {
  if (network.kind === "mlp") return new Sequential(...linears(network.sizes));
  return network.kind === "lenet5" ? lenet5() : new Gpt(network);
}
