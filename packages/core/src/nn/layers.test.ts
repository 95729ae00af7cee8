// What layers do besides their formulas: state, modes, initial values, refusals. That they compute what PyTorch's
// layers compute is tested in test/layers.test.ts.
import { beforeEach, describe, expect, test, vi } from "vitest";
import { checkpoint } from "../autograd/checkpoint.ts";
import { backward, grad } from "../autograd/tape.ts";
import { moveKernels } from "../kernels/families.ts";
import { mul } from "../ops/arithmetic/arithmetic.ts";
import { ones, randn, tensor } from "../ops/create/create.ts";
import * as ops from "../ops/index.ts";
import { sum } from "../ops/shape/broadcast.ts";
import { manualSeed } from "../random.ts";
import type { Tensor } from "../tensor.ts";
import { checkGrad } from "../testing.ts";
import * as activations from "./activations.ts";
import { MultiHeadAttention } from "./attention.ts";
import { Dropout } from "./dropout.ts";
import { Embedding } from "./embedding.ts";
import type { Module } from "./module.ts";
import { BatchNorm1d, BatchNorm2d, GroupNorm, LayerNorm, RMSNorm } from "./normalization.ts";
import { TransformerBlock } from "./transformer.ts";

const double = { dtype: "float64" } as const;

beforeEach(() => manualSeed(1));

const list = (x: Tensor | null | undefined) => Array.from(x!.toArray());

describe("normalization layers", () => {
  test("parameters and buffers, and how they start", () => {
    const describeState = (module: Module) =>
      [...module.stateDict()].map(([name, x]) => [name, x.shape, new Set(x.toArray())]);
    const affine = [
      ["weight", [3], new Set([1])],
      ["bias", [3], new Set([0])],
    ];
    const running = [
      ["runningMean", [3], new Set([0])],
      ["runningVar", [3], new Set([1])],
      ["numBatchesTracked", [], new Set([0])],
    ];
    expect(describeState(new BatchNorm1d(3))).toEqual([...affine, ...running]);
    expect(describeState(new BatchNorm2d(3, { affine: false }))).toEqual(running);
    expect(describeState(new BatchNorm1d(3, { trackRunningStats: false }))).toEqual(affine);
    expect(describeState(new LayerNorm(3))).toEqual(affine);
    expect(describeState(new LayerNorm([3], { bias: false }))).toEqual([affine[0]]);
    expect(describeState(new LayerNorm(3, { affine: false }))).toEqual([]);
    expect(describeState(new RMSNorm(3))).toEqual([affine[0]]);
    expect(describeState(new RMSNorm(3, { affine: false }))).toEqual([]);
    expect(describeState(new GroupNorm(1, 3))).toEqual(affine);
  });

  test("BatchNorm without running estimates uses the batch in evaluation, too", () => {
    const norm = new BatchNorm1d(2, { trackRunningStats: false });
    const x = randn([4, 2]);
    expect(list(norm.eval().forward(x))).toEqual(list(norm.train().forward(x)));
  });

  test("a checkpointed BatchNorm moves its estimates once", () => {
    const [a, b] = [new BatchNorm1d(2), new BatchNorm1d(2)];
    const x = randn([4, 2], { requiresGrad: true });
    const loss = (y: Tensor) => sum(mul(y, mul(y, y)));
    backward(loss(a.forward(x)));
    const gradient = list(x.grad);
    x.grad = null;
    backward(loss(checkpoint((input) => b.forward(input), x)));
    expect(list(x.grad)).toEqual(gradient);
    for (const [name, value] of a.stateDict()) expect(list(b.stateDict().get(name)!)).toEqual(list(value));
  });

  test("RMSNorm takes the dtype's eps unless it is given one", () => {
    const x = tensor([1e-4, -1e-4]);
    expect(list(new RMSNorm(2).forward(x))[0]).toBeCloseTo(1e-4 / Math.sqrt(1e-8 + 2 ** -23), 5);
    expect(list(new RMSNorm(2, { eps: 0 }).forward(x))[0]).toBeCloseTo(1, 5);
  });

  test("refusals name the layer", () => {
    expect(() => new BatchNorm1d(3).forward(ones([2, 3, 4, 5]))).toThrow(
      "BatchNorm1d: x has shape [2,3,4,5], expected [n,channels] or [n,channels,length]",
    );
    expect(() => new BatchNorm2d(3).forward(ones([2, 3]))).toThrow(/^BatchNorm2d: x has shape \[2,3\]/);
    expect(() => new BatchNorm2d(0)).toThrow("BatchNorm2d: channels is 0, expected a positive integer");
    expect(() => new GroupNorm(2, 3).forward(ones([1, 3, 2]))).toThrow(/^groupNorm: 2 groups of 3 channels/);
  });
});

describe("Dropout", () => {
  test("drops while training only", () => {
    const layer = new Dropout(0.5);
    const x = ones([1000]);
    expect(new Set(list(layer.forward(x)))).toEqual(new Set([0, 2]));
    expect(layer.eval().forward(x)).toBe(x);
    expect(() => new Dropout(-0.1)).toThrow("Dropout: p is -0.1, expected a number from 0 to 1");
  });
});

describe("Embedding", () => {
  test("starts normal, with zeros in the row of padding", () => {
    const values = list(new Embedding(1000, 10).weight);
    const mean = values.reduce((a, b) => a + b) / 10_000;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / 10_000;
    expect(Math.abs(mean)).toBeLessThan(0.05);
    expect(Math.abs(variance - 1)).toBeLessThan(0.06);
    for (const paddingIdx of [3, -2]) {
      const { weight } = new Embedding(5, 2, { paddingIdx });
      expect(list(weight).map((x) => x === 0)).toEqual([...Array(6).fill(false), true, true, false, false]);
    }
  });
});

describe("MultiHeadAttention", () => {
  test("initial values are PyTorch's", () => {
    const { inProjWeight, inProjBias, outProj } = new MultiHeadAttention(64, 4);
    const largest = (x: Tensor | null) => Math.max(...list(x).map(Math.abs));
    const xavier = Math.sqrt(6 / (64 + 192));
    expect(largest(inProjWeight) / xavier).toBeGreaterThan(0.99);
    expect(largest(inProjWeight) / xavier).toBeLessThanOrEqual(1.0001);
    expect(largest(outProj.weight) / 0.125).toBeGreaterThan(0.99);
    expect(largest(outProj.weight) / 0.125).toBeLessThanOrEqual(1.0001);
    expect([largest(inProjBias), largest(outProj.bias)]).toEqual([0, 0]);
  });

  test("gradients, once and twice", () => {
    const layer = new MultiHeadAttention(4, 2).double();
    for (const x of [layer.inProjBias!, layer.outProj.bias!]) x.copyFrom(randn(x.shape, double));
    const inputs = [randn([2, 3, 4], double), randn([2, 2, 4], double), ...layer.parameters()];
    const f = (q: Tensor, k: Tensor) => layer.forward(q, k, k, { causal: true });
    checkGrad(f as (...all: Tensor[]) => Tensor, inputs);
    checkGrad(
      (q, k) => {
        const y = f(q!, k!);
        const gradients = grad(sum(mul(y, mul(y, y))), [q!, k!], { createGraph: true }) as Tensor[];
        return gradients.map((g) => sum(mul(g, g))).reduce((a, b) => mul(a, b));
      },
      inputs.slice(0, 2),
      { tolerance: 1e-5 },
    );
  });

  test("copies no heads, neither forward nor backward", () => {
    const layer = new MultiHeadAttention(8, 2, { bias: false });
    const x = randn([3, 5, 8], { requiresGrad: true });
    const copy = vi.spyOn(moveKernels("float32"), "copy");
    const y = layer.forward(x, x, x, { causal: true });
    expect(copy).not.toHaveBeenCalled();
    grad(y, [x], { gradient: ones([3, 5, 8]) });
    expect(copy).not.toHaveBeenCalled();
    copy.mockRestore();
  });

  test("drops weights while training only", () => {
    const layer = new MultiHeadAttention(4, 2, { dropout: 0.5 });
    const x = randn([1, 6, 4]);
    expect(list(layer.forward(x))).not.toEqual(list(layer.forward(x)));
    layer.eval();
    expect(list(layer.forward(x))).toEqual(list(layer.forward(x)));
  });

  test("refusals", () => {
    expect(() => new MultiHeadAttention(6, 4)).toThrow(/^MultiHeadAttention: width 6 and 4 heads/);
    const layer = new MultiHeadAttention(4, 2);
    expect(() => layer.forward(ones([3, 4]))).toThrow(
      "MultiHeadAttention: got shape [3,4], expected [batch,time,4]",
    );
    const mask = ones([2, 2]);
    expect(() => layer.forward(ones([1, 3, 4]), undefined, undefined, { mask })).toThrow(
      /mask \[2,2\] does not broadcast/,
    );
  });
});

describe("TransformerBlock", () => {
  test("causal: what comes later changes nothing", () => {
    const block = new TransformerBlock(8, 2, { causal: true });
    const [a, b] = [randn([1, 4, 8]), randn([1, 4, 8])];
    b.data().set(a.data().subarray(0, 16));
    const [first, second] = [a, b].map((x) => list(block.forward(x)));
    expect(second!.slice(0, 16)).toEqual(first!.slice(0, 16));
    expect(second!.slice(16)).not.toEqual(first!.slice(16));
    // A mask in the call hides further keys, and does not replace `causal`.
    const mask = tensor([1, 0, 1, 1], { dtype: "uint8" });
    const masked = [a, b].map((x) => list(block.forward(x, { mask })));
    expect(masked[1]!.slice(0, 16)).toEqual(masked[0]!.slice(0, 16));
    expect(masked[0]!.slice(0, 8)).toEqual(first!.slice(0, 8));
    expect(masked[0]!.slice(8, 16)).not.toEqual(first!.slice(8, 16));
  });

  test("gradients", () => {
    const block = new TransformerBlock(4, 2, { hidden: 6 }).double();
    checkGrad((x) => block.forward(x!), [randn([2, 3, 4], double), ...block.parameters()]);
  });

  test("dropout and bias options reach all parts", () => {
    const block = new TransformerBlock(4, 2, { dropout: 0.5, bias: false });
    expect(block.namedParameters().map(([name]) => name)).toEqual([
      "selfAttn.inProjWeight",
      "selfAttn.outProj.weight",
      "linear1.weight",
      "linear2.weight",
      "norm1.weight",
      "norm2.weight",
    ]);
    expect(block.selfAttn.dropout).toBe(0.5);
    const x = randn([1, 3, 4]);
    expect(list(block.forward(x))).not.toEqual(list(block.forward(x)));
    block.eval();
    expect(list(block.forward(x))).toEqual(list(block.forward(x)));
  });
});

test.each<[keyof typeof activations, (x: Tensor) => Tensor, Module]>([
  ["ReLU", ops.relu, new activations.ReLU()],
  [
    "LeakyReLU",
    (x) => ops.leakyRelu(x, { negativeSlope: 0.3 }),
    new activations.LeakyReLU({ negativeSlope: 0.3 }),
  ],
  ["ELU", (x) => ops.elu(x, { alpha: 2 }), new activations.ELU({ alpha: 2 })],
  ["GELU", (x) => ops.gelu(x, { approximate: "tanh" }), new activations.GELU({ approximate: "tanh" })],
  ["SiLU", ops.silu, new activations.SiLU()],
  ["Tanh", ops.tanh, new activations.Tanh()],
  ["Sigmoid", ops.sigmoid, new activations.Sigmoid()],
  ["Softplus", (x) => ops.softplus(x, { beta: 2 }), new activations.Softplus({ beta: 2 })],
  ["Softmax", (x) => ops.softmax(x, 0), new activations.Softmax(0)],
  ["LogSoftmax", ops.logSoftmax, new activations.LogSoftmax()],
])("%s is its function, options included, under its name", (name, f, module) => {
  const x = randn([3, 4]);
  expect(list(module.forward(x))).toEqual(list(f(x)));
  expect(module.constructor.name).toBe(name);
  expect(module.parameters()).toEqual([]);
});
