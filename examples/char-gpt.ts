// A small GPT that learns to write like a text, letter by letter, and shows what it writes as it learns. The default text
// is an excerpt from Shakespeare, enough for a try. Give it more to read: `shardgrad train examples/char-gpt.ts --set
// text=FILE`. Sizes and schedule are nanoGPT's for a CPU (https://github.com/karpathy/nanoGPT): 4 layers of 128, 64
// letters of context, 2,000 steps of 12, at twice its learning rate. On the 1.1 MB of Shakespeare's plays that nanoGPT
// reads, the loss of the held-out text comes to 1.81 in less than five minutes on two cores.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Tensor } from "@shardgrad/core";
import {
  AdamW,
  add,
  crossEntropy,
  div,
  Embedding,
  init,
  LayerNorm,
  linear,
  Module,
  narrow,
  rand,
  reshape,
  select,
  softmax,
  TransformerBlock,
  tensor,
  warmupCosineSchedule,
} from "@shardgrad/core";
import { computed, defineJob, train } from "@shardgrad/parallel";

const context = 64;
const steps = 2000;
const batchSize = 12;

/** Letters are printable ASCII and the line break, which is number 0. All others become spaces. */
const vocabulary = 96;
const encode = (text: string) =>
  Uint8Array.from(text, (letter) => {
    const code = letter.charCodeAt(0);
    return letter === "\n" ? 0 : code >= 32 && code < 127 ? code - 31 : 1;
  });
const decode = (codes: readonly number[]) =>
  codes.map((code) => (code === 0 ? "\n" : String.fromCharCode(code + 31))).join("");

let loaded: { path: string; training: Uint8Array; heldOut: Uint8Array } | undefined;

/** Reads the text when a sample of it is first needed, in each worker: the last tenth is held out. */
function textOf(path: string) {
  if (loaded?.path === path) return loaded;
  const codes = encode(readFileSync(path, "utf8"));
  const cut = Math.floor(codes.length * 0.9);
  loaded = { path, training: codes.subarray(0, cut), heldOut: codes.subarray(cut) };
  return loaded;
}

/** A stretch of text, and the same one letter later: each letter is to be followed by the next. */
const windowAt = (codes: Uint8Array, start: number) => ({
  x: codes.subarray(start, start + context),
  next: codes.subarray(start + 1, start + context + 1),
});
const columns = {
  x: { shape: [context], dtype: "int32" },
  next: { shape: [context], dtype: "int32" },
} as const;

class GPT extends Module {
  readonly tokens: Embedding;
  readonly positions: Embedding;
  readonly blocks: TransformerBlock[];
  readonly norm: LayerNorm;

  constructor({ layers, heads, width }: { layers: number; heads: number; width: number }) {
    super();
    this.tokens = new Embedding(vocabulary, width);
    this.positions = new Embedding(context, width);
    this.blocks = Array.from(
      { length: layers },
      () => new TransformerBlock(width, heads, { causal: true, bias: false }),
    );
    this.norm = new LayerNorm(width, { bias: false });
    for (const [name, parameter] of this.namedParameters()) {
      if (parameter.rank < 2) continue;
      // What a block adds to the stream starts small, so that the sum over the blocks does, too.
      const adds = name.endsWith("outProj.weight") || name.endsWith("linear2.weight");
      init.normal(parameter, 0, adds ? 0.02 / Math.sqrt(2 * layers) : 0.02);
    }
  }

  /** Maps `x [n, time]` int32, of at most `context` letters, to logits `[n, time, vocabulary]`. */
  forward(x: Tensor): Tensor {
    let h = add(this.tokens.forward(x), narrow(this.positions.weight, 0, 0, x.shape[1]!));
    for (const block of this.blocks) h = block.forward(h);
    return linear(this.norm.forward(h), this.tokens.weight);
  }
}

/** Draws a text of `length` letters, each from the probabilities that the model gives it after those before. */
function write(model: GPT, length: number): string {
  const codes = [0];
  const draws = rand([length]).toArray();
  for (const draw of draws) {
    const seen = codes.slice(-context);
    const logits = model.forward(tensor([seen], { dtype: "int32" }));
    const probabilities = softmax(div(select(select(logits, 0, 0), 0, seen.length - 1), 0.8)).toArray();
    let code = 0;
    for (
      let left = draw - probabilities[0]!;
      left >= 0 && code < vocabulary - 1;
      left -= probabilities[code]!
    )
      code++;
    codes.push(code);
  }
  return decode(codes.slice(1));
}

export default defineJob({
  params: {
    text: fileURLToPath(new URL("./data/shakespeare-excerpt.txt", import.meta.url)),
    layers: 4,
    heads: 4,
    width: 128,
    lr: 2e-3,
    /** Letters to write, and steps between two texts; 0 for none. */
    letters: 300,
    every: 500,
  },
  dataset: {
    // An epoch is a quarter of the run: after each, the held-out text is read.
    train: computed({
      samples: (steps * batchSize) / 4,
      columns,
      sample: (_, rng, { params }) => {
        const { training } = textOf(params.text as string);
        return windowAt(training, rng.integer(training.length - context));
      },
    }),
    test: computed({
      samples: 400,
      columns,
      sample: (index, _, { params }) => {
        const { heldOut } = textOf(params.text as string);
        return windowAt(heldOut, Math.floor((index * (heldOut.length - context - 1)) / 399));
      },
    }),
  },
  model: (_, { params }) => new GPT(params),
  loss: (model, { x, next }) =>
    crossEntropy(reshape(model.forward(x), [-1, vocabulary]), reshape(next, [-1])),
  optimizer: (_, { model, params, steps }) => {
    const decayed = (tensor: Tensor) => tensor.rank >= 2;
    const parameters = model.parameters();
    return new AdamW(
      [
        { params: parameters.filter(decayed), weightDecay: 0.1 },
        { params: parameters.filter((parameter) => !decayed(parameter)), weightDecay: 0 },
      ],
      {
        lr: warmupCosineSchedule({
          lr: params.lr,
          minLr: params.lr / 10,
          steps,
          warmupSteps: Math.ceil(steps / 20),
        }),
        betas: [0.9, 0.99],
      },
    );
  },
  clipGradNorm: 1,
  // One worker writes while the others wait. It changes nothing, so the weights are those of a run without it.
  afterStep: (model, { params, step }) => {
    const done = step.item() + 1;
    if (params.every === 0 || done % params.every !== 0) return;
    console.log(`--- after ${done} steps ---\n${write(model, params.letters)}`);
  },
  batchSize,
  epochs: 4,
  seed: 1337,
});

if (import.meta.main) {
  const text = process.argv[2];
  const run = train(import.meta.url, { params: text === undefined ? {} : { text } });
  run.on("epoch", ({ epoch, loss, testLoss }) => console.log(`epoch ${epoch}`, { loss, testLoss }));
  const { seconds } = await run;
  console.log(`trained in ${seconds.toFixed(1)} s`);
}
