// The tensor itself: views, reading and writing, ownership of its memory. Ops have their tests in ops/.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DTypeError, ReleasedError, ShapeError } from "./errors.ts";
import { heap } from "./memory/heap.ts";
import { Storage } from "./memory/storage.ts";
import { full, ones, tensor, zeros } from "./ops/create/create.ts";
import { commonDType, requireFloat } from "./require-tensor.ts";
import { contiguousStrides, sizeOf } from "./shape.ts";
import { copyStrided } from "./strided-copy.ts";
import { contiguous, Tensor } from "./tensor.ts";

const dtypes = ["float32", "float64", "int32", "uint8"] as const;
const count = (shape: readonly number[], dtype: Tensor["dtype"] = "float32") =>
  tensor(
    Array.from({ length: sizeOf(shape) }, (_, i) => i),
    { dtype, shape },
  );

test.each(dtypes)("%s: shape, size, alignment and contents", (dtype) => {
  const x = count([2, 3], dtype);
  expect(x).toMatchObject({ dtype, shape: [2, 3], strides: [3, 1], rank: 2, size: 6, contiguous: true });
  expect(x.address % 64).toBe(0);
  expect([...x.toArray()]).toEqual([0, 1, 2, 3, 4, 5]);
  expect(x.toArray().buffer).toBeInstanceOf(ArrayBuffer);
  expect(x.data().buffer).toBe(heap().buffer);
});

describe("views", () => {
  test("see the same elements, and outlive what they were made of", () => {
    const x = count([2, 3]);
    const column = x.view([2], [3], 1);
    x.data()[4] = 40;
    x.dispose();
    expect([...column.toArray()]).toEqual([1, 40]);
    expect(column.contiguous).toBe(false);
    expect(() => column.data()).toThrow("data: tensor [2] is not contiguous");
  });

  test("of any strides are laid out by toArray and contiguous, on every dtype", () => {
    const axis = fc.record({ length: fc.nat(3), stride: fc.nat(9) });
    const anyView = fc.tuple(fc.array(axis, { maxLength: 6 }), fc.nat(5), fc.constantFrom(...dtypes));
    fc.assert(
      fc.property(anyView, ([axes, offset, dtype]) => {
        const base = count([200], dtype);
        const shape = axes.map(({ length }) => length);
        const view = base.view(
          shape,
          axes.map(({ stride }) => stride),
          offset,
        );
        const expected = axes.reduce(
          (starts, { length, stride }) =>
            starts.flatMap((s) => Array.from({ length }, (_, i) => s + i * stride)),
          [offset],
        );
        expect([...view.toArray()]).toEqual(expected);
        const dense = contiguous(view);
        expect(dense.contiguous).toBe(true);
        expect([...dense.data()]).toEqual(expected);
        for (const t of new Set([dense, view, base])) t.dispose();
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  test("contiguous returns the tensor itself where there is nothing to do", () => {
    const x = count([2, 3]);
    expect(contiguous(x)).toBe(x);
  });
});

test("item reads the one element, also of a view", () => {
  expect(full([1, 1], 7).item()).toBe(7);
  expect(count([6]).view([], [], 4).item()).toBe(4);
  expect(full([], 0.1, { dtype: "float64" }).item()).toBe(0.1);
});

describe("copyFrom", () => {
  test("takes numbers, typed arrays, and tensors with any strides", () => {
    const x = zeros([2, 3]);
    expect([...x.copyFrom([1, 2, 3, 4, 5, 6]).toArray()]).toEqual([1, 2, 3, 4, 5, 6]);
    expect([...x.copyFrom(Float64Array.of(6, 5, 4, 3, 2, 1)).toArray()]).toEqual([6, 5, 4, 3, 2, 1]);
    expect([...x.copyFrom(count([3, 2]).view([2, 3], [1, 2])).toArray()]).toEqual([0, 2, 4, 1, 3, 5]);
  });

  test.each<
    [message: string, type: typeof ShapeError, source: () => ArrayLike<number> | Tensor, target: () => Tensor]
  >([
    ["copyFrom: got 2 elements for shape [3], expected 3", ShapeError, () => [1, 2], () => zeros([3])],
    ["copyFrom: got shape [3,2], expected [2,3]", ShapeError, () => zeros([3, 2]), () => zeros([2, 3])],
    ["copyFrom: got float32 and int32", DTypeError, () => zeros([3], { dtype: "int32" }), () => zeros([3])],
    ["copyFrom: tensor [2] is not contiguous", ShapeError, () => zeros([2]), () => zeros([4]).view([2], [2])],
    ["copyFrom: tensor [2] is not contiguous", ShapeError, () => [1, 2], () => zeros([4]).view([2], [2])],
  ])("refuses %s", (message, type, source, target) => {
    const copy = () => target().copyFrom(source());
    expect(copy).toThrow(type);
    expect(copy).toThrow(message);
  });
});

describe("memory", () => {
  const live = () => heap().arena.live;

  test("goes with the last view", () => {
    const before = live();
    const x = ones([100]);
    const views = [x.view([50], [2]), x.view([], [])];
    x.dispose();
    views[0]!.dispose();
    expect(live()).toBeGreaterThan(before);
    views[1]!.dispose();
    expect(live()).toBe(before);
  });

  test("is given back once, however often it is disposed", () => {
    const before = live();
    const [x, other] = [ones([3]), ones([3])];
    x.dispose();
    x.dispose();
    {
      using y = ones([3]);
      expect(y.alive).toBe(true);
    }
    other.dispose();
    expect(live()).toBe(before);
  });

  test("keep and dispose work in any order", () => {
    const before = live();
    ones([3]).keep().keep().dispose();
    expect(live()).toBe(before);
  });

  test.each<[string, (x: Tensor) => unknown]>([
    ["address", (x) => x.address],
    ["toArray", (x) => x.toArray()],
    ["item", (x) => x.item()],
    ["view", (x) => x.view([1], [1])],
    ["copyFrom", (x) => x.copyFrom([1])],
  ])("%s of a released tensor throws", (_name, use) => {
    const x = ones([1]);
    x.dispose();
    expect(() => use(x)).toThrow(ReleasedError);
    expect(() => use(x)).toThrow("tensor [1]: its memory was given back by dispose()");
  });
});

describe("moveTo", () => {
  test.each(["copy", "adopt"] as const)("%s", (contents) => {
    const before = heap().arena.live;
    const x = count([3, 3]).view([3, 2], [1, 3], 3);
    const block = Storage.allocate(24, "test");
    const there = Tensor.over(block, [6], "float32").copyFrom([9, 8, 7, 6, 5, 4]);
    x.moveTo(block, contents);
    expect([...x.toArray()]).toEqual(contents === "copy" ? [3, 6, 4, 7, 5, 8] : [9, 8, 7, 6, 5, 4]);
    expect([...there.toArray()]).toEqual([...x.toArray()]);
    expect(x).toMatchObject({ shape: [3, 2], strides: contiguousStrides([3, 2]), offset: 0, storage: block });
    x.dispose();
    there.dispose();
    expect(heap().arena.live - before).toBe(64); // The source, which `view` alone has lost sight of.
  });

  test("a foreign block is never freed", () => {
    const owner = count([4]);
    const before = heap().arena.live;
    const guest = Tensor.over(Storage.foreign(owner.address + 4, 12), [3], "float32");
    expect([...guest.toArray()]).toEqual([1, 2, 3]);
    guest.dispose();
    expect(heap().arena.live).toBe(before);
  });
});

test("copyStrided copies more axes than the kernel walks", () => {
  const shape = [2, 1, 2, 3, 2, 2, 2];
  const x = count(shape);
  const reversed = x.view([...shape].reverse(), [...x.strides].reverse());
  const y = zeros(reversed.shape);
  copyStrided(reversed, y);
  copyStrided(y.view(shape, [...contiguousStrides(reversed.shape)].reverse()), x);
  expect([...x.toArray()]).toEqual([...count(shape).toArray()]);
  expect([...y.toArray()]).not.toEqual([...count(shape).toArray()]);
});

test.each<[message: string, type: typeof ShapeError, call: () => unknown]>([
  ["item: got shape [2,1], expected one element", ShapeError, () => ones([2, 1]).item()],
  ["item: got shape [0], expected one element", ShapeError, () => ones([0]).item()],
  [
    "add: got float32 and float64",
    DTypeError,
    () => commonDType("add", [ones([1]), ones([1], { dtype: "float64" })]),
  ],
  [
    "exp: x is uint8, expected float32 or",
    DTypeError,
    () => requireFloat("exp", ones([1], { dtype: "uint8" })),
  ],
])("%s", (message, type, call) => {
  expect(call).toThrow(type);
  expect(call).toThrow(message);
});
