// Sequences of different lengths: which brackets have a partner? A batch holds all of them at one length, filled up with
// padding. Two masks keep it from counting: attention does not look at it, and the loss leaves it out. The weight of a
// sample is its number of brackets, so that the loss is the mean over brackets, however a batch is divided.
import type { Tensor } from "@shardgrad/core";
import {
  Adam,
  add,
  argmax,
  cast,
  crossEntropy,
  div,
  Embedding,
  equal,
  LayerNorm,
  Linear,
  Module,
  mul,
  notEqual,
  reshape,
  sum,
  TransformerBlock,
} from "@shardgrad/core";
import { computed, defineJob, train } from "@shardgrad/parallel";

const longest = 24;
const width = 32;
const [padding, opens, closes] = [0, 1, 2];

/** For each bracket 1 if it has a partner. */
function partners(brackets: readonly number[]): Int32Array {
  const found = new Int32Array(longest);
  const open: number[] = [];
  brackets.forEach((bracket, place) => {
    if (bracket === opens) open.push(place);
    else if (open.length > 0) found[place] = found[open.pop()!] = 1;
  });
  return found;
}

const sequences = (samples: number) =>
  computed({
    samples,
    columns: {
      brackets: { shape: [longest], dtype: "int32" },
      partner: { shape: [longest], dtype: "int32" },
      length: {},
    },
    sample: (_, rng) => {
      const length = 1 + rng.integer(longest);
      const brackets = Array.from({ length }, () => (rng.integer(2) === 0 ? opens : closes));
      const padded = new Int32Array(longest).fill(padding);
      padded.set(brackets);
      return { brackets: padded, partner: partners(brackets), length };
    },
  });

class Tagger extends Module {
  readonly tokens = new Embedding(3, width);
  readonly positions = new Embedding(longest, width);
  readonly blocks = Array.from({ length: 3 }, () => new TransformerBlock(width, 4));
  readonly norm = new LayerNorm(width);
  readonly head = new Linear(width, 2);

  /** Maps `brackets [n, time]` to logits `[n, time, 2]`. */
  forward(brackets: Tensor): Tensor {
    // Which keys each query may see, `[n, 1, 1, time]`: for all heads and queries alike.
    const mask = reshape(notEqual(brackets, padding), [-1, 1, 1, longest]);
    let h = add(this.tokens.forward(brackets), this.positions.weight);
    for (const block of this.blocks) h = block.forward(h, { mask });
    return this.head.forward(this.norm.forward(h));
  }
}

type Batch = { brackets: Tensor; partner: Tensor; length: Tensor };

/** For each place `[n, time]` the result of `each`, and 0 where there is padding. */
function masked(
  model: Tagger,
  { brackets, partner }: Batch,
  each: (logits: Tensor, label: Tensor) => Tensor,
) {
  const values = each(reshape(model.forward(brackets), [-1, 2]), reshape(partner, [-1]));
  const counts = cast(notEqual(brackets, padding), "float32");
  return mul(reshape(values, brackets.shape), counts);
}

export default defineJob({
  dataset: { train: sequences(8000), test: sequences(1000) },
  model: () => new Tagger(),
  loss: (model, batch) =>
    div(
      sum(masked(model, batch, (logits, label) => crossEntropy(logits, label, { reduction: "none" }))),
      sum(batch.length),
    ),
  sampleWeight: "length",
  optimizer: (parameters) => new Adam(parameters, { lr: 2e-3 }),
  metrics: {
    /** Weighted by the samples' lengths, so it is the share of all brackets. */
    right: {
      perSample: (model, batch) =>
        div(
          sum(
            masked(model, batch, (logits, label) => cast(equal(argmax(logits, 1), label), "float32")),
            [1],
          ),
          batch.length,
        ),
      direction: "max",
    },
  },
  batchSize: 64,
  epochs: 8,
  seed: 1,
});

if (import.meta.main) {
  const run = train(import.meta.url);
  run.on("epoch", ({ epoch, loss, metrics }) => console.log(`epoch ${epoch}`, { loss, ...metrics }));
  await run;
}
