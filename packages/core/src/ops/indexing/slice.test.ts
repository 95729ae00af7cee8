// slice and its relatives: what NumPy gives, which results are views, gradients that meet, and what is refused.
// Their values on random views are in ../layout.test.ts, their gradients in ../gradients.test.ts.
import { describe, expect, test, vi } from "vitest";
import { grad } from "../../autograd/tape.ts";
import { ShapeError, ValueError } from "../../errors.ts";
import { elementwiseKernels } from "../../kernels/families.ts";
import type { Tensor } from "../../tensor.ts";
import { add, mul } from "../arithmetic/arithmetic.ts";
import { exp } from "../arithmetic/unary.ts";
import { tensor, zeros } from "../create/create.ts";
import { arange } from "../create/sequences.ts";
import { matmul } from "../linear-algebra/matmul.ts";
import { expand, reshape, sum } from "../shape/broadcast.ts";
import { flatten, permute, squeeze, transpose, unsqueeze } from "../shape/shape.ts";
import { chunk, split } from "./join.ts";
import type { SliceRange } from "./slice.ts";
import { flip, narrow, pad, select, slice } from "./slice.ts";

const numbers = (x: Tensor) => [...x.toArray()];

describe("slice of 0 … 9 is what Python gives", () => {
  test.each<[range: SliceRange, expected: number[]]>([
    [3, [3]],
    [-1, [9]],
    [[], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    [[7], [7, 8, 9]],
    [[-2], [8, 9]],
    [
      [null, 3],
      [0, 1, 2],
    ],
    [
      [null, -7],
      [0, 1, 2],
    ],
    [
      [2, 5],
      [2, 3, 4],
    ],
    [[5, 2], []],
    [
      [8, 100],
      [8, 9],
    ],
    [
      [-100, 2],
      [0, 1],
    ],
    [[100], []],
    [
      [null, null, 4],
      [0, 4, 8],
    ],
    [
      [1, 8, 3],
      [1, 4, 7],
    ],
    [
      [null, null, -1],
      [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
    ],
    [
      [null, null, -4],
      [9, 5, 1],
    ],
    [
      [2, null, -1],
      [2, 1, 0],
    ],
    [[2, -1, -1], []],
    [
      [2, -100, -1],
      [2, 1, 0],
    ],
    [
      [100, 7, -1],
      [9, 8],
    ],
    [[2, 5, -1], []],
    [
      [undefined, undefined, 9],
      [0, 9],
    ],
    [[0, 10, 100], [0]],
  ])("%j", (range, expected) => expect(numbers(slice(arange(10), [range]))).toEqual(expected));
});

describe("views copy nothing", () => {
  const x = zeros([4, 1, 6]);
  test.each<[name: string, view: (x: Tensor) => Tensor]>([
    ["slice", (x) => slice(x, [[null, null, -2], 0, [1, -1]])],
    ["slice to nothing", (x) => slice(x, [[4]])],
    ["select", (x) => select(x, -1, 2)],
    ["narrow", (x) => narrow(x, 0, 1, 2)],
    ["flip", (x) => flip(x)],
    ["split", (x) => split(x, 4, 2)[1]!],
    ["chunk", (x) => chunk(x, 3)[1]!],
    ["squeeze", (x) => squeeze(x)],
    ["squeeze of a view", (x) => squeeze(permute(x, [2, 1, 0]))],
    ["unsqueeze of a view", (x) => unsqueeze(permute(x, [2, 1, 0]), 1)],
    ["flatten", (x) => flatten(x)],
    ["flatten of what lies together", (x) => flatten(transpose(x, 0, 1))],
    ["reshape of a slice", (x) => reshape(slice(x, [[], [], [0, 3]]), [2, 2, 3])],
    ["reshape of rows backwards", (x) => reshape(flip(x), [2, 12])],
    ["reshape of what is expanded", (x) => reshape(expand(x, [4, 5, 6]), [2, 2, 5, 6])],
  ])("%s", (_name, view) => expect(view(x).storage).toBe(x.storage));

  test.each<[name: string, view: (x: Tensor) => Tensor]>([
    ["flatten of a transposed matrix", (x) => flatten(transpose(x, 0, 2))],
    ["pad", (x) => pad(x, [0, 0, 0])],
  ])("but %s does", (_name, copy) => expect(copy(x).storage).not.toBe(x.storage));
});

test("other ops read views that run backwards", () => {
  const x = arange(6, { dtype: "float64" });
  const a = slice(reshape(x, [2, 3]), [[], [null, null, -1]]); // [[2, 1, 0], [5, 4, 3]]
  expect(numbers(mul(a, tensor([1, 10, 100], { dtype: "float64" })))).toEqual([2, 10, 0, 5, 40, 300]);
  expect(numbers(mul(flip(x), flip(x)))).toEqual([25, 16, 9, 4, 1, 0]);
  expect(numbers(sum(a, 0))).toEqual([7, 5, 3]);
  expect(numbers(matmul(a, transpose(a)))).toEqual([5, 14, 14, 50]);
  expect(numbers(matmul(flip(a), flip(transpose(a))))).toEqual([50, 14, 14, 5]);
  expect(
    numbers(exp(flip(a)))
      .map(Math.log)
      .map(Math.round),
  ).toEqual([3, 4, 5, 0, 1, 2]);
});

test("float32 products read views that run backwards", () => {
  const a = reshape(arange(35), [5, 7]);
  const dense = (x: Tensor) => tensor(x.toArray(), { shape: x.shape });
  for (const view of [flip(a), flip(a, 0), flip(a, 1), slice(a, [[null, null, -2]])]) {
    const expected = numbers(matmul(dense(view), dense(transpose(view))));
    expect(numbers(matmul(view, transpose(view)))).toEqual(expected);
    expect(numbers(mul(view, view))).toEqual(numbers(mul(dense(view), dense(view))));
  }
});

test("gradients of overlapping slices add up", () => {
  const x = tensor([1, 2, 3, 4], { requiresGrad: true });
  const y = sum(mul(slice(x, [[0, 3]]), slice(x, [[null, 0, -1]])));
  expect(numbers(grad(y, [x])[0]!)).toEqual([4, 3 + 3, 2 + 2, 1]);
});

const x = zeros([2, 3]);

test.each<[message: string, type: typeof ShapeError, call: () => unknown]>([
  ["slice: got 3 ranges for shape [2,3], expected at most 2", ShapeError, () => slice(x, [0, 0, 0])],
  ["slice: index 3 along axis 1 of length 3, expected -3 to 2", ValueError, () => slice(x, [[], 3])],
  ["slice: index -3 along axis 0 of length 2, expected -2 to 1", ValueError, () => slice(x, [-3])],
  ["slice: index 0 along axis 0 of length 0", ValueError, () => slice(zeros([0]), [0])],
  ["slice: step of axis 0 is 0", ValueError, () => slice(x, [[0, 1, 0]])],
  ["slice: start is 0.5, expected an integer", ValueError, () => slice(x, [[0.5]])],
  ["slice: end is NaN, expected an integer", ValueError, () => slice(x, [[0, Number.NaN]])],
  ["slice: index is 1.5, expected an integer", ValueError, () => slice(x, [1.5])],
  ["select: axis 2 of a tensor of rank 2", ShapeError, () => select(x, 2, 0)],
  ["select: index 3 along axis 1 of length 3", ValueError, () => select(x, 1, 3)],
  ["narrow: got 2 places from 2 along axis 1 of [2,3]", ValueError, () => narrow(x, 1, 2, 2)],
  ["narrow: got 1 places from -4 along axis 1 of [2,3]", ValueError, () => narrow(x, 1, -4, 1)],
  ["narrow: got -1 places from 0 along axis 0 of [2,3]", ValueError, () => narrow(x, 0, 0, -1)],
  ["flip: axes [0,-2] name an axis twice", ValueError, () => flip(x, [0, -2])],
  ["flip: axis 2 of a tensor of rank 2", ShapeError, () => flip(x, 2)],
  ["pad: got 1 widths for shape [2,3], expected 2, one per axis", ShapeError, () => pad(x, [1])],
  ["pad: width -1 of axis 1, expected a non-negative integer", ValueError, () => pad(x, [0, [1, -1]])],
])("%s", (message, type, call) => {
  expect(call).toThrow(type);
  expect(call).toThrow(message);
});

test("gradients of many slices meet in one tensor, where each costs what it covers", () => {
  const rows = 6;
  const x = tensor(
    [
      [1, 2, 3],
      [4, 5, 6],
      [7, 8, 9],
      [10, 11, 12],
      [13, 14, 15],
      [16, 17, 18],
    ],
    { requiresGrad: true },
  );
  const parts = (): Tensor[] => [
    ...Array.from({ length: rows }, (_, i) => select(x, 0, i)),
    ...Array.from({ length: 3 }, (_, i) => select(x, 1, i)),
    slice(x, [[null, null, -2], [1]]),
    narrow(x, 0, 2, 3),
  ];
  const loss = () =>
    parts().reduce((total, part, i) => add(total, mul(sum(mul(part, part)), i + 1)), zeros([]));
  const fill = vi.spyOn(elementwiseKernels("float32"), "fill");
  const y = loss();
  fill.mockClear();
  const dx = grad(y, [x])[0]!;
  // The gradient of the loss, and the first part's surroundings.
  expect(fill.mock.calls.filter(([n]) => n === x.size)).toHaveLength(1);
  fill.mockRestore();
  const composed = grad(loss(), [x], { createGraph: true })[0]!;
  expect(numbers(dx)).toEqual(numbers(composed));
});
