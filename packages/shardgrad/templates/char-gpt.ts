// A small GPT that learns to write like a text, letter by letter. A poem is enough for a try; give it more to read:
//
//   npx shardgrad train job.ts --set text=FILE
import { readFileSync } from "node:fs";
import type { Tensor } from "shardgrad";
import {
  AdamW,
  add,
  computed,
  crossEntropy,
  defineJob,
  Embedding,
  LayerNorm,
  Linear,
  Module,
  narrow,
  reshape,
  TransformerBlock,
} from "shardgrad";

/** William Blake, 1794. */
const poem = `Tyger Tyger, burning bright,
In the forests of the night;
What immortal hand or eye,
Could frame thy fearful symmetry?

In what distant deeps or skies.
Burnt the fire of thine eyes?
On what wings dare he aspire?
What the hand, dare seize the fire?

And what shoulder, & what art,
Could twist the sinews of thy heart?
And when thy heart began to beat,
What dread hand? & what dread feet?
`;

/** Letters are the printable ones of ASCII and the line break, which is number 0; all others become spaces. */
const letters = 96;
const numbersOf = (text: string) =>
  Int32Array.from(text, (letter) => {
    const code = letter.charCodeAt(0);
    return letter === "\n" ? 0 : code >= 32 && code < 127 ? code - 31 : 1;
  });

const context = 32;
let loaded: { path: string; codes: Int32Array } | undefined;

/** The text as numbers, read once in each worker. */
function codesOf(path: string): Int32Array {
  if (loaded?.path !== path)
    loaded = { path, codes: numbersOf(path === "" ? poem : readFileSync(path, "utf8")) };
  return loaded.codes;
}

class GPT extends Module {
  readonly tokens: Embedding;
  readonly positions: Embedding;
  readonly blocks: TransformerBlock[];
  readonly norm: LayerNorm;
  readonly head: Linear;

  constructor(layers: number, width: number) {
    super();
    this.tokens = new Embedding(letters, width);
    this.positions = new Embedding(context, width);
    this.blocks = Array.from({ length: layers }, () => new TransformerBlock(width, 4, { causal: true }));
    this.norm = new LayerNorm(width);
    this.head = new Linear(width, letters);
  }

  /** Maps letters `[n, time]` to scores of the letter after each, `[n, time, letters]`. */
  forward(x: Tensor): Tensor {
    let h = add(this.tokens.forward(x), narrow(this.positions.weight, 0, 0, x.shape[1]!));
    for (const block of this.blocks) h = block.forward(h);
    return this.head.forward(this.norm.forward(h));
  }
}

export default defineJob({
  params: { text: "", layers: 2, width: 64, lr: 0.003 },
  dataset: {
    // A sample is a stretch of the text from anywhere, and the same one letter later.
    train: computed({
      samples: 640,
      columns: {
        x: { shape: [context], dtype: "int32" },
        next: { shape: [context], dtype: "int32" },
      },
      sample: (_, random, { params }) => {
        const codes = codesOf(params.text as string);
        const start = random.integer(codes.length - context);
        return {
          x: codes.subarray(start, start + context),
          next: codes.subarray(start + 1, start + context + 1),
        };
      },
    }),
  },
  model: (_, { params: { layers, width } }) => new GPT(layers, width),
  loss: (model, { x, next }) => crossEntropy(reshape(model.forward(x), [-1, letters]), reshape(next, [-1])),
  optimizer: (parameters, { params }) => new AdamW(parameters, { lr: params.lr }),
  batchSize: 16,
  epochs: 10,
  seed: 1,
});
