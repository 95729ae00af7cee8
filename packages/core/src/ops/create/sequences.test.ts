// Ranges, unit matrices, and tensors made like others.
import { describe, expect, test } from "vitest";
import { DTypeError, ShapeError, ValueError } from "../../errors.ts";
import { manualSeed } from "../../random.ts";
import { rand, randn, tensor } from "./create.ts";
import { fullLike, onesLike, randLike, randnLike, zerosLike } from "./like.ts";
import { arange, eye, linspace } from "./sequences.ts";

describe("arange", () => {
  test.each<[ReturnType<typeof arange>, number[]]>([
    [arange(4), [0, 1, 2, 3]],
    [arange(0), []],
    [arange(2, 5), [2, 3, 4]],
    [arange(5, 0, -2), [5, 3, 1]],
    [arange(0, 7, 3), [0, 3, 6]],
    [arange(1.5, 3), [1.5, 2.5]],
    [arange(-2, 0, { dtype: "int32" }), [-2, -1]],
    [arange(3, { dtype: "uint8" }), [0, 1, 2]],
    [arange(3, 3, -1), []],
    [arange(0, 10, 4, { dtype: "int32" }), [0, 4, 8]],
  ])("%#", (x, expected) => expect([...x.toArray()]).toEqual(expected));

  test("does not add up rounding errors", () => {
    const x = arange(0, 1000, 0.1, { dtype: "float64" });
    expect(x.shape).toEqual([10000]);
    expect([...x.toArray()]).toEqual(Array.from({ length: 10000 }, (_, i) => i * 0.1));
  });

  test("float32, or what is asked for; a leaf if asked", () => {
    expect(arange(2)).toMatchObject({ dtype: "float32", requiresGrad: false });
    expect(arange(2, { dtype: "float64", requiresGrad: true })).toMatchObject({
      dtype: "float64",
      requiresGrad: true,
    });
  });
});

describe("linspace", () => {
  test.each<[ReturnType<typeof linspace>, number[]]>([
    [linspace(0, 1, 5), [0, 0.25, 0.5, 0.75, 1]],
    [linspace(3, -3, 3), [3, 0, -3]],
    [linspace(2, 9, 1), [2]],
    [linspace(2, 9, 0), []],
    [linspace(2, 9, 2), [2, 9]],
    [linspace(0, 10, 3, { dtype: "int32" }), [0, 5, 10]],
  ])("%#", (x, expected) => expect([...x.toArray()]).toEqual(expected));

  test("meets both ends, and is symmetric", () => {
    for (let n = 2; n < 60; n++) {
      const x = linspace(-0.7, 0.7, n, { dtype: "float64" }).toArray();
      expect([x[0], x.at(-1)]).toEqual([-0.7, 0.7]);
      x.forEach((value, i) => {
        if (2 * i !== n - 1) expect(value).toBe(-x[n - 1 - i]!);
      });
    }
  });
});

test.each<[ReturnType<typeof eye>, unknown]>([
  [
    eye(2),
    [
      [1, 0],
      [0, 1],
    ],
  ],
  [
    eye(2, 3),
    [
      [1, 0, 0],
      [0, 1, 0],
    ],
  ],
  [eye(3, 1, { dtype: "uint8" }), [[1], [0], [0]]],
  [eye(1, { dtype: "float64" }), [[1]]],
  [eye(0), []],
  [eye(2, 0), [[], []]],
])("eye %#", (x, expected) => expect(x.toNested()).toEqual(expected));

describe("like another tensor", () => {
  const x = tensor(
    [
      [1, 2],
      [3, 4],
      [5, 6],
    ],
    { dtype: "float64" },
  );
  const view = x.view([2, 3], [1, 2]);

  test.each([
    { name: "zerosLike", make: zerosLike, value: 0 },
    { name: "onesLike", make: onesLike, value: 1 },
    { name: "fullLike", make: (like: typeof x, o?: object) => fullLike(like, 7, o), value: 7 },
  ])("$name", ({ make, value }) => {
    const y = make(view);
    expect(y).toMatchObject({ shape: [2, 3], dtype: "float64", contiguous: true, tracked: false });
    expect([...y.toArray()]).toEqual(new Array(6).fill(value));
    expect(make(x, { dtype: "int32" }).dtype).toBe("int32");
    expect(make(x, { requiresGrad: true }).requiresGrad).toBe(true);
  });

  test.each([
    { like: randLike, make: rand },
    { like: randnLike, make: randn },
  ])("$like.name draws what $make.name draws", ({ like, make }) => {
    manualSeed(3);
    const expected = make([2, 3], { dtype: "float64" });
    manualSeed(3);
    const y = like(view);
    expect(y).toMatchObject({ shape: [2, 3], dtype: "float64" });
    expect([...y.toArray()]).toEqual([...expected.toArray()]);
  });

  test("with bounds and moments", () => {
    expect([...randLike(x, { low: 5, high: 5 }).toArray()]).toEqual(new Array(6).fill(5));
    expect([...randnLike(x, { mean: 5, std: 0 }).toArray()]).toEqual(new Array(6).fill(5));
  });
});

test.each<[message: string, type: typeof ShapeError, call: () => unknown]>([
  ["arange: step 0 does not lead from 0 to 5", ValueError, () => arange(0, 5, 0)],
  ["arange: step -1 does not lead from 0 to 5", ValueError, () => arange(0, 5, -1)],
  ["arange: step 1 does not lead from 0 to -5", ValueError, () => arange(-5)],
  ["arange: end is NaN, expected a finite number", ValueError, () => arange(Number.NaN)],
  ["arange: end is Infinity", ValueError, () => arange(0, Number.POSITIVE_INFINITY)],
  ["linspace: shape [-1] is not valid", ShapeError, () => linspace(0, 1, -1)],
  ["linspace: end is NaN", ValueError, () => linspace(0, Number.NaN, 3)],
  ["eye: shape [-1,-1] is not valid", ShapeError, () => eye(-1)],
  ["rand: the result is int32, expected float32", DTypeError, () => randLike(arange(2, { dtype: "int32" }))],
])("%s", (message, type, call) => {
  expect(call).toThrow(type);
  expect(call).toThrow(message);
});
