// Modules: how parameters are found and named, how they start, and what layers compute.
import { describe, expect, test } from "vitest";
import { ValueError } from "../errors.ts";
import { ones, tensor } from "../ops/create/create.ts";
import { add, relu } from "../ops/index.ts";
import { manualSeed } from "../random.ts";
import { scope } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import { ReLU } from "./activations.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { Sequential } from "./sequential.ts";

const names = (module: Module) => module.namedParameters().map(([name]) => name);

/** Uses one layer twice, holds things that are no parameters, and others in arrays. */
class Net extends Module {
  readonly embed = new Linear(4, 4, { bias: false });
  readonly blocks = [new Sequential(new Linear(4, 3), new ReLU()), new Linear(3, 4)];
  readonly scale = ones([4], { requiresGrad: true });
  readonly head = this.embed;
  readonly list = [[tensor([1], { requiresGrad: true })], this.scale];
  readonly constant = ones([2]);
  readonly options = { depth: 2, hidden: ones([1], { requiresGrad: true }) };
  readonly nothing = null;

  forward(x: Tensor): Tensor {
    return this.head.forward(
      add(this.blocks[1]!.forward(this.blocks[0]!.forward(this.embed.forward(x))), this.scale),
    );
  }
}

describe("namedParameters", () => {
  test.each<[what: string, module: () => Module, expected: string[]]>([
    ["a layer", () => new Linear(2, 3), ["weight", "bias"]],
    ["no bias", () => new Linear(2, 3, { bias: false }), ["weight"]],
    ["no parameters", () => new ReLU(), []],
    [
      "Sequential, as in PyTorch",
      () => new Sequential(new Linear(2, 3), new ReLU(), new Linear(3, 1, { bias: false })),
      ["0.weight", "0.bias", "2.weight"],
    ],
    [
      "Sequential in Sequential",
      () => new Sequential(new ReLU(), new Sequential(new ReLU(), new Linear(1, 1))),
      ["1.1.weight", "1.1.bias"],
    ],
    [
      "properties, arrays and tied layers, each tensor once under its first name",
      () => new Net(),
      [
        "embed.weight",
        "blocks.0.0.weight",
        "blocks.0.0.bias",
        "blocks.1.weight",
        "blocks.1.bias",
        "scale",
        "list.0.0",
        "options.hidden",
      ],
    ],
  ])("%s", (_what, module, expected) => {
    expect(names(module())).toEqual(expected);
  });

  test("parameters are the same tensors, and survive scopes", () => {
    const net = scope(() => new Linear(3, 2));
    expect(net.parameters()).toEqual([net.weight, net.bias]);
    expect(net.parameters().every((parameter) => parameter.alive && parameter.requiresGrad)).toBe(true);
  });
});

describe("Linear", () => {
  test.each([1, 4, 100])("starts uniform in ±1/√%i, as in PyTorch", (inputs) => {
    manualSeed(1);
    const { weight, bias } = new Linear(inputs, 4000 / inputs);
    const bound = 1 / Math.sqrt(inputs);
    expect([weight.shape, bias!.shape]).toEqual([[4000 / inputs, inputs], [4000 / inputs]]);
    const values = [...weight.toArray()];
    const largest = Math.max(...values.map(Math.abs));
    expect(largest / bound).toBeGreaterThan(0.99);
    expect(largest / bound).toBeLessThan(1 + 2 ** -23);
    const largestBias = Math.max(...bias!.toArray().map(Math.abs));
    expect(largestBias / bound).toBeGreaterThan(0.8);
    expect(largestBias / bound).toBeLessThan(1 + 2 ** -23);
    const mean = values.reduce((a, b) => a + b) / 4000;
    const variance = values.reduce((sum, w) => sum + (w - mean) ** 2, 0) / 4000;
    expect(Math.abs(mean / bound)).toBeLessThan(0.05);
    expect(Math.abs(variance / (bound ** 2 / 3) - 1)).toBeLessThan(0.1);
  });

  test("starts the same under the same seed", () => {
    const [a, b, c] = [7, 7, 8].map((seed) => {
      manualSeed(seed);
      return [...new Linear(3, 2).weight.toArray()];
    });
    expect(b).toEqual(a);
    expect(c).not.toEqual(a);
  });

  test.each<[message: string, layers: unknown[]]>([
    ["Sequential: layer 0 is an array, expected a module; pass modules one by one", [[new Linear(1, 1)]]],
    ["Sequential: layer 1 is a function, expected a module; put", [new Linear(1, 1), (x: Tensor) => x]],
    ["Sequential: layer 0 is undefined, expected a module", [undefined]],
  ])("%s", (message, layers) => {
    expect(() => new Sequential(...(layers as Linear[]))).toThrow(ValueError);
    expect(() => new Sequential(...(layers as Linear[]))).toThrow(message);
  });

  test.each<[number, number]>([
    [0, 1],
    [1, 0],
    [2.5, 1],
    [Number.NaN, 1],
    [1, -1],
  ])("refuses %d, %d", (inputs, outputs) => {
    expect(() => new Linear(inputs, outputs)).toThrow(ValueError);
    expect(() => new Linear(inputs, outputs)).toThrow(
      /^Linear: (in|out)puts is \S+, expected a positive integer/,
    );
  });

  test("computes x wᵀ + b", () => {
    const layer = new Linear(2, 3);
    layer.weight.copyFrom([1, 2, 3, 4, 5, 6]);
    layer.bias!.copyFrom([10, 20, 30]);
    expect([...layer.forward(tensor([[1, -1]])).toArray()]).toEqual([9, 19, 29]);
  });
});

test("Sequential feeds each layer's output to the next, or returns its input", () => {
  const [first, second] = [new Linear(2, 3), new Linear(3, 1)];
  const x = tensor([
    [1, 2],
    [-3, 4],
  ]);
  const expected = second.forward(relu(first.forward(x)));
  expect([...new Sequential(first, new ReLU(), second).forward(x).toArray()]).toEqual([
    ...expected.toArray(),
  ]);
  expect(new Sequential().forward(x)).toBe(x);
});

test("train and eval reach all parts, also those that are held twice or in arrays", () => {
  const net = new Net();
  const parts = [net, net.embed, ...net.blocks, ...(net.blocks[0] as Sequential).layers];
  expect(parts.map((part) => part.training)).toEqual(parts.map(() => true));
  expect(net.eval()).toBe(net);
  expect(parts.map((part) => part.training)).toEqual(parts.map(() => false));
  net.train();
  expect(parts.map((part) => part.training)).toEqual(parts.map(() => true));
});
