// split and chunk, which make several tensors, and what joining refuses. Values of cat and stack: layout.test.ts.
import { describe, expect, test } from "vitest";
import { DTypeError, ShapeError, ValueError } from "../../errors.ts";
import type { Tensor } from "../../tensor.ts";
import { checkGrad } from "../../testing.ts";
import { mul } from "../arithmetic/arithmetic.ts";
import { ones, zeros } from "../create/create.ts";
import { arange } from "../create/sequences.ts";
import { reshape, sum } from "../shape/broadcast.ts";
import { cat, chunk, split, stack } from "./join.ts";
import { tril, triu } from "./triangle.ts";

const numbers = (x: Tensor) => [...x.toArray()];
const lengths = (parts: Tensor[], axis = 0) => parts.map(({ shape }) => shape[axis]);

describe.each([0, 1, -1])("along axis %i", (axis) => {
  const x = reshape(arange(60), [6, 5, 2]);

  test.each<[sizes: number | number[]]>([[1], [2], [4], [100]])("split into parts of %j", (size) => {
    const parts = split(x, size as number, axis);
    const n = x.shape.at(axis)!;
    expect(parts.slice(0, -1).every(({ shape }) => shape.at(axis) === size)).toBe(true);
    expect(parts).toHaveLength(Math.ceil(n / (size as number)));
    expect(numbers(cat(parts, axis))).toEqual(numbers(x));
  });

  test("split by a list, with an empty part", () => {
    const n = x.shape.at(axis)!;
    const parts = split(x, [1, 0, n - 1], axis);
    expect(parts.map(({ shape }) => shape.at(axis))).toEqual([1, 0, n - 1]);
    expect(numbers(cat(parts, axis))).toEqual(numbers(x));
  });
});

// As torch.chunk(torch.empty(n), chunks) gives.
test.each<[n: number, chunks: number, expected: number[]]>([
  [6, 1, [6]],
  [6, 2, [3, 3]],
  [6, 4, [2, 2, 2]],
  [7, 3, [3, 3, 1]],
  [7, 5, [2, 2, 2, 1]],
  [2, 5, [1, 1]],
  [0, 3, [0, 0, 0]],
])("%i places in %i chunks", (n, chunks, expected) => {
  expect(lengths(chunk(zeros([n]), chunks))).toEqual(expected);
});

test("split of an axis without places is one part without places", () => {
  expect(lengths(split(zeros([0, 2]), 3))).toEqual([0]);
});

test("gradients flow from any of the parts", () => {
  const x = reshape(arange(1, 13, { dtype: "float64" }), [4, 3]);
  checkGrad(
    (x) => sum(mul(split(x, 2)[1]!, chunk(x, 2)[0]!)),
    [reshape(x, [4, 3])].map((t) => zeros([4, 3], { dtype: "float64" }).copyFrom(t)),
  );
});

const a = zeros([2, 3]);

test.each<[message: string, type: typeof ShapeError, call: () => unknown]>([
  ["cat: got no tensors", ValueError, () => cat([])],
  ["stack: got no tensors", ValueError, () => stack([])],
  [
    "cat: tensor 0 has shape [2,3], tensor 1 [2,4]; they may differ along axis 0 only",
    ShapeError,
    () => cat([a, zeros([2, 4])]),
  ],
  ["cat: tensor 0 has shape [2,3], tensor 1 [3]", ShapeError, () => cat([a, zeros([3])], 1)],
  ["cat: axis 2 of a tensor of rank 2", ShapeError, () => cat([a], 2)],
  ["cat: axis 0 of a tensor of rank 0", ShapeError, () => cat([zeros([])])],
  ["cat: got float32 and int32", DTypeError, () => cat([a, zeros([2, 3], { dtype: "int32" })])],
  [
    "stack: tensor 0 has shape [2,3], tensor 1 [3,2]; they must be equal",
    ShapeError,
    () => stack([a, zeros([3, 2])]),
  ],
  ["stack: axis 3 of a tensor of rank 3", ShapeError, () => stack([a], 3)],
  [
    "split: got sizes [1,2] for axis 0 of [2,3], expected non-negative integers that add up to 2",
    ValueError,
    () => split(a, [1, 2]),
  ],
  ["split: got sizes [3,-1] for axis 0 of [2,3]", ValueError, () => split(a, [3, -1])],
  ["split: size is 0, expected a positive integer", ValueError, () => split(a, 0)],
  ["split: axis 5 of a tensor of rank 2", ShapeError, () => split(a, 1, 5)],
  ["chunk: got 0 chunks, expected a positive integer", ValueError, () => chunk(a, 0)],
  ["chunk: axis 2 of a tensor of rank 2", ShapeError, () => chunk(a, 2, 2)],
  ["tril: got shape [3], expected matrices […,rows,cols]", ShapeError, () => tril(ones([3]))],
  ["triu: diagonal is 0.5, expected an integer", ValueError, () => triu(ones([3, 3]), 0.5)],
])("%s", (message, type, call) => {
  expect(call).toThrow(type);
  expect(call).toThrow(message);
});

test("a diagonal far outside takes all or nothing", () => {
  expect(numbers(tril(ones([1, 2]), 1e12))).toEqual([1, 1]);
  expect(numbers(triu(ones([1, 2]), 1e12))).toEqual([0, 0]);
  expect(numbers(tril(ones([1, 2]), -1e12))).toEqual([0, 0]);
});
