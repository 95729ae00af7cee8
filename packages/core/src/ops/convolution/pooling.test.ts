// Pooling against its definition, over random sizes, options and views; where gradients go; what is refused.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { backward, grad } from "../../autograd/tape.ts";
import { DTypeError, ShapeError, ValueError } from "../../errors.ts";
import { heap } from "../../memory/heap.ts";
import { scope } from "../../scope.ts";
import { sizeOf } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { checkGrad } from "../../testing.ts";
import { ones, tensor } from "../create/create.ts";
import { mul, permute, sum } from "../index.ts";
import { adaptiveAvgPool2d, avgPool1d, avgPool2d } from "./avg-pool.ts";
import { maxPool1d, maxPool2d } from "./max-pool.ts";

const nan = Number.NaN;

/** Multiples of 1/4, all different if there are not too many: sums of them are exact. */
function numbers(shape: readonly number[], seed = 1, dtype: "float32" | "float64" = "float32"): Tensor {
  const values = Array.from({ length: sizeOf(shape) }, (_, i) => (((i + seed) * 7919) % 509) / 4 - 64);
  return tensor(values, { dtype, shape });
}

interface Axis {
  length: number;
  size: number;
  stride: number;
  padding: number;
  dilation: number;
  ceil: boolean;
}

/** The places of each window of an axis, and how many of them count if padding does: PyTorch's rules. */
function windows({ length, size, stride, padding, dilation, ceil }: Axis) {
  const round = ceil ? Math.ceil : Math.floor;
  let count = round((length + 2 * padding - dilation * (size - 1) - 1) / stride) + 1;
  if (ceil && (count - 1) * stride >= length + padding) count--;
  return Array.from({ length: count }, (_, i) => {
    const places = Array.from({ length: size }, (_, a) => i * stride - padding + a * dilation);
    return {
      inside: places.filter((place) => place >= 0 && place < length),
      counted: places.filter((place) => place < length + padding).length,
    };
  });
}

/** A function of the elements of each window, and of how many count. */
function pool(x: Tensor, rows: Axis, cols: Axis, f: (values: number[], counted: number) => number) {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const values = x.toArray();
  const result: number[] = [];
  for (let plane = 0; plane < n * c; plane++) {
    for (const row of windows(rows)) {
      for (const col of windows(cols)) {
        const inside = row.inside.flatMap((i) => col.inside.map((j) => values[(plane * h + i) * w + j]!));
        result.push(f(inside, row.counted * col.counted));
      }
    }
  }
  return { shape: [n, c, windows(rows).length, windows(cols).length], values: result };
}

const upTo = (most: number, least = 0) => fc.integer({ min: least, max: most });

const anyPooling = (dilated: boolean) => {
  const anyAxis = fc
    .record({
      size: upTo(4, 1),
      dilation: upTo(dilated ? 3 : 1, 1),
      half: upTo(2),
      stride: upTo(4, 1),
      room: upTo(12),
    })
    .map(({ size, dilation, half, stride, room }) => ({
      ...{ size, dilation, stride, length: Math.max(2, dilation * (size - 1) + 1) + room },
      // At most half of the window as if it had no gaps: it has an element in any case.
      padding: Math.min(half, Math.floor(size / 2)),
    }));
  return fc
    .record({
      n: upTo(2),
      c: upTo(3, 1),
      rows: anyAxis,
      cols: anyAxis,
      ceil: fc.boolean(),
      view: fc.boolean(),
    })
    .map(({ rows, cols, ceil, ...rest }) => ({ ...rest, rows: { ...rows, ceil }, cols: { ...cols, ceil } }));
};

function check(
  dilated: boolean,
  op: (x: Tensor, rows: Axis, cols: Axis) => Tensor,
  f: (values: number[], counted: number) => number,
): void {
  const body = ({
    n,
    c,
    rows,
    cols,
    view,
  }: ReturnType<typeof anyPooling> extends fc.Arbitrary<infer T> ? T : never) =>
    scope(() => {
      const shape = [n, c, rows.length, cols.length];
      const x = view ? permute(numbers(shape.toReversed()), [3, 2, 1, 0]) : numbers(shape);
      const y = op(x, rows, cols);
      const expected = pool(x, rows, cols, f);
      expect(y.shape).toEqual(expected.shape);
      expect([...y.toArray()]).toEqual(expected.values.map(Math.fround));
    });
  fc.assert(fc.property(anyPooling(dilated), body), { seed: 1, numRuns: 300 });
}

const total = (values: number[]) => values.reduce((a, b) => a + b, 0);
const optionsOf = (rows: Axis, cols: Axis) => ({
  stride: [rows.stride, cols.stride] as const,
  padding: [rows.padding, cols.padding] as const,
  ceilMode: rows.ceil,
});

describe("values", () => {
  test("maxPool2d", () =>
    check(
      true,
      (x, rows, cols) =>
        maxPool2d(x, [rows.size, cols.size], {
          ...optionsOf(rows, cols),
          dilation: [rows.dilation, cols.dilation],
        }),
      (values) => Math.max(...values),
    ));

  test("avgPool2d, padding counted", () =>
    check(
      false,
      (x, rows, cols) => avgPool2d(x, [rows.size, cols.size], optionsOf(rows, cols)),
      (values, counted) => total(values) / counted,
    ));

  test("avgPool2d, padding left out", () =>
    check(
      false,
      (x, rows, cols) =>
        avgPool2d(x, [rows.size, cols.size], { ...optionsOf(rows, cols), countIncludePad: false }),
      (values) => total(values) / values.length,
    ));

  test("avgPool2d, another divisor", () =>
    check(
      false,
      (x, rows, cols) =>
        avgPool2d(x, [rows.size, cols.size], { ...optionsOf(rows, cols), divisorOverride: -3 }),
      (values) => total(values) / -3,
    ));

  test("adaptiveAvgPool2d", () => {
    const body = (h: number, w: number, oh: number, ow: number) =>
      scope(() => {
        const x = numbers([2, 3, h, w]);
        const y = adaptiveAvgPool2d(x, [oh, ow]);
        const span = (i: number, length: number, count: number) =>
          [Math.floor((i * length) / count), Math.ceil(((i + 1) * length) / count)] as const;
        const expected: number[] = [];
        for (let plane = 0; plane < 6; plane++) {
          for (let i = 0; i < oh; i++) {
            for (let j = 0; j < ow; j++) {
              const [[top, bottom], [left, right]] = [span(i, h, oh), span(j, w, ow)];
              let value = 0;
              for (let row = top; row < bottom; row++) {
                for (let col = left; col < right; col++) value += x.toArray()[(plane * h + row) * w + col]!;
              }
              expected.push(Math.fround(value / ((bottom - top) * (right - left))));
            }
          }
        }
        expect(y.shape).toEqual([2, 3, oh, ow]);
        expect([...y.toArray()]).toEqual(expected);
      });
    const size = fc.integer({ min: 1, max: 9 });
    fc.assert(fc.property(size, size, size, size, body), { seed: 1, numRuns: 150 });
  });

  test("adaptiveAvgPool2d to one number for both, or null for what is there", () => {
    const x = numbers([2, 6, 4]);
    expect(adaptiveAvgPool2d(x, 2).toArray()).toEqual(avgPool2d(x, [3, 2]).toArray());
    expect(adaptiveAvgPool2d(x, [null, 1]).shape).toEqual([2, 6, 1]);
    expect(adaptiveAvgPool2d(x, 1).shape).toEqual([2, 1, 1]);
  });

  test("the stride is the window's size if absent, in both dimensions", () => {
    const x = numbers([2, 7, 9]);
    expect(maxPool2d(x, [2, 3]).shape).toEqual([2, 3, 3]);
    expect(avgPool2d(x, 2).shape).toEqual([2, 3, 4]);
    expect(maxPool1d(numbers([2, 3, 9]), 4).shape).toEqual([2, 3, 2]);
    expect(avgPool1d(numbers([3, 9]), 2, { ceilMode: true }).shape).toEqual([3, 5]);
  });

  test("one dimension is one row of two", () => {
    const x = numbers([2, 3, 11]);
    const image = numbers([2, 3, 1, 11]);
    expect(maxPool1d(x, 3, { stride: 2, padding: 1, dilation: 2 }).toArray()).toEqual(
      maxPool2d(image, [1, 3], { stride: [1, 2], padding: [0, 1], dilation: [1, 2] }).toArray(),
    );
    expect(avgPool1d(x, 3, { stride: 2, padding: 1, countIncludePad: false }).toArray()).toEqual(
      avgPool2d(image, [1, 3], { stride: [1, 2], padding: [0, 1], countIncludePad: false }).toArray(),
    );
  });

  test("NaN goes through, and padding does not win over negative numbers", () => {
    const x = tensor([-3, nan, -2, -1, -5, -4, -8, -9, -7], { shape: [1, 3, 3] });
    expect([...maxPool2d(x, 2, { stride: 1 }).toArray()]).toEqual([nan, nan, -1, -4]);
    expect([...maxPool2d(x, 2, { padding: 1 }).toArray()]).toEqual([-3, nan, -1, -4]);
    expect([...avgPool2d(x, 2, { stride: 1 }).toArray()]).toEqual([nan, nan, -5.75, -6.25]);
  });

  test("a window between whose elements the input falls through is -Infinity, and has no gradient", () => {
    const x = tensor([5, 6], { shape: [1, 1, 2], requiresGrad: true });
    const y = maxPool2d(x, [2, 1], { padding: [1, 0], dilation: [2, 1] });
    expect([...y.toArray()]).toEqual([Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    expect([...grad(sum(y), [x])[0]!.toArray()]).toEqual([0, 0]);
  });
});

describe("gradients", () => {
  test.each([
    ["equal elements: the first", [1, 1, 1, 1], [1, 0, 0, 0]],
    ["the first of the largest", [0, 2, 2, 1], [0, 1, 0, 0]],
    ["NaN: the last", [0, nan, nan, 1], [0, 0, 1, 0]],
    ["all -Infinity: the first", new Array(4).fill(Number.NEGATIVE_INFINITY), [1, 0, 0, 0]],
  ])("%s", (_name, values, expected) => {
    for (const dtype of ["float32", "float64"] as const) {
      // Twice, so that vectors and single windows are seen.
      for (const copies of [1, 5]) {
        const rows = [values.slice(0, 2), values.slice(2)].flatMap((row) =>
          new Array(copies).fill(row).flat(),
        );
        const x = tensor(rows, { dtype, shape: [1, 2, 2 * copies], requiresGrad: true });
        const [dx] = grad(sum(maxPool2d(x, 2)), [x]);
        const found = [...dx!.toArray()];
        expect([...found.slice(0, 2), ...found.slice(2 * copies, 2 * copies + 2)]).toEqual(expected);
        expect([...found.slice(2 * copies - 2, 2 * copies), ...found.slice(-2)]).toEqual(expected);
      }
    }
  });

  test("windows that share their maximum add up", () => {
    const x = tensor([1, 2, 9, 3, 4], { shape: [1, 5], requiresGrad: true });
    const y = maxPool1d(x, 3, { stride: 1 });
    expect([...grad(sum(mul(y, tensor([1, 10, 100]))), [x])[0]!.toArray()]).toEqual([0, 0, 111, 0, 0]);
  });

  test.each<[string, (x: Tensor) => Tensor, number[]]>([
    ["maxPool2d", (x) => maxPool2d(x, 2), [2, 2, 4, 5]],
    [
      "maxPool2d with everything",
      (x) => maxPool2d(x, [3, 2], { stride: [1, 2], padding: 1, dilation: [1, 2], ceilMode: true }),
      [1, 2, 4, 6],
    ],
    [
      "maxPool2d, squared",
      (x) => {
        const y = maxPool2d(x, 2, { stride: 1 });
        return mul(y, y);
      },
      [1, 2, 3, 4],
    ],
    ["maxPool2d of a view", (x) => maxPool2d(permute(x, [2, 1, 0]), 2), [4, 3, 2]],
    ["maxPool1d", (x) => maxPool1d(x, 2, { stride: 1 }), [2, 5]],
    ["avgPool2d", (x) => avgPool2d(x, 2), [2, 2, 4, 5]],
    [
      "avgPool2d with everything",
      (x) => avgPool2d(x, [3, 2], { stride: [1, 2], padding: 1, ceilMode: true, countIncludePad: false }),
      [1, 2, 4, 6],
    ],
    [
      "avgPool2d, squared",
      (x) => {
        const y = avgPool2d(x, 2, { padding: 1 });
        return mul(y, y);
      },
      [1, 2, 3, 4],
    ],
    ["avgPool2d of a view", (x) => avgPool2d(permute(x, [2, 1, 0]), 2, { divisorOverride: 3 }), [4, 3, 2]],
    ["avgPool1d", (x) => avgPool1d(x, 2, { stride: 1 }), [2, 5]],
    ["adaptiveAvgPool2d", (x) => adaptiveAvgPool2d(x, [2, 3]), [2, 5, 7]],
    ["adaptiveAvgPool2d, evenly", (x) => adaptiveAvgPool2d(x, [2, 3]), [2, 4, 6]],
    [
      "adaptiveAvgPool2d, squared",
      (x) => {
        const y = adaptiveAvgPool2d(x, [3, 2]);
        return mul(y, y);
      },
      [1, 4, 3],
    ],
    ["adaptiveAvgPool2d to 1", (x) => adaptiveAvgPool2d(x, 1), [2, 3, 4]],
  ])("%s, to the second order", (name, f, shape) => {
    checkGrad(f, [numbers(shape, 1, "float64")], { order: 2, name });
  });
});

test("the places of maxima go with the graph, or at once", () => {
  const x = numbers([2, 3, 8, 8]);
  const live = () => heap().arena.live;
  const before = live();
  const y = maxPool2d(x, 2);
  y.dispose();
  expect(live()).toBe(before);
  x.requiresGrad = true;
  const loss = sum(maxPool2d(x, 2));
  backward(loss);
  loss.dispose();
  x.grad!.dispose();
  expect(live()).toBe(before);
});

const x = (...shape: number[]) => ones(shape);

test.each<[message: string, type: typeof ShapeError, call: () => unknown]>([
  ["maxPool2d: x has shape [4,4], expected [n,c,h,w] or [c,h,w]", ShapeError, () => maxPool2d(x(4, 4), 2)],
  ["avgPool1d: x has shape [4], expected [n,c,l] or [c,l]", ShapeError, () => avgPool1d(x(4), 2)],
  [
    "maxPool2d: a kernel that spans [5,5] does not fit the padded input [4,4]; use a smaller kernel",
    ShapeError,
    () => maxPool2d(x(1, 4, 4), 3, { dilation: 2 }),
  ],
  [
    "avgPool2d: x has shape [1,0,4,4], expected all sizes but that of the batch",
    ShapeError,
    () => avgPool2d(x(1, 0, 4, 4), 2),
  ],
  ["adaptiveAvgPool2d: x has shape [1,1,0,4]", ShapeError, () => adaptiveAvgPool2d(x(1, 1, 0, 4), 1)],
  [
    "maxPool2d: padding [2,1] is more than half of the window, which spans [3,3]",
    ValueError,
    () => maxPool2d(x(1, 4, 4), 3, { padding: [2, 1] }),
  ],
  ["maxPool2d: kernelSize is [0], expected an integer from 1 on", ValueError, () => maxPool2d(x(1, 4, 4), 0)],
  ["avgPool2d: stride is [1,0], expected", ValueError, () => avgPool2d(x(1, 4, 4), 2, { stride: [1, 0] })],
  ["maxPool1d: dilation is [1,0.5], expected", ValueError, () => maxPool1d(x(1, 4), 2, { dilation: 0.5 })],
  [
    "avgPool2d: divisorOverride is 0, expected an integer other than 0",
    ValueError,
    () => avgPool2d(x(1, 4, 4), 2, { divisorOverride: 0 }),
  ],
  ["adaptiveAvgPool2d: outputSize is [0], expected", ValueError, () => adaptiveAvgPool2d(x(1, 4, 4), 0)],
  [
    "maxPool2d: x is int32, expected float32 or float64",
    DTypeError,
    () => maxPool2d(ones([1, 4, 4], { dtype: "int32" }), 2),
  ],
  ["avgPool1d: x is uint8, expected", DTypeError, () => avgPool1d(ones([1, 4], { dtype: "uint8" }), 2)],
])("refused: %s", (message, type, call) => {
  ones([1]); // The kernels take their packing buffer with the first tensor.
  const before = heap().arena.live;
  expect(() => scope(call)).toThrow(type);
  expect(() => scope(call)).toThrow(message);
  expect(heap().arena.live).toBe(before);
});
