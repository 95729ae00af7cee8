// Losses and metrics against their definitions in plain numbers.
import { describe, expect, test } from "vitest";
import { grad } from "../autograd/tape.ts";
import { DTypeError, ShapeError, ValueError } from "../errors.ts";
import { ones, randn, tensor } from "../ops/create/create.ts";
import { mul, transpose } from "../ops/index.ts";
import { manualSeed } from "../random.ts";
import type { Tensor } from "../tensor.ts";
import { checkGrad } from "../testing.ts";
import { accuracy } from "./accuracy.ts";
import { crossEntropy } from "./cross-entropy.ts";

const labels = (...values: number[]) => tensor(values, { dtype: "int32" });
const logits = (n: number, classes: number) => randn([n, classes], { dtype: "float64" });
const rowsOf = (x: Tensor) => {
  const all = [...x.toArray()];
  return Array.from({ length: x.shape[0]! }, (_, r) => all.slice(r * x.shape[1]!, (r + 1) * x.shape[1]!));
};
const softmax = (row: number[]) => {
  const sum = row.reduce((total, x) => total + Math.exp(x), 0);
  return row.map((x) => Math.exp(x) / sum);
};
manualSeed(3);

describe("crossEntropy", () => {
  test.each<{ n: number; classes: number; y: number[] }>([
    { n: 1, classes: 1, y: [0] },
    { n: 1, classes: 3, y: [2] },
    { n: 5, classes: 7, y: [0, 6, 3, 3, 1] },
  ])("of $n × $classes, and its gradient", ({ n, classes, y }) => {
    const x = logits(n, classes);
    x.requiresGrad = true;
    const loss = crossEntropy(x, labels(...y));
    const likelihoods = rowsOf(x).map((row, r) => softmax(row)[y[r]!]!);
    expect(loss.shape).toEqual([]);
    expect(loss.item()).toBeCloseTo(-likelihoods.reduce((sum, p) => sum + Math.log(p), 0) / n, 12);
    const gradient = rowsOf(x).flatMap((row, r) => softmax(row).map((p, c) => (p - Number(c === y[r])) / n));
    grad(loss, [x])[0]!
      .toArray()
      .forEach((value, i) => {
        expect(value).toBeCloseTo(gradient[i]!, 12);
      });
    checkGrad((input) => crossEntropy(input, labels(...y)), [x]);
  });

  test("of views, twice differentiable", () => {
    checkGrad(
      (x) => {
        const y = transpose(x);
        const [slope] = grad(crossEntropy(y, labels(2, 0)), [y], { createGraph: true });
        return mul(slope!, slope!);
      },
      [logits(3, 2)],
    );
  });

  test("stays finite where exp would not", () => {
    expect(crossEntropy(tensor([[1000, 0, -1000]]), labels(0)).item()).toBeCloseTo(0, 12);
    expect(crossEntropy(tensor([[1000, 0, -1000]]), labels(2)).item()).toBe(2000);
  });

  test("of equal logits is the logarithm of the number of classes", () => {
    expect(crossEntropy(ones([4, 10]), labels(0, 3, 9, 9)).item()).toBeCloseTo(Math.log(10), 6);
  });
});

test("accuracy is 1 where the first largest logit is at the label", () => {
  const x = tensor([
    [1, 3, 2],
    [5, 5, 1],
    [5, 5, 1],
    [0, -1, Number.NaN],
  ]);
  const result = accuracy(x, labels(1, 0, 1, 2));
  expect([result.dtype, ...result.toArray()]).toEqual(["float32", 1, 1, 0, 1]);
});

test("accuracy counts an ignored label as missed", () => {
  expect([...accuracy(ones([2, 3]), labels(-100, 0)).toArray()]).toEqual([0, 1]);
});

test.each<[message: string, type: typeof ShapeError, call: () => unknown]>([
  [
    "crossEntropy: got input [2,3] and labels [3]",
    ShapeError,
    () => crossEntropy(ones([2, 3]), labels(0, 1, 2)),
  ],
  ["crossEntropy: got input [3] and labels [1]", ShapeError, () => crossEntropy(ones([3]), labels(0))],
  ["index 3 at position 1, expected 0 to 2", ValueError, () => crossEntropy(ones([2, 3]), labels(0, 3))],
  [
    "crossEntropy: labels are float32, expected int32",
    DTypeError,
    () => crossEntropy(ones([2, 3]), ones([2])),
  ],
  ["accuracy: got logits [2,3] and labels [1]", ShapeError, () => accuracy(ones([2, 3]), labels(0))],
  ["accuracy: got logits [2] and labels [2]", ShapeError, () => accuracy(ones([2]), labels(0, 1))],
  [
    "accuracy: got logits [2,1], of a single class, which would always be the largest; for one logit per sample write cast(",
    ShapeError,
    () => accuracy(ones([2, 1]), labels(0, 1)),
  ],
  [
    "accuracy: index 3 at position 1, expected 0 to 2 (or -100 to be ignored)",
    ValueError,
    () => accuracy(ones([2, 3]), labels(0, 3)),
  ],
  [
    "accuracy: index -1 at position 0, expected 0 to 2",
    ValueError,
    () => accuracy(ones([2, 3]), labels(-1, 0)),
  ],
  [
    "accuracy: labels are float32, expected int32; write cast(labels",
    DTypeError,
    () => accuracy(ones([2, 3]), ones([2])),
  ],
])("%s", (message, type, call) => {
  expect(call).toThrow(type);
  expect(call).toThrow(message);
});
