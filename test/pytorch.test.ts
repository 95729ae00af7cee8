// Core against PyTorch, not against itself: every op and loss with its gradients, and three training runs of 100 steps.
// The fixtures come from pytorch/generate.py, which says how inputs and initial weights follow from `noise`.
import { readFileSync } from "node:fs";
import type { Module, Optimizer, Tensor } from "@shardgrad/core";
import * as sg from "@shardgrad/core";
import { grad, mul, scope, sum, tensor } from "@shardgrad/core";
import { describe, expect, it } from "vitest";

interface Encoded {
  shape: number[];
  data: string;
}

interface OpCase {
  name: string;
  inputs: ([shape: number[], low: number, high: number] | [shape: number[], limit: number])[];
  output: Encoded;
  gradients?: Encoded[];
}

const fixture = (name: string) =>
  JSON.parse(readFileSync(new URL(`./fixtures/${name}`, import.meta.url), "utf8"));
const { cases, torch }: { cases: OpCase[]; torch: string } = fixture("ops.json");
const training: { text: string; losses: Record<string, number[]> } = fixture("training.json");

function decode({ data }: Encoded): Float32Array {
  const bytes = Buffer.from(data, "base64");
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

/** Float32 numbers in [-1, 1) from a multiplicative hash of (seed, position); the same as in generate.py. */
function noise(size: number, seed: number): Float32Array {
  return Float32Array.from({ length: size }, (_, position) => {
    // 64-bit there, of which only the low 32 bits are kept.
    let x = Math.imul((position + seed * 1_000_003 + 1) >>> 0, 2_654_435_761) >>> 0;
    x = (x ^ (x >>> 15)) >>> 0;
    x = Math.imul(x, 2_246_822_519) >>> 0;
    x = (x ^ (x >>> 13)) >>> 0;
    return x / 2 ** 31 - 1;
  });
}

const sizeOf = (shape: readonly number[]) => shape.reduce((size, length) => size * length, 1);

function real(shape: number[], seed: number, low: number, high: number): Tensor {
  const values = noise(sizeOf(shape), seed).map((x) => (x * (high - low)) / 2 + (high + low) / 2);
  return tensor(values, { shape });
}

function integers(shape: number[], seed: number, limit: number): Tensor {
  const values = noise(sizeOf(shape), seed);
  const whole = Int32Array.from(values, (x) => Math.min(limit - 1, Math.floor(((x + 1) / 2) * limit)));
  return tensor(whole, { shape });
}

/** Within 1e-5 relative, or absolute where values are below 1. */
function expectClose(actual: Tensor, expected: Encoded, what: string): void {
  expect(actual.shape, what).toEqual(expected.shape);
  const values = actual.toArray();
  decode(expected).forEach((value, i) => {
    const error = Math.abs(values[i]! - value) / Math.max(1, Math.abs(value));
    if (!(error <= 1e-5)) expect(values[i], `${what}, element ${i}`).toBe(value);
  });
}

type Apply = (...inputs: Tensor[]) => Tensor;
const one =
  (f: (x: Tensor) => Tensor): Apply =>
  (x) =>
    f(x!);
const two =
  (f: (x: Tensor, y: Tensor) => Tensor): Apply =>
  (x, y) =>
    f(x!, y!);
const three =
  (f: (x: Tensor, y: Tensor, z: Tensor) => Tensor): Apply =>
  (x, y, z) =>
    f(x!, y!, z!);

/** How core writes each case of generate.py. */
const ops: Record<string, Apply> = {
  neg: one(sg.neg),
  exp: one(sg.exp),
  expm1: one(sg.expm1),
  log: one(sg.log),
  log1p: one(sg.log1p),
  sqrt: one(sg.sqrt),
  rsqrt: one(sg.rsqrt),
  square: one(sg.square),
  reciprocal: one(sg.reciprocal),
  abs: one(sg.abs),
  sign: one(sg.sign),
  sin: one(sg.sin),
  cos: one(sg.cos),
  tanh: one(sg.tanh),
  sigmoid: one(sg.sigmoid),
  erf: one(sg.erf),
  relu: one(sg.relu),
  leakyRelu: one(sg.leakyRelu),
  elu: one(sg.elu),
  gelu: one(sg.gelu),
  "gelu tanh": one((x) => sg.gelu(x, { approximate: "tanh" })),
  silu: one(sg.silu),
  softplus: one(sg.softplus),
  add: two(sg.add),
  sub: two(sg.sub),
  mul: two(sg.mul),
  div: two(sg.div),
  pow: two(sg.pow),
  "pow 3": one((x) => sg.pow(x, 3)),
  maximum: two(sg.maximum),
  minimum: two(sg.minimum),
  clamp: one((x) => sg.clamp(x, { min: -0.5, max: 0.7 })),
  where: three(sg.where),
  sum: one((x) => sg.sum(x, [0, 2])),
  mean: one((x) => sg.mean(x, 1, { keepDim: true })),
  variance: one((x) => sg.variance(x, 1)),
  "variance 0": one((x) => sg.variance(x, [0, 2], { correction: 0 })),
  max: one((x) => sg.max(x, 1)),
  min: one((x) => sg.min(x, [0, 2])),
  argmax: one((x) => sg.argmax(x, 1)),
  argmin: one((x) => sg.argmin(x)),
  prod: one((x) => sg.prod(x, 1)),
  logSumExp: one((x) => sg.logSumExp(x, [1, 2])),
  norm: one((x) => sg.norm(x, 1)),
  "norm 1": one((x) => sg.norm(x, 2, { p: 1 })),
  cumsum: one((x) => sg.cumsum(x, 1)),
  softmax: one((x) => sg.softmax(x, 1)),
  logSoftmax: one((x) => sg.logSoftmax(x)),
  matmul: two(sg.matmul),
  "matmul batched": two(sg.matmul),
  "matmul vector": two(sg.matmul),
  outer: two(sg.outer),
  linear: three(sg.linear),
  einsum: two((x, y) => sg.einsum("bik,bjk->bij", x, y)),
  "einsum three": three((x, y, z) => sg.einsum("ij,jk,kl->il", x, y, z)),
  reshape: one((x) => sg.reshape(x, [5, -1])),
  permute: one((x) => sg.permute(x, [2, 0, 1])),
  slice: one((x) => sg.slice(x, [[1], [null, null, 2], [-3, -1]])),
  cat: two((x, y) => sg.cat([x, y], 1)),
  stack: two((x, y) => sg.stack([x, y], 1)),
  pad: one((x) => sg.pad(x, [0, [0, 3], [1, 2]], 0.5)),
  flip: one((x) => sg.flip(x, [0, 2])),
  tril: one((x) => sg.tril(x, -1)),
  triu: one((x) => sg.triu(x, 1)),
  gather: two((x, i) => sg.gather(x, 1, i)),
  indexSelect: two((x, i) => sg.indexSelect(x, 1, i)),
  scatterAdd: three((x, i, y) => sg.scatterAdd(x, 1, i, y)),
  oneHot: one((i) => sg.oneHot(i, 5)),
  embedding: two(sg.embedding),
  conv1d: three((x, w, b) => sg.conv1d(x, w, b, { stride: 2, padding: 1 })),
  conv2d: three((x, w, b) => sg.conv2d(x, w, b, { padding: 1 })),
  "conv2d strided": two((x, w) => sg.conv2d(x, w, null, { stride: [2, 1], dilation: 2, padding: [2, 1] })),
  "conv2d groups": two((x, w) => sg.conv2d(x, w, null, { groups: 3 })),
  maxPool2d: one((x) => sg.maxPool2d(x, 2)),
  "maxPool2d padded": one((x) => sg.maxPool2d(x, 3, { stride: 2, padding: 1 })),
  avgPool2d: one((x) => sg.avgPool2d(x, 3, { stride: 2, padding: 1 })),
  adaptiveAvgPool2d: one((x) => sg.adaptiveAvgPool2d(x, [3, 4])),
  layerNorm: three((x, weight, bias) => sg.layerNorm(x, 5, { weight, bias })),
  rmsNorm: two((x, weight) => sg.rmsNorm(x, 5, { weight, eps: 1e-6 })),
  groupNorm: three((x, weight, bias) => sg.groupNorm(x, 2, { weight, bias })),
  batchNorm: three((x, weight, bias) => sg.batchNorm(x, { weight, bias, training: true })),
  attention: three((q, k, v) => sg.scaledDotProductAttention(q, k, v)),
  "attention causal": three((q, k, v) => sg.scaledDotProductAttention(q, k, v, { causal: true })),
  crossEntropy: two(sg.crossEntropy),
  "crossEntropy smooth": two((x, y) => sg.crossEntropy(x, y, { labelSmoothing: 0.1 })),
  "crossEntropy ignore": two((x, y) => sg.crossEntropy(x, y, { ignoreIndex: 2 })),
  "crossEntropy probabilities": two((x, y) => sg.crossEntropy(x, sg.softmax(y, 1))),
  "crossEntropy sum": two((x, y) => sg.crossEntropy(x, y, { reduction: "sum" })),
  nll: two((x, y) => sg.nll(sg.logSoftmax(x, 1), y)),
  mse: two(sg.mse),
  l1: two(sg.l1),
  huber: two((x, y) => sg.huber(x, y, { delta: 0.7 })),
  bceWithLogits: two(sg.bceWithLogits),
  klDiv: two((x, y) => sg.klDiv(sg.logSoftmax(x, 1), sg.softmax(y, 1), { reduction: "batchmean" })),
};

describe(`ops and losses against PyTorch ${torch}`, () => {
  it("are all there", () => {
    expect(Object.keys(ops)).toEqual(cases.map(({ name }) => name));
  });

  it.each(cases)("$name", ({ name, inputs, output, gradients }) => {
    scope(() => {
      const tensors = inputs.map((spec, seed) =>
        spec.length === 2 ? integers(spec[0], seed, spec[1]) : real(spec[0], seed, spec[1], spec[2]),
      );
      const leaves = tensors.filter(({ dtype }) => dtype === "float32");
      for (const leaf of leaves) leaf.requiresGrad = true;
      const y = ops[name]!(...tensors);
      expectClose(y, output, "output");
      if (!gradients) return;
      const found = grad(sum(mul(y, real([...y.shape], 99, 0.5, 1.5))), leaves);
      gradients.forEach((expected, i) => {
        expectClose(found[i] ?? sg.zerosLike(leaves[i]!), expected, `gradient of input ${i}`);
      });
    });
  });
});

/** As `initialize` in generate.py: matrices within 1/√(fan in); gains stay around 1, biases around 0. */
function initialize(parameters: readonly Tensor[]): void {
  parameters.forEach((parameter, k) => {
    const values = noise(parameter.size, 1000 + k);
    const fanIn = sizeOf(parameter.shape.slice(1));
    const start = Math.round(sg.mean(parameter).item());
    parameter.copyFrom(
      values.map((x) =>
        parameter.rank > 1 ? x / Math.sqrt(fanIn) : Math.fround(x * Math.fround(0.1)) + start,
      ),
    );
  });
}

/** 100 steps; the loss of each within 1e-3 of PyTorch's. */
function expectSameTraining(name: string, step: (step: number) => number): void {
  training.losses[name]!.forEach((expected, number) => {
    const loss = step(number);
    const error = Math.abs(loss - expected) / expected;
    expect(error, `step ${number}: loss ${loss}, PyTorch ${expected}`).toBeLessThan(1e-3);
  });
}

function classify(
  name: string,
  model: Module,
  optimizer: (parameters: Tensor[]) => Optimizer,
  shape: number[],
) {
  initialize(model.parameters());
  const update = optimizer(model.parameters());
  const batches = Array.from({ length: 5 }, (_, k) => ({
    x: real(shape, 200 + k, 0, 1),
    y: integers([shape[0]!], 300 + k, 10),
  }));
  expectSameTraining(name, (step) =>
    scope(() => {
      const { x, y } = batches[step % 5]!;
      const loss = sg.crossEntropy(model.forward(x), y);
      update.zeroGrad();
      sg.backward(loss);
      update.step();
      return loss.item();
    }),
  );
}

class CharModel extends sg.Module {
  readonly tokens: sg.Embedding;
  readonly positions: sg.Embedding;
  readonly blocks: sg.Sequential;
  readonly norm: sg.LayerNorm;
  readonly head: sg.Linear;

  constructor(vocabulary: number, width = 32, heads = 4, context = 16) {
    super();
    this.tokens = new sg.Embedding(vocabulary, width);
    this.positions = new sg.Embedding(context, width);
    const block = () => new sg.TransformerBlock(width, heads, { causal: true });
    this.blocks = new sg.Sequential(block(), block());
    this.norm = new sg.LayerNorm(width);
    this.head = new sg.Linear(width, vocabulary, { bias: false });
  }

  forward(x: Tensor): Tensor {
    const places = sg.arange(x.shape[1]!, { dtype: "int32" });
    const embedded = sg.add(this.tokens.forward(x), this.positions.forward(places));
    return this.head.forward(this.norm.forward(this.blocks.forward(embedded)));
  }
}

describe(`training as PyTorch ${torch} does`, () => {
  const { Linear, ReLU, Sequential } = sg;

  it("an MLP with Adam", () => {
    const layers = [new Linear(784, 256), new ReLU(), new Linear(256, 128), new ReLU(), new Linear(128, 10)];
    classify(
      "mlp",
      new Sequential(...layers),
      (parameters) => new sg.Adam(parameters, { lr: 1e-3 }),
      [32, 784],
    );
  });

  it("LeNet-5 with SGD and momentum", () => {
    const model = new Sequential(
      ...[new sg.Conv2d(1, 6, 5, { padding: 2 }), new ReLU(), new sg.MaxPool2d(2)],
      ...[new sg.Conv2d(6, 16, 5), new ReLU(), new sg.MaxPool2d(2), new sg.Flatten()],
      ...[new Linear(400, 120), new ReLU(), new Linear(120, 84), new ReLU(), new Linear(84, 10)],
    );
    const sgd = (parameters: Tensor[]) => new sg.SGD(parameters, { lr: 0.02, momentum: 0.9 });
    classify("lenet", model, sgd, [8, 1, 28, 28]);
  });

  it("a character transformer with AdamW, warm-up, cosine and clipping", () => {
    const letters = [...new Set(training.text)].sort();
    const text = Array.from(training.text, (letter) => letters.indexOf(letter));
    const model = new CharModel(letters.length);
    initialize(model.parameters());
    const lr = sg.warmupCosineSchedule({
      lr: 3e-3,
      minLr: 3e-4,
      startFactor: 0.1,
      warmupSteps: 10,
      steps: 100,
    });
    const optimizer = new sg.AdamW(model.parameters(), { lr, betas: [0.9, 0.95], weightDecay: 0.1 });
    expectSameTraining("transformer", (step) =>
      scope(() => {
        const starts = [...integers([8], 400 + step, text.length - 17).toArray()];
        const windows = (from: number) => starts.map((start) => text.slice(start + from, start + from + 16));
        const logits = model.forward(tensor(windows(0), { dtype: "int32" }));
        const labels = tensor(windows(1).flat(), { dtype: "int32" });
        const loss = sg.crossEntropy(sg.reshape(logits, [-1, letters.length]), labels);
        optimizer.zeroGrad();
        sg.backward(loss);
        sg.clipGradNorm(model.parameters(), 1);
        optimizer.step();
        return loss.item();
      }),
    );
  });
});
