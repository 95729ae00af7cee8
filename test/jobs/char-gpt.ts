// A GPT over characters: two transformer blocks with causal attention, on the rhyme in this file. 200 windows of 16
// characters in batches of 40: 5 steps per epoch.
import type { Tensor } from "@shardgrad/core";
import {
  AdamW,
  add,
  crossEntropy,
  Embedding,
  LayerNorm,
  Linear,
  Module,
  reshape,
  TransformerBlock,
  tensor,
} from "@shardgrad/core";
import { defineJob } from "@shardgrad/parallel";

// "The House That Jack Built", traditional.
const text = `This is the house that Jack built. This is the malt that lay in the house that Jack built.
This is the rat that ate the malt that lay in the house that Jack built. This is the cat that killed the rat that ate the
malt that lay in the house that Jack built. This is the dog that worried the cat that killed the rat that ate the malt
that lay in the house that Jack built. This is the cow with the crumpled horn that tossed the dog that worried the cat
that killed the rat.`;
const alphabet = [...new Set(text)].sort();
const codes = Uint8Array.from(text, (character) => alphabet.indexOf(character));
const context = 16;
const width = 16;

/** Windows that begin at every second character: the characters there, and each one's successor. */
function windows(samples: number, first: number) {
  const from = (shift: number) =>
    Uint8Array.from(
      { length: samples * context },
      (_, i) => codes[first + 2 * Math.floor(i / context) + (i % context) + shift]!,
    );
  return { x: { data: from(0), shape: [context] }, y: { data: from(1), shape: [context] } };
}

/** `x [n, context]` makes logits `[n · context, characters]`. */
class CharGpt extends Module {
  readonly tokens = new Embedding(alphabet.length, width);
  readonly positions = new Embedding(context, width);
  readonly blocks = [0, 1].map(() => new TransformerBlock(width, 2, { causal: true, dropout: 0.1 }));
  readonly norm = new LayerNorm(width);
  readonly head = new Linear(width, alphabet.length);

  forward(x: Tensor): Tensor {
    let h = add(this.tokens.forward(x), this.positions.weight);
    for (const block of this.blocks) h = block.forward(h);
    return reshape(this.head.forward(this.norm.forward(h)), [x.size, alphabet.length]);
  }
}

export default defineJob({
  dataset: () => ({ train: windows(200, 0), test: windows(20, 415) }),
  model: () => new CharGpt(),
  loss: (gpt, { x, y }) => crossEntropy(gpt.forward(x), reshape(y, [y.size])),
  optimizer: (parameters) => new AdamW(parameters, { lr: 0.01 }),
  metrics: {
    tokenLoss: {
      sums: (gpt, { x, y }) => [
        crossEntropy(gpt.forward(x), reshape(y, [y.size]), { reduction: "sum" }),
        tensor(y.size),
      ],
      finish: (loss, tokens) => loss / tokens,
      direction: "min",
    },
  },
  batchSize: 40,
  epochs: 3,
});
