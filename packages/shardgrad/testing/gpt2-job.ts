// GPT-2 with 124 million parameters as a job: 12 layers, 768 wide, a vocabulary of 50,257, a context of 256. Its text is an
// excerpt from Shakespeare, over and over; a token is a word or a mark, whose number is a hash.
import { readFileSync } from "node:fs";
import type { Tensor } from "@shardgrad/core";
import {
  AdamW,
  add,
  crossEntropy,
  Embedding,
  init,
  LayerNorm,
  linear,
  Module,
  reshape,
  TransformerBlock,
} from "@shardgrad/core";
import { defineJob } from "@shardgrad/parallel";

export const sizes = { layers: 12, heads: 12, width: 768, vocabulary: 50_257, context: 256, batchSize: 4 };
const { layers, heads, width, vocabulary, context, batchSize } = sizes;
export const learningRate = 3e-4;

/** FNV-1a. */
function hash(word: string): number {
  let h = 0x811c9dc5;
  for (const byte of Buffer.from(word)) h = Math.imul(h ^ byte, 0x01000193);
  return h >>> 0;
}

/** Numbers of the words and marks of a text. */
function tokensOf(text: string): Int32Array {
  return Int32Array.from(text.match(/\w+|[^\w\s]|\n/g) ?? [], (word) => hash(word) % vocabulary);
}

/** Windows of the text, and what comes after each of their tokens: a window each 64 tokens. */
export function windows(): { x: Int32Array; y: Int32Array; count: number } {
  const text = readFileSync(
    new URL("../../../examples/data/shakespeare-excerpt.txt", import.meta.url),
    "utf8",
  );
  const tokens = tokensOf(text);
  const count = Math.floor((tokens.length - context - 1) / 64) + 1;
  const [x, y] = [new Int32Array(count * context), new Int32Array(count * context)];
  for (let i = 0; i < count; i++) {
    x.set(tokens.subarray(64 * i, 64 * i + context), i * context);
    y.set(tokens.subarray(64 * i + 1, 64 * i + context + 1), i * context);
  }
  return { x, y, count };
}

class GPT2 extends Module {
  readonly tokens = new Embedding(vocabulary, width);
  readonly positions = new Embedding(context, width);
  readonly blocks = Array.from(
    { length: layers },
    () => new TransformerBlock(width, heads, { causal: true }),
  );
  readonly norm = new LayerNorm(width);

  constructor() {
    super();
    for (const [name, x] of this.namedParameters()) {
      if (name.endsWith("bias")) init.zeros(x);
      else if (x.rank >= 2)
        init.normal(x, 0, /outProj|linear2/.test(name) ? 0.02 / Math.sqrt(2 * layers) : 0.02);
    }
  }

  /** Maps `x [n, context]` to logits `[n, context, vocabulary]`. */
  forward(x: Tensor): Tensor {
    let h = add(this.tokens.forward(x), this.positions.weight);
    for (const block of this.blocks) h = block.forward(h);
    return linear(this.norm.forward(h), this.tokens.weight);
  }
}

export default defineJob({
  dataset: async () => {
    const { x, y } = windows();
    return { train: { x: { data: x, shape: [context] }, y: { data: y, shape: [context] } } };
  },
  model: () => new GPT2(),
  loss: (model, { x, y }) => crossEntropy(reshape(model.forward(x), [-1, vocabulary]), reshape(y, [-1])),
  optimizer: (parameters) => new AdamW(parameters, { lr: learningRate, weightDecay: 0.1 }),
  batchSize,
  epochs: 100,
});
