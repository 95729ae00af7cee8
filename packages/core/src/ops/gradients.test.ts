// The gradient of every op against finite differences in float64, to 1e-6, and the gradient of that gradient.
// Shapes are odd; operands broadcast, are views, are empty. Rules of the graph itself are in ../autograd/tape.test.ts.
import { describe, expect, test } from "vitest";
import { grad } from "../autograd/tape.ts";
import type { Tensor } from "../tensor.ts";
import { checkGrad } from "../testing.ts";
import { tensor } from "./create/create.ts";
import * as ops from "./index.ts";

const { add, cast, div, einsum, exp, expand, gelu, linear, log, logSoftmax, logSumExp, matmul, mean, mul } =
  ops;
const { neg, norm, outer, permute, pick, pow, prod, relu, reshape, softmax, softplus, sqrt, square } = ops;
const { std, sub, sum, transpose, variance, where } = ops;

/** Numbers in ±2, at least 0.3 away from 0, all different. */
function input(shape: readonly number[], number: number): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  const values = Array.from({ length: size }, (_, i) => {
    const place = ((i + 1 + 37 * number) * 0.618_033_988_749_895) % 1;
    return (i % 3 === number % 2 ? -1 : 1) * (0.3 + 1.7 * place);
  });
  return tensor(values, { dtype: "float64", shape });
}

const index = (...places: number[]) => tensor(places, { dtype: "int32" });

/** Indices of rank 2 for an axis of at least 3 places. */
const grid = tensor(
  [
    [2, 0, 2, 1],
    [1, 1, 1, 0],
  ],
  { dtype: "int32" },
);

type Row = [op: keyof typeof ops, variant: string, f: (...x: Tensor[]) => Tensor, ...shapes: number[][]];

const binary = (op: Row[0], f: typeof add): Row[] => [
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

/** A function of single elements, and of a view of them; `f` as it is, or with options, or of positive numbers. */
const unary = (op: Row[0], f: (x: Tensor) => Tensor, variant = ""): Row[] => [
  [op, variant, (x) => f(x), [7]],
  [op, `${variant} of a view`, (x) => f(transpose(x)), [3, 2]],
];

const reducing = (op: Row[0], f: typeof sum): Row[] => [
  [op, "all", (x) => f(x), [3, 5]],
  [op, "an axis", (x) => f(x, 1), [3, 5, 2]],
  [op, "two apart, kept", (x) => f(x, [0, -1], { keepDim: true }), [3, 4, 2]],
  [op, "of a view", (x) => f(permute(x, [2, 0, 1]), 0), [3, 2, 5]],
];

const mask = (...shape: number[]) => ops.greater(input(shape, 4), 0);

/** With a 0 in each column, and a second one in the first. */
const zeros = () => tensor([0, 2, 0, 0.5, 0, 3, 0, -1.5, 2], { dtype: "float64", shape: [3, 3] });

const rows: Row[] = [
  ["neg", "", neg, [3, 5]],
  ...unary("abs", ops.abs),
  ...unary("square", square),
  ...unary("reciprocal", ops.reciprocal),
  ...unary("rsqrt", (x) => ops.rsqrt(square(x))),
  ...unary("expm1", ops.expm1),
  ...unary("log1p", (x) => ops.log1p(square(x))),
  ...unary("sin", ops.sin),
  ...unary("cos", ops.cos),
  ...unary("erf", ops.erf),
  ...unary("tanh", ops.tanh),
  ...unary("sigmoid", ops.sigmoid),
  ...unary("silu", ops.silu),
  ...unary("hardswish", ops.hardswish),
  ...unary("softsign", ops.softsign),
  ...unary("gelu", (x) => gelu(x)),
  ...unary("gelu", (x) => gelu(x, { approximate: "tanh" }), "by tanh"),
  ...unary("leakyRelu", (x) => ops.leakyRelu(x, { negativeSlope: 0.3 })),
  ...unary("elu", (x) => ops.elu(x, { alpha: 0.7 })),
  ...unary("softplus", (x) => softplus(x)),
  ...unary("softplus", (x) => softplus(x, { beta: 2, threshold: 1.5 }), "with threshold"),
  ...unary("clamp", (x) => ops.clamp(x, { min: -1, max: 1 })),
  ...unary("pow", (x) => pow(x, 3), "3"),
  ...unary("pow", (x) => pow(x, 2), "2"),
  ...unary("pow", (x) => pow(x, 1), "1"),
  ...unary("pow", (x) => pow(x, 0), "0"),
  ...unary("pow", (x) => pow(x, -1), "-1"),
  ...unary("pow", (x) => pow(square(x), 0.7), "0.7"),
  ...unary("pow", (x) => pow(1.7, x), "of 1.7"),
  ...binary("pow", (a, b) => pow(typeof a === "number" ? a : ops.abs(a), b)),
  ...binary("maximum", ops.maximum),
  ...binary("minimum", ops.minimum),
  ["where", "", (a, b) => where(mask(3, 5), a, b), [3, 5], [3, 5]],
  ["where", "broadcast", (a, b) => where(mask(3, 1, 2), a, b), [5, 1], [2]],
  ["where", "of itself", (a) => where(ops.greater(a, 1), square(a), a), [5]],
  ["where", "numbers", (x) => where(ops.greater(x, 0), x, 1.5), [5]],
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
  ...reducing("mean", mean),
  ...reducing("variance", (x, axes, options) => variance(x, axes, { ...options, correction: 0.5 })),
  ...reducing("std", std),
  ...reducing("max", ops.max),
  ...reducing("min", ops.min),
  ...reducing("norm", norm),
  ...reducing("norm", (x, axes, options) => norm(x, axes, { ...options, p: 1 })),
  ...reducing("norm", (x, axes, options) => norm(x, axes, { ...options, p: Number.POSITIVE_INFINITY })),
  ...reducing("prod", prod),
  ["prod", "with zeros", (x) => prod(add(mul(x, 0), zeros()), 0), [3, 3]],
  ["prod", "with zeros times x", (x) => prod(mul(x, zeros()), 1), [3, 3]],
  ["prod", "with zeros and x", (x) => prod(sub(x, zeros()), 0), [3, 3]],
  ...reducing("logSumExp", logSumExp),
  ["cumsum", "", (x) => ops.cumsum(x, 1), [3, 5, 2]],
  ["cumsum", "of a view", (x) => ops.cumsum(transpose(x), -1), [5, 3]],
  ["expand", "", (x) => expand(x, [2, 3, 5]), [3, 1]],
  ["expand", "a scalar", (x) => expand(x, [3]), []],
  ["reshape", "", (x) => reshape(x, [5, -1]), [3, 5]],
  ["reshape", "of a view", (x) => reshape(transpose(x), [15]), [3, 5]],
  ["permute", "", (x) => permute(x, [2, 0, 1]), [2, 3, 5]],
  ["transpose", "", (x) => transpose(x), [3, 5]],
  ["transpose", "named axes", (x) => transpose(x, 0, 2), [2, 3, 5]],
  ["squeeze", "of a view", (x) => ops.squeeze(permute(x, [2, 1, 0])), [3, 1, 5]],
  ["unsqueeze", "", (x) => ops.unsqueeze(x, 1), [3, 5]],
  ["flatten", "of a view", (x) => ops.flatten(transpose(x), 1), [2, 3, 5]],
  ["tile", "", (x) => ops.tile(x, [2, 1, 3]), [3, 2]],
  ["tile", "no times", (x) => ops.tile(x, [0]), [3]],
  ["slice", "", (x) => ops.slice(x, [[1, 3], -1, [null, null, 2]]), [3, 2, 5]],
  ["slice", "backwards, of a view", (x) => ops.slice(transpose(x), [[null, null, -2], [2]]), [3, 5]],
  ["slice", "to nothing", (x) => ops.slice(x, [[3]]), [3, 5]],
  ["select", "", (x) => ops.select(x, 1, -2), [3, 5]],
  ["narrow", "", (x) => ops.narrow(x, -1, 1, 3), [3, 5]],
  ["flip", "", (x) => ops.flip(x), [3, 5]],
  ["flip", "an axis of a view", (x) => ops.flip(transpose(x), 1), [3, 5]],
  ["pad", "", (x) => ops.pad(x, [1, [0, 2]], 7), [3, 5]],
  ["pad", "of a view", (x) => ops.pad(transpose(x), [[2, 0], 0]), [3, 5]],
  ["pad", "around nothing", (x) => ops.pad(x, [1]), [0]],
  ["cat", "", (a, b) => ops.cat([a, b, a], 1), [3, 2], [3, 5]],
  ["cat", "views, one empty", (a, b) => ops.cat([transpose(a), b]), [3, 2], [0, 3]],
  ["stack", "", (a, b) => ops.stack([a, b], 1), [3, 2], [3, 2]],
  ["split", "", (x) => ops.split(x, [1, 3, 1])[1]!, [5, 2]],
  ["chunk", "", (x) => ops.mul(ops.chunk(x, 2, 1)[0]!, ops.chunk(x, 2, 1)[1]!), [3, 4]],
  ["tril", "", (x) => ops.tril(x, 1), [2, 3, 5]],
  ["triu", "of a view", (x) => ops.triu(transpose(x), -1), [3, 5]],
  ["gather", "", (x) => ops.gather(x, 1, grid), [3, 5]],
  ["gather", "of a view, less than whole", (x) => ops.gather(transpose(x), 0, grid), [5, 3]],
  ["scatterAdd", "", (a, b) => ops.scatterAdd(a, 1, grid, b), [2, 5], [2, 4]],
  [
    "scatterAdd",
    "less than whole, to views",
    (a, b) => ops.scatterAdd(transpose(a), 0, grid, transpose(b)),
    [5, 3],
    [5, 3],
  ],
  ["indexSelect", "rows", (x) => ops.indexSelect(x, 0, index(2, 0, 2, 2)), [3, 5]],
  ["indexSelect", "columns of a view", (x) => ops.indexSelect(transpose(x), -1, index(2, 0, 2)), [3, 5]],
  ["indexSelect", "nothing", (x) => ops.indexSelect(x, 0, index()), [3, 5]],
  ["indexAdd", "rows", (a, b) => ops.indexAdd(a, 0, index(2, 0, 2), b), [3, 5], [3, 5]],
  [
    "indexAdd",
    "in the middle, of views",
    (a, b) => ops.indexAdd(a, 1, index(1, 1), transpose(b)),
    [2, 3, 2],
    [2, 2, 2],
  ],
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
  ["outer", "", outer, [3], [5]],
  ["outer", "a batch", outer, [2, 1, 3], [4, 2]],
  ["einsum", "matrix product", (a, b) => einsum("ij,jk", a, b), [3, 2], [2, 5]],
  ["einsum", "attention scores", (q, k) => einsum("bqhd,bkhd->bhqk", q, k), [2, 3, 2, 3], [2, 4, 2, 3]],
  ["einsum", "weighted values", (w, v) => einsum("bhqk,bkhd->bqhd", w, v), [2, 2, 3, 4], [2, 4, 2, 3]],
  ["einsum", "diagonals", (x) => einsum("bii->bi", x), [2, 3, 3]],
  ["einsum", "a trace", (x) => einsum("iji", x), [3, 2, 3]],
  ["einsum", "three operands", (a, b, c) => einsum("ij,j...,kj->k...i", a, b, c), [3, 2], [2, 2, 3], [5, 2]],
  ["einsum", "elementwise", (a, b) => einsum("ij,ji->ij", a, b), [3, 5], [5, 3]],
  ["einsum", "broadcast", (a, b) => einsum("ij,ij->i", a, b), [3, 5], [1, 5]],
  ["softmax", "", (x) => softmax(x), [3, 5]],
  ["softmax", "another axis", (x) => softmax(x, 0), [3, 5, 2]],
  ["softmax", "of a view", (x) => softmax(transpose(x)), [5, 3]],
  ["logSoftmax", "", (x) => logSoftmax(x), [3, 5]],
  ["logSoftmax", "another axis", (x) => logSoftmax(x, 0), [3, 5, 2]],
  ["logSoftmax", "one class", (x) => logSoftmax(x), [3, 1]],
  ["logSoftmax", "empty", (x) => logSoftmax(x), [0, 5]],
];

/**
 * The summed gradient of an expression in which every rule depends on all inputs twice. It depends on them directly,
 * even if f is linear, and through `dy`, even if f is constant.
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

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
const atEdges: [name: string, f: (x: Tensor) => Tensor, x: number[], dx: number[]][] = [
  ["relu at 0", relu, [-1, -0, 0, 1e-45], [0, 0, 0, 1]],
  ["leakyRelu at 0", (x) => ops.leakyRelu(x, { negativeSlope: 0.5 }), [-1, -0, 0, 1], [0.5, 0.5, 0.5, 1]],
  ["elu at 0", (x) => ops.elu(x, { alpha: 2 }), [-0, 0, 1], [2, 2, 1]],
  ["abs at 0", ops.abs, [-2, -0, 0, 2], [-1, 0, 0, 1]],
  ["clamp at its bounds", (x) => ops.clamp(x, { min: -1, max: 1 }), [-2, -1, 0, 1, 2], [0, 0, 1, 0, 0]],
  ["softplus above its threshold", (x) => softplus(x), [19, 21, 200], [1 - 5.602796e-9, 1, 1]],
  ["gelu far out", (x) => gelu(x, { approximate: "tanh" }), [-1e20, -30, 30, 1e20], [0, 0, 1, 1]],
  ["x³", (x) => pow(x, 3), [-2, -0, 0, 3], [12, 0, 0, 27]],
  ["x²", (x) => pow(x, 2), [-2, 0, 3], [-4, 0, 6]],
  ["x¹", (x) => pow(x, 1), [-2, 0, 3], [1, 1, 1]],
  ["x⁰", (x) => pow(x, 0), [-2, 0, 3], [0, 0, 0]],
  ["√x", (x) => pow(x, 0.5), [0, 4], [infinity, 0.25]],
  ["x^1.5", (x) => pow(x, 1.5), [0, 4], [0, 3]],
  ["x⁻²", (x) => pow(x, -2), [-2, 1], [0.25, -2]],
  [
    "0 and -1 to the power of x",
    (x) => pow(tensor([0, 0, -1], { dtype: "float64" }), x),
    [0, 2, 3],
    [0, 0, nan],
  ],
  ["x to the powers 0, 0, 3", (x) => pow(x, tensor([0, 0, 3], { dtype: "float64" })), [0, 2, -2], [0, 0, 12]],
  ["maximum at a tie", (x) => ops.maximum(x, 1), [0, 1, 2], [0, 0.5, 1]],
  ["minimum at a tie", (x) => ops.minimum(1, x), [0, 1, 2], [1, 0.5, 0]],
  ["max at ties", (x) => ops.max(x), [3, 1, 3, 3], [1 / 3, 0, 1 / 3, 1 / 3]],
  ["min at ties", (x) => ops.min(x, 0, { keepDim: true }), [1, 3, 1, 2], [0.5, 0, 0.5, 0]],
  ["where infinity is not chosen", (x) => where(ops.less(x, 10), x, 0), [2, infinity], [1, 0]],
  ["prod of a zero", (x) => prod(x), [2, 0, 3], [0, 6, 0]],
  ["prod of two zeros", (x) => prod(x), [0, 2, 0], [0, 0, 0]],
  ["std of equal numbers", (x) => std(x), [2, 2, 2], [0, 0, 0]],
  ["norm of zeros", (x) => norm(x), [0, 0], [0, 0]],
  ["norm 1 of zeros", (x) => norm(x, 0, { p: 1 }), [0, -3], [0, -1]],
  ["norm ∞ at ties", (x) => norm(x, 0, { p: infinity }), [2, -2, 1], [0.5, -0.5, 0]],
];

test.each(atEdges)("%s", (_name, f, values, expected) => {
  const x = tensor(values, { dtype: "float64", requiresGrad: true });
  const got = [...grad(sum(f(x)), [x])[0]!.toArray()];
  expect(got.map((dx) => Number(dx.toPrecision(15)) + 0)).toEqual(
    expected.map((dx) => Number(dx.toPrecision(15))),
  );
});

const leaf = tensor([1, 2], { requiresGrad: true });
const withoutGradient: [keyof typeof ops, () => Tensor][] = [
  ["argmax", () => ops.argmax(leaf)],
  ["argmin", () => ops.argmin(leaf)],
  ["equal", () => ops.equal(leaf, 1)],
  ["notEqual", () => ops.notEqual(leaf, 1)],
  ["less", () => ops.less(leaf, 1)],
  ["lessEqual", () => ops.lessEqual(leaf, 1)],
  ["greater", () => ops.greater(leaf, 1)],
  ["oneHot", () => ops.oneHot(index(1, 0), 2)],
  ["fullLike", () => ops.fullLike(leaf, 1)],
  ["onesLike", () => ops.onesLike(leaf)],
  ["randLike", () => ops.randLike(leaf)],
  ["randnLike", () => ops.randnLike(leaf)],
  ["zerosLike", () => ops.zerosLike(leaf)],
  ["greaterEqual", () => ops.greaterEqual(leaf, 1)],
  ["sign", () => ops.sign(leaf)],
];

test.each(withoutGradient)("%s has no gradient", (_op, run) => {
  expect(run().tracked).toBe(false);
});
