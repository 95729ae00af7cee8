// Gradients where functions bend, tie or are no number: the values of PyTorch 2.15.
import { describe, expect, test } from "vitest";
import { grad } from "../autograd/tape.ts";
import { huber, l1 } from "../losses/regression.ts";
import type { Tensor } from "../tensor.ts";
import { tensor } from "./create/create.ts";
import * as ops from "./index.ts";

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const points = [nan, -inf, -1, -0, 0, 1e-40, 1, inf];

const ofOne: [name: string, f: (x: Tensor) => Tensor, dx: number[]][] = [
  ["relu", ops.relu, [1, 0, 0, 0, 0, 1, 1, 1]],
  ["abs", ops.abs, [0, -1, -1, 0, 0, 1, 1, 1]],
  ["leakyRelu", (x) => ops.leakyRelu(x, { negativeSlope: 0.25 }), [0.25, 0.25, 0.25, 0.25, 0.25, 1, 1, 1]],
  ["elu", ops.elu, [1, 0, 0.3678794412, 1, 1, 1, 1, 1]],
  ["softplus", ops.softplus, [nan, 0, 0.2689414214, 0.5, 0.5, 0.5, 0.7310585786, 1]],
  ["softsign", ops.softsign, [nan, nan, 0.25, 1, 1, 1, 0.25, nan]],
  ["clamp", (x) => ops.clamp(x, { min: -1, max: 1 }), [0, 0, 0, 1, 1, 1, 0, 0]],
  ["clamp from 0 on", (x) => ops.clamp(x, { min: 0 }), [0, 0, 0, 0, 0, 1, 1, 1]],
  ["clamp up to 1", (x) => ops.clamp(x, { max: 1 }), [0, 1, 1, 1, 1, 1, 0, 0]],
  ["clamp from -∞ on", (x) => ops.clamp(x, { min: -inf }), [0, 0, 1, 1, 1, 1, 1, 1]],
  ["clamp between crossed bounds", (x) => ops.clamp(x, { min: 1, max: -1 }), [0, 0, 0, 0, 0, 0, 0, 0]],
  ["pow 0", (x) => ops.pow(x, 0), [0, 0, 0, 0, 0, 0, 0, 0]],
  ["pow tensor 0", (x) => ops.pow(x, tensor(0, { dtype: x.dtype as "float32" })), [0, 0, 0, 0, 0, 0, 0, 0]],
  ["pow tensor 1", (x) => ops.pow(x, tensor(1, { dtype: x.dtype as "float32" })), [1, 1, 1, 1, 1, 1, 1, 1]],
  ["l1", (x) => l1(x, ops.zerosLike(x), { reduction: "sum" }), [0, -1, -1, 0, 0, 1, 1, 1]],
];

const ofTwo: [name: string, f: (a: Tensor, b: Tensor) => Tensor, da: number[], db: number[]][] = [
  ["maximum", ops.maximum, [1, 1, 0.5, 0.5, 0.5, 0.5, 1, 0, 1, 0], [1, 1, 0.5, 0.5, 0.5, 0.5, 1, 1, 0, 1]],
  ["minimum", ops.minimum, [1, 1, 0.5, 0.5, 0.5, 0.5, 1, 1, 0, 1], [1, 1, 0.5, 0.5, 0.5, 0.5, 1, 0, 1, 0]],
  [
    "pow",
    ops.pow,
    [1, nan, 1, inf, 0, 0, nan, 12, 0, nan],
    [nan, 0, 0, inf, 0, 0, nan, 5.545177444, 1.945910149, nan],
  ],
];
const lefts = [nan, 1, 1, inf, -0, 0, nan, 2, 7, -2];
const rights = [1, nan, 1, inf, 0, -0, nan, 3, 0, 0.5];

/** Numbers that are as close as float32 has them; there is one NaN, and zeros are equal. */
function expectAll(got: Tensor, expected: readonly number[]): void {
  got.toArray().forEach((value, i) => {
    if (Number.isFinite(expected[i])) expect(value, `element ${i}`).toBeCloseTo(expected[i]!, 6);
    else expect(value, `element ${i}`).toBe(expected[i]);
  });
}

describe.each(["float32", "float64"] as const)("of %s", (dtype) => {
  test.each(ofOne)("%s", (_name, f, dx) => {
    const x = tensor(points, { dtype, requiresGrad: true });
    expectAll(grad(ops.sum(f(x)), [x])[0]!, dx);
  });

  test.each(ofTwo)("%s of two", (_name, f, da, db) => {
    const [a, b] = [lefts, rights].map((values) => tensor(values, { dtype, requiresGrad: true }));
    const [left, right] = grad(ops.sum(f(a!, b!)), [a!, b!]);
    expectAll(left!, da);
    expectAll(right!, db);
  });

  test("the extrema over an axis share their gradient, and are NaN where an element is", () => {
    const x = tensor(
      [
        [2, 2, 1],
        [inf, inf, 0],
        [0, -0, -1],
      ],
      { dtype, requiresGrad: true },
    );
    expectAll(grad(ops.sum(ops.max(x, 1)), [x])[0]!, [0.5, 0.5, 0, 0.5, 0.5, 0, 0.5, 0.5, 0]);
    expectAll(grad(ops.sum(ops.min(x, 1)), [x])[0]!, [0, 0, 1, 0, 0, 1, 0, 0, 1]);
    const strange = tensor([nan, 1, nan], { dtype, requiresGrad: true });
    expectAll(grad(ops.max(strange), [strange])[0]!, [nan, nan, nan]);
  });

  test("huber at its bend", () => {
    const x = tensor([2, -2, 3, 1], { dtype, requiresGrad: true });
    const y = huber(x, ops.zerosLike(x), { delta: 2, reduction: "sum" });
    expectAll(grad(y, [x])[0]!, [2, -2, 2, 1]);
  });

  test("the gradient of the gradient of 0 to the power of 0 is a number", () => {
    const x = tensor([0, 1e-40, 3], { dtype, requiresGrad: true });
    const e = tensor([0, 0, 0], { dtype, requiresGrad: true });
    const [dx] = grad(ops.sum(ops.pow(x, e)), [x], { createGraph: true });
    expectAll(grad(ops.sum(dx!), [x])[0]!, [0, 0, 0]);
  });
});

test("a bound of clamp must be a number", () => {
  expect(() => ops.clamp(tensor([1]), { min: nan })).toThrow("clamp: min is NaN, expected a number");
});
