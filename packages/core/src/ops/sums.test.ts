// Sums and what is made of them keep their digits: float32 against the same in float64, or against exact values. And
// what has a finite result neither overflows nor vanishes on the way there.
import { describe, expect, test } from "vitest";
import { grad } from "../autograd/tape.ts";
import type { DType } from "../dtype.ts";
import { crossEntropy } from "../losses/cross-entropy.ts";
import { manualSeed } from "../random.ts";
import { scope } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import { full, randn, tensor } from "./create/create.ts";
import * as ops from "./index.ts";
import { batchNorm } from "./normalization/batch-norm.ts";
import { layerNorm } from "./normalization/row-norm.ts";

/** The largest distance of `f` on float32 from `f` on the same numbers in float64, as a part of the largest result. */
function error(f: (...xs: Tensor[]) => Tensor, ...xs: Tensor[]): number {
  return scope(() => {
    const got = f(...xs).toArray();
    const right = Float64Array.from(f(...xs.map((x) => ops.cast(x, "float64"))).toArray());
    const largest = right.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    return right.reduce((most, value, i) => Math.max(most, Math.abs(value - got[i]!)), 0) / largest;
  });
}

/** The gradient of `f` by input `index`, for a given gradient of the result. */
const gradientOf =
  (f: (...xs: Tensor[]) => Tensor, index = 0) =>
  (dy: Tensor, ...xs: Tensor[]) => {
    for (const x of xs) x.requiresGrad = true;
    return grad(ops.sum(ops.mul(f(...xs), dy)), [xs[index]!])[0]!;
  };

/** Numbers whose mean is 1000 and whose standard deviation is 1. */
const far = (...shape: number[]) => ops.add(randn(shape), 1000);

test("ten million times 0.1", () => {
  const x = full([10_000_000], 0.1);
  const right = 10_000_000 * Math.fround(0.1);
  expect(Math.abs(ops.sum(x).item() / right - 1)).toBeLessThan(1e-6);
  expect(Math.abs(ops.mean(x).item() / Math.fround(0.1) - 1)).toBeLessThan(1e-6);
  expect(ops.std(x).item()).toBeLessThan(1e-9);
  x.dispose();
});

test.each([100, 1000, 8191, 100_003])("sums down %i rows, as of a bias's gradient", (rows) => {
  for (const cols of [1, 2, 7, 64]) {
    expect(error((x) => ops.sum(x, 0), full([rows, cols], 0.1))).toBeLessThan(1e-6);
    manualSeed(rows);
    expect(error((x) => ops.sum(ops.square(x), 0), randn([rows, cols]))).toBeLessThan(1e-6);
  }
});

describe("of numbers around 1000", () => {
  const shapes = [
    [4096, 16],
    [8, 3, 16, 16],
    [100_000, 4],
    [5, 2, 3],
    [300, 5, 1],
  ];

  test.each(shapes)("training batchNorm of [%i, %i, …]", (...shape) => {
    manualSeed(1);
    const sizes = shape.filter((size) => size !== undefined);
    const [x, dy] = [far(...sizes), randn(sizes)];
    const [weight, bias] = [randn([sizes[1]!]), randn([sizes[1]!])];
    const norm = (x: Tensor, weight: Tensor, bias: Tensor) => batchNorm(x, { weight, bias, training: true });
    expect(error(norm, x, weight, bias)).toBeLessThan(1e-6);
    for (const index of [0, 1, 2])
      expect(error(gradientOf(norm, index), dy, x, weight, bias)).toBeLessThan(1e-6);
  });

  test("batchNorm by running estimates", () => {
    manualSeed(2);
    const [x, weight, bias, runningMean] = [far(64, 3, 5), randn([3]), randn([3]), far(3)];
    const runningVar = full([3], 1.5);
    const norm = (x: Tensor, weight: Tensor, bias: Tensor, runningMean: Tensor, runningVar: Tensor) =>
      batchNorm(x, { weight, bias, runningMean, runningVar });
    const inputs = [x, weight, bias, runningMean, runningVar];
    expect(error(norm, ...inputs)).toBeLessThan(1e-6);
    const dy = randn([64, 3, 5]);
    for (const index of [0, 1, 2, 3])
      expect(error(gradientOf(norm, index), dy, ...inputs)).toBeLessThan(1e-6);
  });

  test.each([
    [64, 512],
    [2000, 30],
    [3, 20_000],
  ])("layerNorm of [%i, %i]", (rows, cols) => {
    manualSeed(3);
    const [x, dy, weight, bias] = [far(rows, cols), randn([rows, cols]), randn([cols]), randn([cols])];
    const norm = (x: Tensor, weight: Tensor, bias: Tensor) => layerNorm(x, cols, { weight, bias });
    expect(error(norm, x, weight, bias)).toBeLessThan(1e-6);
    for (const index of [0, 1, 2])
      expect(error(gradientOf(norm, index), dy, x, weight, bias)).toBeLessThan(1e-6);
  });

  test.each([
    ["variance", ops.variance],
    ["std", ops.std],
  ])("%s", (_name, f) => {
    manualSeed(4);
    const x = far(300, 41);
    for (const axes of [0, 1, [0, 1]]) {
      expect(error((x) => f(x, axes), x)).toBeLessThan(1e-6);
      const gradient = gradientOf((x) => f(x, axes, { keepDim: true }));
      expect(error(gradient, ops.onesLike(ops.sum(x, axes, { keepDim: true })), x)).toBeLessThan(1e-6);
    }
  });
});

test("softmax and its relatives do not lose many small terms beside a large one", () => {
  const x = full([1, 50_257], -17);
  x.data()[3] = 0;
  const label = tensor([7], { dtype: "int32" });
  expect(error((x) => ops.softmax(x), x)).toBeLessThan(1e-6);
  expect(error((x) => ops.exp(ops.logSumExp(x)), x)).toBeLessThan(1e-6);
  expect(error((x) => crossEntropy(x, label), x)).toBeLessThan(1e-6);
  expect(error((x) => crossEntropy(x, label, { labelSmoothing: 0.1 }), x)).toBeLessThan(1e-6);
  manualSeed(5);
  const [wide, dy] = [randn([3, 50_257]), ops.rand([3, 50_257])];
  expect(
    error(
      gradientOf((x) => ops.softmax(x)),
      dy,
      wide,
    ),
  ).toBeLessThan(2e-6);
  expect(
    error(
      gradientOf((x) => ops.logSoftmax(x)),
      dy,
      wide,
    ),
  ).toBeLessThan(1e-6);
});

type Case = [name: string, f: (x: Tensor) => Tensor, dtype: DType, x: [number, number], y: number];
const { SQRT1_2 } = Math;
const std = (x: Tensor) => ops.std(x);
const norm = (x: Tensor) => ops.norm(x);

test.each<Case>([
  ["std of large numbers", std, "float32", [3e20, -4e20], 7e20 * SQRT1_2],
  ["std of large numbers", std, "float64", [3e200, -4e200], 7e200 * SQRT1_2],
  ["std of the largest numbers", std, "float32", [3e38, 2e38], 1e38 * SQRT1_2],
  ["std of the largest numbers", std, "float64", [1.7e308, 1.6e308], 1e307 * SQRT1_2],
  ["std of small numbers", std, "float32", [3e-30, -4e-30], 7e-30 * SQRT1_2],
  ["std of small numbers", std, "float64", [3e-200, -4e-200], 7e-200 * SQRT1_2],
  ["norm of large numbers", norm, "float32", [3e20, -4e20], 5e20],
  ["norm of large numbers", norm, "float64", [3e200, -4e200], 5e200],
  ["norm of small numbers", norm, "float32", [3e-30, -4e-30], 5e-30],
  ["norm of small numbers", norm, "float64", [3e-200, -4e-200], 5e-200],
  ["norm of denormal numbers", norm, "float32", [3e-40, -4e-40], 5e-40],
  ["norm of denormal numbers", norm, "float64", [3e-310, -4e-310], 5e-310],
  ["variance of large numbers", (x) => ops.variance(x), "float32", [3e18, -4e18], 2.45e37],
  ["variance of small numbers", (x) => ops.variance(x), "float32", [3e-18, -4e-18], 2.45e-35],
])(
  "the %s neither overflows nor vanishes, nor does its gradient: %s of %s, %j",
  (name, f, dtype, values, y) => {
    // Along rows and columns, which are different loops.
    for (const shape of [
      [2, 1],
      [1, 2],
    ]) {
      const x = tensor(values, { dtype, requiresGrad: true });
      const result = f(ops.reshape(x, shape));
      expect(result.item() / y).toBeCloseTo(1, 4);
      const [a, b] = values;
      const slopes = { std: [Math.sign(a - b) * SQRT1_2, Math.sign(b - a) * SQRT1_2], norm: [a / y, b / y] };
      const [right] = Object.entries(slopes).flatMap(([kind, dx]) => (name.startsWith(kind) ? [dx] : []));
      const dx = grad(result, [x])[0]!.toArray();
      for (const [i, value] of (right ?? [a - b, b - a]).entries()) expect(dx[i]! / value).toBeCloseTo(1, 4);
    }
  },
);

test("the standard deviation along rows of large numbers", () => {
  const x = tensor([
    [3e20, -4e20],
    [1, 2],
    [3e-30, -4e-30],
  ]);
  const y = ops.std(x, 1).toArray();
  for (const [i, right] of [7e20, 1, 7e-30].entries()) expect(y[i]! / (right * SQRT1_2)).toBeCloseTo(1, 5);
});

test("what is equal has no spread, whatever its mean", () => {
  for (const value of [0.1, 1000.1, 3e38]) {
    const x = full([7, 5], value);
    for (const axes of [0, 1, [0, 1]]) expect(new Set(ops.std(x, axes).toArray())).toEqual(new Set([0]));
  }
});
