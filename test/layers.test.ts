// Layers against PyTorch's: outputs, gradients and buffers for given weights, loaded under PyTorch's names.
// pytorch/layers.py writes the fixture, and says where its numbers come from.
import { readFileSync } from "node:fs";
import type { AnyModule, Tensor } from "@shardgrad/core";
import {
  add,
  BatchNorm1d,
  BatchNorm2d,
  Embedding,
  GRU,
  GroupNorm,
  grad,
  LayerNorm,
  Linear,
  LSTM,
  MultiHeadAttention,
  mul,
  RNN,
  sum,
  TransformerBlock,
  tensor,
} from "@shardgrad/core";
import { expect, test } from "vitest";

interface Encoded {
  shape: number[];
  /** Float32, in base64. */
  data: string;
}

interface Case {
  name: string;
  parameters: [name: string, shape: number[]][];
  inputs: [shape: number[], float: boolean][];
  outputs: Encoded[];
  inputGradients: Encoded[];
  gradients: Encoded[];
  buffers: Record<string, Encoded>;
}

const fixture = JSON.parse(readFileSync(new URL("fixtures/layers.json", import.meta.url), "utf8"));
const cases: readonly Case[] = fixture.cases;

/** Numbers in [-1, 1) from a multiplicative hash of (seed, position), as `noise` in pytorch/generate.py. */
function noise(size: number, seed: number): Float32Array {
  return Float32Array.from({ length: size }, (_, position) => {
    let x = Math.imul(position + seed * 1_000_003 + 1, 2_654_435_761);
    x ^= x >>> 15;
    x = Math.imul(x, 2_246_822_519);
    x ^= x >>> 13;
    return (x >>> 0) / 2 ** 31 - 1;
  });
}

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

function real(shape: readonly number[], seed: number, low = -2, high = 2): Tensor {
  const values = noise(sizeOf(shape), seed).map((x) => x * ((high - low) / 2) + (high + low) / 2);
  return tensor(values, { shape });
}

function integers(shape: readonly number[], seed: number, limit: number): Tensor {
  const values = Int32Array.from(noise(sizeOf(shape), seed), (x) => Math.floor(((x + 1) / 2) * limit));
  return tensor(values, { shape, dtype: "int32" });
}

const attention = new MultiHeadAttention(8, 2);
const cross = new MultiHeadAttention(8, 4, { bias: false });
const mask = tensor(
  [
    [1, 0, 1, 1],
    [1, 1, 1, 0],
    [0, 0, 1, 0],
  ],
  { dtype: "uint8" },
);
const block = new TransformerBlock(8, 2, { hidden: 12 });
const causal = new TransformerBlock(8, 2, { hidden: 12, causal: true });
const lstm = new LSTM(4, 3, { layers: 2, bidirectional: true });
const lstmWithState = new LSTM(4, 3, { bias: false });

/** One that takes a tensor and returns one. */
const plain = (module: AnyModule & { forward(x: Tensor): Tensor }, passes = 1) => {
  const run = (x: Tensor) => {
    for (let pass = 1; pass < passes; pass++) module.forward(x);
    return [module.forward(x)];
  };
  return { module, run };
};

type Layer = { module: AnyModule; run: (...inputs: Tensor[]) => Tensor[] };
const layers: Record<string, Layer> = {
  Linear: plain(new Linear(5, 3)),
  BatchNorm1d: plain(new BatchNorm1d(5), 2),
  "BatchNorm1d length": plain(new BatchNorm1d(4)),
  "BatchNorm1d average": plain(new BatchNorm1d(5, { momentum: null }), 3),
  BatchNorm2d: plain(new BatchNorm2d(4, { eps: 1e-3, momentum: 0.3 })),
  "BatchNorm2d evaluation": plain(new BatchNorm2d(4).eval()),
  LayerNorm: plain(new LayerNorm([3, 2])),
  GroupNorm: plain(new GroupNorm(2, 4)),
  Embedding: plain(new Embedding(6, 3, { paddingIdx: 2 })),
  MultiHeadAttention: plain(attention),
  "MultiHeadAttention cross": {
    module: cross,
    run: (q, k, v) => [cross.forward(q!, k, v, { mask })],
  },
  TransformerBlock: plain(block),
  "TransformerBlock causal": plain(causal),
  ...Object.fromEntries(
    [
      ["RNN", new RNN(4, 3)] as const,
      ["RNN relu", new RNN(4, 3, { nonlinearity: "relu" })] as const,
      ["RNN time first", new RNN(4, 3, { batchFirst: false })] as const,
      ["GRU", new GRU(4, 3, { layers: 2, bidirectional: true })] as const,
    ].map(([name, module]): [string, Layer] => [name, { module, run: (x, h) => module.forward(x!, h) }]),
  ),
  LSTM: { module: lstm, run: (x) => lstm.forward(x!).flat() as Tensor[] },
  "LSTM state": {
    module: lstmWithState,
    run: (x, h, c) => lstmWithState.forward(x!, [h!, c!]).flat() as Tensor[],
  },
};

function decode({ data }: Encoded): Float32Array {
  return new Float32Array(new Uint8Array(Buffer.from(data, "base64")).buffer);
}

/** Another order of summation, and other rounding of exp and tanh, change the last digits. */
function expectClose(what: string, actual: Tensor, expected: Encoded): void {
  expect(actual.shape, what).toEqual(expected.shape);
  const values = decode(expected);
  const largest = Math.max(1, ...values.map(Math.abs));
  actual.toArray().forEach((value, i) => {
    if (!(Math.abs(value - values[i]!) <= 2e-6 * largest))
      expect(value, `${what}, element ${i}`).toBe(values[i]);
  });
}

test("there is a layer for every case", () => {
  expect(cases.map(({ name }) => name).sort()).toEqual(Object.keys(layers).sort());
});

test.each(cases)("$name computes what PyTorch computes", (expected) => {
  const { module, run } = layers[expected.name]!;
  const weights = expected.parameters.map(([name, shape], k): [string, Tensor] => [
    name,
    tensor(
      noise(sizeOf(shape), 1000 + k).map((x) => x / 2),
      { shape },
    ),
  ]);
  const { missing } = module.loadStateDict(new Map(weights), { strict: false });
  expect(missing).toEqual(module.namedBuffers().map(([name]) => name));
  const inputs = expected.inputs.map(([shape, float], seed) =>
    float ? real(shape, seed) : integers(shape, seed, 6),
  );
  for (const [i, [, float]] of expected.inputs.entries()) inputs[i]!.requiresGrad = float;

  const outputs = run(...inputs);
  expect(outputs.length).toBe(expected.outputs.length);
  outputs.forEach((y, i) => void expectClose(`output ${i}`, y, expected.outputs[i]!));

  // By the same names, whatever the order in which ours come.
  const camel = (name: string) => name.replace(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  const named = new Map(module.namedParameters());
  const parameters = expected.parameters.map(([name]) => named.get(camel(name))!);
  const loss = outputs
    .map((y, i) => sum(mul(y, real(y.shape, 99 + i, 0.5, 1.5))))
    .reduce((a, b) => add(a, b));
  const floats = inputs.filter((x) => x.requiresGrad);
  const gradients = grad(loss, [...floats, ...parameters]) as Tensor[];
  [...expected.inputGradients, ...expected.gradients].forEach((gradient, i) => {
    const name = i < floats.length ? `input ${i}` : expected.parameters[i - floats.length]![0];
    expectClose(`gradient of ${name}`, gradients[i]!, gradient);
  });
  const buffers = new Map(module.namedBuffers());
  for (const [name, value] of Object.entries(expected.buffers))
    expectClose(name, buffers.get(camel(name))!, value);
});
