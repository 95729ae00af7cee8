// Order of additions, memory and refusals of ops with indices. Their values are in layout.test.ts, their gradients in
// ../gradients.test.ts.
import { afterEach, describe, expect, test } from "vitest";
import { backward, grad } from "../../autograd/tape.ts";
import { DTypeError, ShapeError, ValueError } from "../../errors.ts";
import { useKernels } from "../../kernels/dispatch.ts";
import { heap } from "../../memory/heap.ts";
import { manualSeed } from "../../random.ts";
import { scope } from "../../scope.ts";
import type { Tensor } from "../../tensor.ts";
import { mul } from "../arithmetic/arithmetic.ts";
import { randn, tensor, zeros } from "../create/create.ts";
import { arange } from "../create/sequences.ts";
import { expand, sum } from "../shape/broadcast.ts";
import { unsqueeze } from "../shape/shape.ts";
import { gather, indexAdd, indexSelect, scatterAdd } from "./gather.ts";
import { oneHot, pick } from "./indexing.ts";

const i32 = (data: Parameters<typeof tensor>[0]) => tensor(data, { dtype: "int32" });
const numbers = (x: Tensor) => [...x.toArray()];

afterEach(() => {
  useKernels("auto");
});

describe("additions to one place happen in the order of the index", () => {
  // 1e8 + 4 is 1e8 in float32: only from left to right is the sum 1.
  const terms = [1e8, 4, -1e8, 1];

  test.each(["auto", "wasm-plain", "reference"] as const)("%s kernels", (set) => {
    useKernels(set);
    const index = i32([2, 2, 2, 2]);
    expect(numbers(scatterAdd(zeros([3]), 0, index, tensor(terms)))).toEqual([0, 0, 1]);
    for (const cols of [1, 3, 4, 7]) {
      const rows = expand(unsqueeze(tensor(terms), 1), [4, cols]);
      const expected = [...new Array(2 * cols).fill(0), ...new Array(cols).fill(1)];
      expect(numbers(indexAdd(zeros([3, cols]), 0, index, rows))).toEqual(expected);
    }
  });

  test("the gradient of indexSelect too", () => {
    const x = tensor([5, 6, 7], { requiresGrad: true });
    const y = sum(mul(indexSelect(x, 0, i32([1, 1, 1, 1])), tensor(terms)));
    expect(numbers(grad(y, [x])[0]!)).toEqual([0, 1, 0]);
  });
});

test("an index of many axes, shorter than all of x", () => {
  const x = arange(3 ** 6).view([3, 3, 3, 3, 3, 3], [243, 81, 27, 9, 3, 1]);
  const index = i32(Array.from({ length: 64 }, (_, i) => (i * 5) % 3)).view(
    [2, 2, 2, 2, 2, 2],
    [32, 16, 8, 4, 2, 1],
  );
  const expected = Array.from({ length: 64 }, (_, i) => {
    const digits = [32, 16, 8, 4, 2, 1].map((step) => Math.floor(i / step) % 2);
    return digits.with(2, (i * 5) % 3).reduce((place, digit) => 3 * place + digit, 0);
  });
  expect(numbers(gather(x, 2, index))).toEqual(expected);
});

test("fast and reference kernels give the same bits", () => {
  manualSeed(4);
  const x = randn([50, 19]);
  const index = i32(Array.from({ length: 300 }, (_, i) => (i * 31) % 50));
  const source = randn([300, 19]);
  const run = () => [...numbers(indexSelect(x, 0, index)), ...numbers(indexAdd(x, 0, index, source))];
  const fast = run();
  useKernels("reference");
  expect(run()).toEqual(fast);
});

test("neither forward nor backward leaves memory behind", () => {
  const x = randn([6, 4], { requiresGrad: true });
  const index = i32([[1, 0, 3, 2]]);
  const step = () =>
    scope(() => {
      backward(sum(scatterAdd(gather(x, 0, index), 1, index, indexSelect(x, 0, i32([5])))));
      x.grad!.dispose();
      x.grad = null;
    });
  step();
  const before = heap().arena.live;
  step();
  expect(heap().arena.live).toBe(before);
});

const x = zeros([2, 3]);
const f32 = zeros([2, 3]);

test.each<[message: string, type: typeof ShapeError, call: () => unknown]>([
  [
    "gather: index 2 at position [0,2], expected 0 to 1; axis 0 of x has length 2",
    ValueError,
    () => gather(x, 0, i32([[0, 1, 2]])),
  ],
  ["gather: index -1 at position [1,0], expected 0 to 2", ValueError, () => gather(x, 1, i32([[0], [-1]]))],
  [
    "gather: got x [2,3] and index [1], expected an index of rank 2",
    ShapeError,
    () => gather(x, 0, i32([0])),
  ],
  ["gather: got x [2,3] and index [1,4]", ShapeError, () => gather(x, 0, i32([[0, 0, 0, 0]]))],
  ["gather: index is float32, expected int32", DTypeError, () => gather(x, 0, f32)],
  ["gather: axis 2 of a tensor of rank 2", ShapeError, () => gather(x, 2, i32([[0]]))],
  [
    "scatterAdd: index 5 at position [0,0], expected 0 to 1",
    ValueError,
    () => scatterAdd(x, 0, i32([[5]]), f32),
  ],
  [
    "scatterAdd: got source [2,3] for index [3,1]",
    ShapeError,
    () => scatterAdd(x, 0, i32([[0], [0], [0]]), f32),
  ],
  ["scatterAdd: got float32 and int32", DTypeError, () => scatterAdd(x, 0, i32([[0]]), i32([[0]]))],
  [
    "indexSelect: index 3 at position 1, expected 0 to 2; axis 1 of x has length 3",
    ValueError,
    () => indexSelect(x, 1, i32([0, 3])),
  ],
  [
    "indexSelect: got x [2,3] and index [1,1], expected an index of rank 1",
    ShapeError,
    () => indexSelect(x, 0, i32([[0]])),
  ],
  ["indexAdd: got source [2,3], expected [1,3]", ShapeError, () => indexAdd(x, 0, i32([0]), f32)],
  ["oneHot: index 3 at position 1, expected 0 to 2", ValueError, () => oneHot(i32([0, 3]), 3)],
  ["oneHot: got 0 classes, expected a positive integer", ValueError, () => oneHot(i32([0]), 0)],
  ["oneHot: index is float32, expected int32", DTypeError, () => oneHot(f32, 3)],
  ["pick: index 3 at position 1, expected 0 to 2; check the labels", ValueError, () => pick(x, i32([0, 3]))],
])("%s", (message, type, call) => {
  expect(call).toThrow(type);
  expect(call).toThrow(message);
});
