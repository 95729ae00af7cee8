// What tensors look like when printed: whole texts, as a person sees them.
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { neg } from "./ops/arithmetic/arithmetic.ts";
import type { TensorOptions } from "./ops/create/create.ts";
import { full, tensor, zeros } from "./ops/create/create.ts";
import { arange } from "./ops/create/sequences.ts";
import { flip, slice } from "./ops/indexing/slice.ts";
import { scope } from "./scope.ts";
import type { Tensor } from "./tensor.ts";

const text = (data: Parameters<typeof tensor>[0], options?: TensorOptions) => String(tensor(data, options));
/** The elements of a vector, as printed. */
const cells = (data: number[], options?: TensorOptions) =>
  text(data, options).replace(/^Tensor \S+ \w+ /, "");

test.each<[what: string, printed: () => string, lines: string[]]>([
  ["a scalar", () => text(3.5), ["Tensor [] float32 3.5"]],
  ["a vector", () => text([1, 2, 3]), ["Tensor [3] float32 [1, 2, 3]"]],
  ["no elements", () => String(zeros([0, 3])), ["Tensor [0,3] float32 []"]],
  ["rows without elements", () => String(zeros([2, 0])), ["Tensor [2,0] float32 []"]],
  [
    "a matrix",
    () =>
      text(
        [
          [1, -20, 3],
          [4, 5, 6],
        ],
        { dtype: "int32" },
      ),
    ["Tensor [2,3] int32", "[[  1, -20,   3],", " [  4,   5,   6]]"],
  ],
  [
    "matrices",
    () => String(arange(8).view([2, 2, 2], [4, 2, 1])),
    ["Tensor [2,2,2] float32", "[[[0, 1],", "  [2, 3]],", "", " [[4, 5],", "  [6, 7]]]"],
  ],
  ["a column", () => text([[1], [10]]), ["Tensor [2,1] float32", "[[ 1],", " [10]]"]],
  ["a view, backwards", () => String(flip(tensor([1, 2, 3]))), ["Tensor [3] float32 [3, 2, 1]"]],
  [
    "a row of a matrix",
    () =>
      String(
        slice(
          tensor([
            [1, 2],
            [3, 4],
          ]),
          [1],
        ),
      ),
    ["Tensor [2] float32 [3, 4]"],
  ],
  ["booleans", () => text([true, false]), ["Tensor [2] uint8 [1, 0]"]],
  ["a leaf", () => text([1.5], { requiresGrad: true }), ["Tensor [1] float32 requiresGrad [1.5]"]],
  ["a result", () => String(neg(tensor([1], { requiresGrad: true }))), ["Tensor [1] float32 from neg [-1]"]],
  [
    "a long vector, in lines of at most 80 characters",
    () => String(arange(101, 131, { dtype: "int32" })),
    [
      "Tensor [30] int32",
      "[101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115,",
      " 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 130]",
    ],
  ],
  [
    "many elements, shortened",
    () => String(arange(1008).view([126, 8], [8, 1])),
    [
      "Tensor [126,8] float32",
      "[[   0,    1,    2, …,    5,    6,    7],",
      " [   8,    9,   10, …,   13,   14,   15],",
      " [  16,   17,   18, …,   21,   22,   23],",
      " …,",
      " [ 984,  985,  986, …,  989,  990,  991],",
      " [ 992,  993,  994, …,  997,  998,  999],",
      " [1000, 1001, 1002, …, 1005, 1006, 1007]]",
    ],
  ],
  [
    "a long vector, shortened",
    () => String(arange(2000)),
    ["Tensor [2000] float32 [   0,    1,    2, …, 1997, 1998, 1999]"],
  ],
  [
    "short axes of a large tensor, in full",
    () => String(full([6, 1001], 7)),
    [
      "Tensor [6,1001] float32",
      ...Array.from({ length: 6 }, (_, i) => `${i ? " " : "["}[7, 7, 7, …, 7, 7, 7]${i < 5 ? "," : "]"}`),
    ],
  ],
])("%s", (_what, printed, lines) => expect(printed().split("\n")).toEqual(lines));

describe("numbers", () => {
  test.each<[why: string, data: number[], expected: string]>([
    ["no more decimals than needed", [0.5, 2.25, -1], "[ 0.50,  2.25, -1.00]"],
    ["four decimals at most", [Math.PI, 100.5], "[  3.1416, 100.5000]"],
    ["a rounded decimal is not a needed one", [0.1, 0.2], "[0.1, 0.2]"],
    ["exponents for small ones", [1e-6, 2.5e-5], "[1.0e-6, 2.5e-5]"],
    ["exponents for a wide range", [0.001, 1000.5], "[1.0000e-3, 1.0005e+3]"],
    ["exponents for huge integers", [1e20, 2], "[1e+20,  2e+0]"],
    ["large integers as they are", [12345678, 1], "[12345678,        1]"],
    ["zeros count for no range", [0, 0.25], "[0.00, 0.25]"],
    [
      "what is not finite, and the sign of zero",
      [Number.NaN, 1, Number.NEGATIVE_INFINITY, -0],
      "[      NaN,         1, -Infinity,        -0]",
    ],
    ["not finite among fractions", [Number.NaN, 0.5], "[NaN, 0.5]"],
  ])("%s", (_why, data, expected) => expect(cells(data)).toBe(expected));

  test("integers of integer dtypes are never rounded", () => {
    expect(cells([2147483647, 1], { dtype: "int32" })).toBe("[2147483647,          1]");
  });
});

test("no more elements are read than are shown", () => {
  // 10^12 elements, which all look at one.
  expect(String(full([1], 2).view([1e6, 1e6], [0, 0]))).toContain("[2, 2, 2, …, 2, 2, 2]");
});

describe("util.inspect", () => {
  const x = () =>
    tensor([
      [1, 2],
      [3, 4],
    ]);

  test("shows what toString shows, indented in objects", () => {
    expect(inspect(x())).toBe("Tensor [2,2] float32\n[[1, 2],\n [3, 4]]");
    expect(inspect({ w: x() })).toBe("{\n  w: Tensor [2,2] float32\n  [[1, 2],\n   [3, 4]]\n}");
  });

  test("shows the head deep inside other objects", () => {
    expect(inspect({ a: { b: { c: x() } } })).toContain("c: [Tensor [2,2] float32]");
  });
});

test("a released tensor prints who released it, and does not throw", () => {
  const x = tensor([1, 2]);
  let y: Tensor | undefined;
  scope(() => {
    y = neg(x);
  });
  x.dispose();
  expect(String(x)).toBe("Tensor [2] float32 (released by dispose())");
  expect(inspect(y)).toBe("Tensor [2] float32 (released by the end of its scope)");
});

describe("toNested", () => {
  test.each<[ReturnType<Tensor["toNested"]>]>([
    [5],
    [[1, 2]],
    [[[1], [2], [3]]],
    [
      [
        [
          [1, 2],
          [3, 4],
        ],
      ],
    ],
    [[]],
    [[[], []]],
  ])("of tensor(%j) gives it back", (data) => expect(tensor(data).toNested()).toEqual(data));

  test("of a view", () => {
    expect(
      tensor([
        [1, 2],
        [3, 4],
      ])
        .view([2, 2], [-1, -2], 3)
        .toNested(),
    ).toEqual([
      [4, 2],
      [3, 1],
    ]);
  });
});
