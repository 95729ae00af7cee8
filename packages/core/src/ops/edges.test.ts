// How ops treat NaN, infinities, signed zeros and long sums, where PyTorch or IEEE 754 defines the result.
// values.test.ts draws only small ordinary numbers.
import { describe, expect, test } from "vitest";
import type { Tensor } from "../tensor.ts";
import { full, rand, tensor } from "./create/create.ts";
import * as ops from "./index.ts";

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

type Row = [name: string, f: (x: Tensor) => Tensor, x: number[], y: number[]];

const rows: Row[] = [
  ["sign", ops.sign, [-inf, -0, 0, nan, 1e-40], [-1, -0, 0, nan, 1]],
  ["abs", ops.abs, [-inf, -0, nan], [inf, 0, nan]],
  ["relu", ops.relu, [-inf, -0, nan, inf], [0, 0, nan, inf]],
  ["clamp", (x) => ops.clamp(x, { min: -1, max: 1 }), [-inf, nan, -0, inf], [-1, nan, -0, 1]],
  ["clamp with crossed bounds", (x) => ops.clamp(x, { min: 2, max: 1 }), [0, 1.5, 3], [1, 1, 1]],
  ["tanh", ops.tanh, [-inf, -0, nan, inf], [-1, -0, nan, 1]],
  ["sigmoid", ops.sigmoid, [-inf, 0, nan, inf, -1000], [0, 0.5, nan, 1, 0]],
  ["softplus", ops.softplus, [-inf, nan, inf, 1000], [0, nan, inf, 1000]],
  ["gelu", ops.gelu, [-0, nan, inf, 100], [-0, nan, inf, 100]],
  ["elu", ops.elu, [-inf, -0, nan, inf], [-1, -0, nan, inf]],
  ["softsign", ops.softsign, [-inf, -0, nan, inf], [nan, -0, nan, nan]],
  ["erf", ops.erf, [-inf, -0, nan, inf], [-1, -0, nan, 1]],
  ["sin", ops.sin, [-0, inf, nan], [-0, nan, nan]],
  ["rsqrt", ops.rsqrt, [0, -0, inf, -1], [inf, -inf, 0, nan]],
  ["log1p", ops.log1p, [-1, -2, inf, -0], [-inf, nan, inf, -0]],
  ["maximum", (x) => ops.maximum(x, 0), [nan, -inf, -0, inf], [nan, 0, 0, inf]],
  ["minimum", (x) => ops.minimum(0, x), [nan, -inf, inf], [nan, -inf, 0]],
  ["equal", (x) => ops.equal(x, x), [nan, inf, 1], [0, 1, 1]],
  ["equal to 0", (x) => ops.equal(x, 0), [-0, 1e-45, nan], [1, 0, 0]],
  ["notEqual", (x) => ops.notEqual(x, x), [nan, inf, 1], [1, 0, 0]],
  ["less", (x) => ops.less(x, 1), [nan, -inf, 1, inf], [0, 1, 0, 0]],
  ["lessEqual", (x) => ops.lessEqual(x, 1), [nan, -inf, 1, inf], [0, 1, 1, 0]],
  ["greater", (x) => ops.greater(x, 1), [nan, -inf, 1, inf], [0, 0, 0, 1]],
  ["greaterEqual", (x) => ops.greaterEqual(x, 1), [nan, -inf, 1, inf], [0, 0, 1, 1]],
  ["where", (x) => ops.where(x, 1, 2), [nan, 0, -0, 1e-45], [1, 2, 2, 1]],
  [
    "pow of 0",
    (x) => ops.pow(tensor([0, -0, 0, 0], { dtype: x.dtype }), x),
    [-1, -1, 0, 2],
    [inf, -inf, 1, 0],
  ],
  ["1 to any power", (x) => ops.pow(1, x), [nan, inf, 0], [1, 1, 1]],
  ["-1 to any power", (x) => ops.pow(-1, x), [-inf, 3, 0.5], [1, -1, nan]],
  ["any power 0", (x) => ops.pow(x, 0), [nan, inf, 0], [1, 1, 1]],
  ["max", (x) => ops.max(x), [1, nan, inf], [nan]],
  ["max of what is not there", (x) => ops.max(x), [-inf, -inf], [-inf]],
  ["min", (x) => ops.min(x), [1, nan, -inf], [nan]],
  ["argmax", (x) => ops.argmax(x), [1, nan, inf, nan], [1]],
  ["argmin", (x) => ops.argmin(x), [2, 1, 1], [1]],
  ["argmin of NaN", (x) => ops.argmin(x), [-inf, 1, nan], [2]],
  ["logSumExp of nothing", (x) => ops.logSumExp(x), [-inf, -inf, -inf, -inf, -inf], [-inf]],
  ["logSumExp of everything", (x) => ops.logSumExp(x), [-inf, 1, inf], [inf]],
  ["logSumExp of NaN", (x) => ops.logSumExp(x), [nan, 1, inf], [nan]],
  ["logSumExp of large numbers", (x) => ops.logSumExp(x), [1000, 0, -inf], [1000]],
  ["softmax with masked places", (x) => ops.softmax(x), [-inf, 0, -inf, 0, -inf], [0, 0.5, 0, 0.5, 0]],
  ["softmax of large numbers", (x) => ops.softmax(x), [1e4, -1e4, 1e4], [0.5, 0, 0.5]],
  ["softmax of nothing but masks", (x) => ops.softmax(x), [-inf, -inf], [nan, nan]],
  ["logSoftmax with masked places", (x) => ops.logSoftmax(x), [-inf, 0], [-inf, 0]],
  ["variance of one number", (x) => ops.variance(x), [3], [nan]],
  ["norm ∞", (x) => ops.norm(x, 0, { p: inf }), [1, -inf], [inf]],
  ["cumsum", (x) => ops.cumsum(x, 0), [1, inf, -inf, 1], [1, inf, nan, nan]],
  ["prod", (x) => ops.prod(x), [inf, 0], [nan]],
];

describe.each(["float32", "float64"] as const)("of %s", (dtype) => {
  test.each(rows)("%s", (_name, f, x, y) => {
    expect([...f(tensor(x, { dtype })).toArray()]).toEqual(y);
  });
});

test("a condition may be a fraction where integers are chosen", () => {
  const integers = (values: number[]) => tensor(values, { dtype: "int32" });
  const y = ops.where(tensor([0.5, 0, -0.1, nan]), integers([1, 2, 3, 4]), integers([-1, -2, -3, -4]));
  expect([...y.toArray()]).toEqual([1, -2, 3, 4]);
});

test.each<[name: string, f: (x: Tensor) => Tensor, y: number[]]>([
  ["sum", (x) => ops.sum(x), [503]],
  ["sum over no axes", (x) => ops.sum(x, []), [200, 3, 100, 200]],
  ["prod", (x) => ops.prod(x), [12_000_000]],
  ["cumsum", (x) => ops.cumsum(x, 0), [200, 203, 303, 503]],
  ["einsum", (x) => ops.einsum("i,j->j", x, x), [100_600, 1509, 50_300, 100_600]],
])("%s of uint8 is int32, and does not wrap at 256", (_name, f, y) => {
  const result = f(tensor(Uint8Array.of(200, 3, 100, 200)));
  expect(result.dtype).toBe("int32");
  expect([...result.toArray()]).toEqual(y);
});

/** More than the kernel walks by itself, and rows long enough that operands are not copied. */
test("broadcasting over four axes", () => {
  const a = rand([3, 1, 2, 300]);
  const b = rand([2, 1, 1]);
  const c = rand([1, 2, 1, 300]);
  const [x, y, z] = [a.toArray(), b.toArray(), c.toArray()];
  const sum = ops.add(a, b);
  const choice = ops.where(ops.less(a, 0.5), b, c);
  expect([sum.shape, choice.shape]).toEqual([
    [3, 2, 2, 300],
    [3, 2, 2, 300],
  ]);
  const at = (i: number, k: number, l: number) => x[(i * 2 + k) * 300 + l]!;
  const sums = sum.toArray();
  const choices = choice.toArray();
  for (let n = 0; n < 3600; n++) {
    const [i, j, k, l] = [Math.floor(n / 1200), Math.floor(n / 600) % 2, Math.floor(n / 300) % 2, n % 300];
    expect(sums[n]).toBe(Math.fround(at(i, k, l) + y[j]!));
    expect(choices[n]).toBe(at(i, k, l) < 0.5 ? y[j] : z[j * 300 + l]);
  }
});

/** Adding up one after the other would be off by 1e-4 or so. */
test.each([
  ["along rows", [1 << 20], 0],
  ["along columns", [1 << 17, 23], 0],
])("a long sum keeps its digits %s", (_name, shape, axis) => {
  const x = full(shape, 0.1);
  const mean = ops.mean(x, axis).toArray();
  for (const value of mean) expect(value / Math.fround(0.1)).toBeCloseTo(1, 5);
});
