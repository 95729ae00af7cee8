// Layers of image models: how they start, what they hand on, how their parameters are called; a small model learns.
import { describe, expect, test } from "vitest";
import { backward } from "../autograd/tape.ts";
import { ShapeError, ValueError } from "../errors.ts";
import { crossEntropy } from "../losses/cross-entropy.ts";
import { randn, tensor } from "../ops/create/create.ts";
import {
  adaptiveAvgPool2d,
  avgPool1d,
  avgPool2d,
  conv1d,
  conv2d,
  maxPool1d,
  maxPool2d,
} from "../ops/index.ts";
import { SGD } from "../optim/sgd.ts";
import { manualSeed } from "../random.ts";
import { scope } from "../scope.ts";
import { ReLU } from "./activations.ts";
import { Conv1d, Conv2d } from "./convolution.ts";
import { Flatten } from "./flatten.ts";
import { Linear } from "./linear.ts";
import { AdaptiveAvgPool2d, AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d } from "./pooling.ts";
import { Sequential } from "./sequential.ts";

describe("initial values are uniform in ±1/√(inputs of an output), as in PyTorch", () => {
  test.each<[string, () => Conv1d | Conv2d, weight: number[], fanIn: number]>([
    ["Conv2d", () => new Conv2d(6, 400, 5), [400, 6, 5, 5], 150],
    ["Conv2d, a pair", () => new Conv2d(2, 400, [3, 1]), [400, 2, 3, 1], 6],
    ["Conv2d, groups", () => new Conv2d(6, 600, 2, { groups: 3 }), [600, 2, 2, 2], 8],
    ["Conv1d", () => new Conv1d(4, 500, 3), [500, 4, 3], 12],
  ])("%s", (_name, make, shape, fanIn) => {
    manualSeed(1);
    const { weight, bias } = make();
    expect([weight.shape, bias!.shape]).toEqual([shape, [shape[0]]]);
    const bound = 1 / Math.sqrt(fanIn);
    for (const parameter of [weight, bias!]) {
      const values = [...parameter.toArray()];
      const largest = Math.max(...values.map(Math.abs));
      expect(largest / bound).toBeGreaterThan(0.97);
      expect(largest / bound).toBeLessThan(1 + 2 ** -23);
      const variance = values.reduce((total, w) => total + w * w, 0) / values.length;
      expect(Math.abs(variance / (bound ** 2 / 3) - 1)).toBeLessThan(0.15);
    }
  });
});

test("options reach the ops", () => {
  const images = randn([2, 4, 9, 8]);
  const rows = randn([2, 4, 9]);
  const conv = new Conv2d(4, 6, [3, 2], { stride: 2, padding: [1, 0], dilation: [1, 2], groups: 2 });
  expect(conv.forward(images).toArray()).toEqual(
    conv2d(images, conv.weight, conv.bias, {
      stride: 2,
      padding: [1, 0],
      dilation: [1, 2],
      groups: 2,
    }).toArray(),
  );
  const flat = new Conv1d(4, 3, 2, { stride: 2, padding: 1, dilation: 3, bias: false });
  expect(flat.bias).toBeNull();
  expect(flat.forward(rows).toArray()).toEqual(
    conv1d(rows, flat.weight, null, { stride: 2, padding: 1, dilation: 3 }).toArray(),
  );
  const max = { stride: 1, padding: 1, dilation: 2, ceilMode: true };
  expect(new MaxPool2d(3, max).forward(images).toArray()).toEqual(maxPool2d(images, 3, max).toArray());
  expect(new MaxPool1d(3, max).forward(rows).toArray()).toEqual(maxPool1d(rows, 3, max).toArray());
  const mean = { stride: 2, padding: 1, ceilMode: true, countIncludePad: false };
  expect(new AvgPool2d(3, mean).forward(images).toArray()).toEqual(avgPool2d(images, 3, mean).toArray());
  expect(new AvgPool1d(3, mean).forward(rows).toArray()).toEqual(avgPool1d(rows, 3, mean).toArray());
  expect(new AdaptiveAvgPool2d([2, null]).forward(images).toArray()).toEqual(
    adaptiveAvgPool2d(images, [2, null]).toArray(),
  );
});

test("Flatten joins all axes but the first, or those that it is given", () => {
  const x = randn([2, 3, 4, 5]);
  expect(new Flatten().forward(x).shape).toEqual([2, 60]);
  expect(new Flatten(0).forward(x).shape).toEqual([120]);
  expect(new Flatten(1, 2).forward(x).shape).toEqual([2, 12, 5]);
  expect(new Flatten(-2, -1).forward(x).toArray()).toEqual(x.toArray());
  expect(() => new Flatten(2, 1).forward(x)).toThrow(ShapeError);
});

test.each<[string, () => unknown]>([
  ["Conv2d: inputs is 0, expected a positive integer", () => new Conv2d(0, 1, 3)],
  ["Conv1d: groups is 1.5, expected a positive integer", () => new Conv1d(3, 3, 3, { groups: 1.5 })],
  [
    "Conv2d: 4 inputs and 6 outputs cannot be divided into 3 groups",
    () => new Conv2d(4, 6, 3, { groups: 3 }),
  ],
  ["Conv2d: kernelSize is [3,0], expected an integer from 1 on", () => new Conv2d(1, 1, [3, 0])],
  ["Conv1d: kernelSize is [1,0], expected", () => new Conv1d(1, 1, 0)],
])("refuses %s", (message, make) => {
  expect(make).toThrow(ValueError);
  expect(make).toThrow(message);
});

test("LeNet-5 has PyTorch's names and learns to tell bars from columns", () => {
  manualSeed(3);
  const model = new Sequential(
    ...[new Conv2d(1, 6, 5, { padding: 2 }), new ReLU(), new MaxPool2d(2)],
    ...[new Conv2d(6, 16, 5), new ReLU(), new AvgPool2d(2)],
    ...[new Flatten(), new Linear(400, 2)],
  );
  expect(model.namedParameters().map(([name, { shape }]) => `${name} ${shape.join("×")}`)).toEqual([
    ...["0.weight 6×1×5×5", "0.bias 6", "3.weight 16×6×5×5", "3.bias 16", "7.weight 2×400", "7.bias 2"],
  ]);
  const images = Array.from({ length: 20 }, (_, i) =>
    Array.from({ length: 784 }, (_, p) => (Math.floor(i % 2 ? p / 28 : p % 28) === 3 + i ? 1 : 0)),
  );
  const x = tensor(images.flat(), { shape: [20, 1, 28, 28] });
  const labels = tensor(
    images.map((_, i) => i % 2),
    { dtype: "int32" },
  );
  const optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
  const losses = Array.from({ length: 30 }, () =>
    scope(() => {
      const loss = crossEntropy(model.forward(x), labels);
      optimizer.zeroGrad();
      backward(loss);
      optimizer.step();
      return loss.item();
    }),
  );
  expect(losses[0]).toBeGreaterThan(0.5);
  expect(losses.at(-1)).toBeLessThan(0.05);
});
