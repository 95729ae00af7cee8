// The gradient of every op against finite differences in float64, to 1e-6, and the gradient of that gradient.
// Shapes are odd; operands broadcast, are views, are empty. Rules of the graph itself are in ../tape.test.ts.
import { describe, expect, test } from "vitest";
import { grad } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { checkGrad } from "../testing.ts";
import { tensor } from "./create.ts";
import * as ops from "./index.ts";

const { add, cast, div, exp, expand, linear, log, logSoftmax, matmul, mean, mul, neg } = ops;
const { permute, pick, relu, reshape, sqrt, sub, sum, transpose } = ops;

/** Numbers in ±2, at least 0.3 away from 0, all different. */
function input(shape: readonly number[], number: number): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  const values = Array.from({ length: size }, (_, i) => {
    const place = ((i + 1 + 37 * number) * 0.618_033_988_749_895) % 1;
    return (i % 3 === number % 2 ? -1 : 1) * (0.3 + 1.7 * place);
  });
  return tensor(values, { dtype: "float64", shape });
}

/** x², to reach what is only defined, or only smooth, above 0. */
const square = (x: Tensor) => mul(x, x);
const index = (...places: number[]) => tensor(places, { dtype: "int32" });

type Row = [op: keyof typeof ops, variant: string, f: (...x: Tensor[]) => Tensor, ...shapes: number[][]];

const binary = (op: "add" | "sub" | "mul" | "div", f: typeof add): Row[] => [
  [op, "equal shapes", f, [3, 5], [3, 5]],
  [op, "row and column", f, [7], [3, 1]],
  [op, "number on the left", (x) => f(1.5, x), [3]],
  [op, "number on the right", (x) => f(x, -0.7), [2, 3]],
  [op, "transposed", (a, b) => f(transpose(a), b), [5, 3], [3, 5]],
  [op, "on three axes", f, [3, 1, 2], [1, 5, 2]],
  [op, "scalars", f, [], []],
  [op, "itself", (x) => f(x, x), [3]],
  [op, "empty", f, [0, 3], [1, 3]],
];

const rows: Row[] = [
  ["neg", "", neg, [3, 5]],
  ["exp", "", exp, [7]],
  ["exp", "of a view", (x) => exp(transpose(x)), [3, 2]],
  ["log", "", (x) => log(square(x)), [5]],
  ["sqrt", "", (x) => sqrt(square(x)), [5]],
  ["relu", "", relu, [3, 7]],
  ["relu", "of a view", (x) => relu(transpose(x)), [3, 2]],
  ...binary("add", add),
  ...binary("sub", sub),
  ...binary("mul", mul),
  ...binary("div", div),
  ["sum", "all", (x) => sum(x), [3, 5]],
  ["sum", "an axis", (x) => sum(x, 1), [3, 5, 2]],
  ["sum", "two apart, kept", (x) => sum(x, [0, -1], { keepDim: true }), [3, 5, 2]],
  ["sum", "of a view", (x) => sum(permute(x, [2, 0, 1]), 0), [3, 2, 5]],
  ["sum", "no axis", (x) => sum(x, []), [3]],
  ["sum", "empty", (x) => sum(x, 0), [0, 3]],
  ["mean", "all", (x) => mean(x), [3, 5]],
  ["mean", "an axis", (x) => mean(x, -1, { keepDim: true }), [3, 5]],
  ["expand", "", (x) => expand(x, [2, 3, 5]), [3, 1]],
  ["expand", "a scalar", (x) => expand(x, [3]), []],
  ["reshape", "", (x) => reshape(x, [5, -1]), [3, 5]],
  ["reshape", "of a view", (x) => reshape(transpose(x), [15]), [3, 5]],
  ["permute", "", (x) => permute(x, [2, 0, 1]), [2, 3, 5]],
  ["transpose", "", (x) => transpose(x), [3, 5]],
  ["transpose", "named axes", (x) => transpose(x, 0, 2), [2, 3, 5]],
  ["matmul", "", matmul, [3, 5], [5, 7]],
  ["matmul", "left transposed", (a, b) => matmul(transpose(a), b), [5, 3], [5, 7]],
  ["matmul", "right transposed", (a, b) => matmul(a, transpose(b)), [3, 5], [7, 5]],
  ["matmul", "no unit stride", (a, b) => matmul(permute(a, [2, 1, 0]), b), [3, 2, 5], [5, 3, 2]],
  ["matmul", "a batch", matmul, [3, 2, 5], [3, 5, 1]],
  ["matmul", "batches broadcast", matmul, [2, 1, 3, 2], [3, 2, 1]],
  ["matmul", "two vectors", matmul, [5], [5]],
  ["matmul", "vector and matrix", matmul, [5], [5, 3]],
  ["matmul", "batch and vector", matmul, [2, 3, 5], [5]],
  ["matmul", "nothing to add up", matmul, [3, 0], [0, 2]],
  ["matmul", "a square of itself", (x) => matmul(x, x), [3, 3]],
  ["linear", "", linear, [3, 5], [7, 5], [7]],
  ["linear", "no bias", (x, w) => linear(x, w), [3, 5], [7, 5]],
  ["linear", "a batch of sequences", linear, [2, 3, 5], [2, 5], [2]],
  ["linear", "one sample", linear, [5], [2, 5], [2]],
  ["linear", "views", (x, w, b) => linear(transpose(x), transpose(w), b), [5, 3], [5, 2], [2]],
  ["linear", "no samples", linear, [0, 5], [2, 5], [2]],
  ["pick", "", (x) => pick(x, index(2, 0, 2)), [3, 5]],
  ["pick", "of a view", (x) => pick(transpose(x), index(0, 2, 1, 1, 0)), [3, 5]],
  ["logSoftmax", "", (x) => logSoftmax(x), [3, 5]],
  ["logSoftmax", "another axis", (x) => logSoftmax(x, 0), [3, 5, 2]],
  ["logSoftmax", "one class", (x) => logSoftmax(x), [3, 1]],
  ["logSoftmax", "empty", (x) => logSoftmax(x), [0, 5]],
];

/**
 * A gradient, summed up, of something that makes every rule depend on all inputs twice: on its own, also where f is
 * linear, and through `dy`, also where f is constant.
 */
function gradientOfProduct(f: (...x: Tensor[]) => Tensor, x: Tensor[]): Tensor {
  const y = f(...x);
  const curved = sum(mul(mul(y, add(y, 1)), input(y.shape, 2)));
  const others = x.map((one) => sum(square(one))).reduce((a, b) => add(a, b), input([], 5));
  const gradients = grad(mul(curved, others), x, { createGraph: true });
  return gradients.map((g, i) => sum(mul(g!, input(g!.shape, 3 + i)))).reduce((a, b) => add(a, b));
}

describe.each(rows)("%s %s", (_op, _variant, f, ...shapes) => {
  test("gradient", () => {
    checkGrad(f, shapes.map(input));
  });

  test("gradient of the gradient", () => {
    checkGrad((...x) => gradientOfProduct(f, x), shapes.map(input));
  });
});

describe("cast", () => {
  test.each(["float32", "float64"] as const)("the gradient comes back as %s", (dtype) => {
    const other = dtype === "float32" ? "float64" : "float32";
    const x = tensor([1, 2, 3], { dtype, requiresGrad: true });
    const y = cast(x, other);
    const [dx] = grad(sum(mul(y, y)), [x], { createGraph: true });
    expect([dx!.dtype, ...dx!.toArray()]).toEqual([dtype, 2, 4, 6]);
    expect([...grad(sum(mul(dx!, dx!)), [x])[0]!.toArray()]).toEqual([8, 16, 24]);
  });

  test("to the same dtype is nothing at all", () => {
    const x = input([3], 0);
    expect(cast(x, "float64")).toBe(x);
  });
});

test("the gradient of relu at 0 is 0", () => {
  const x = tensor([-1, -0, 0, 1e-45], { requiresGrad: true });
  expect([...grad(sum(relu(x)), [x])[0]!.toArray()]).toEqual([0, 0, 0, 1]);
});

const leaf = tensor([1, 2], { requiresGrad: true });
const withoutGradient: [keyof typeof ops, () => Tensor][] = [
  ["argmax", () => ops.argmax(leaf)],
  ["equal", () => ops.equal(leaf, 1)],
  ["greater", () => ops.greater(leaf, 1)],
];

test.each(withoutGradient)("%s has no gradient", (_op, run) => {
  expect(run().tracked).toBe(false);
});

test("every op is here", () => {
  const leaves = ["full", "manualSeed", "ones", "rand", "randn", "tensor", "zeros"];
  const covered = new Set<string>([...rows, ...withoutGradient].map(([op]) => op));
  expect(Object.keys(ops).filter((op) => !covered.has(op) && !leaves.includes(op))).toEqual(["cast"]);
});
