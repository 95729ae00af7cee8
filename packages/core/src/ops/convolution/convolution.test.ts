// Convolutions against their definition, over random sizes, options and views; their gradients and those of these. All
// ways to compute them agree, and a sample's result does not depend on the batch.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { grad } from "../../autograd/tape.ts";
import { DTypeError, ShapeError, ValueError } from "../../errors.ts";
import { heap } from "../../memory/heap.ts";
import { scope } from "../../scope.ts";
import { sizeOf } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { checkGrad } from "../../testing.ts";
import { ones, tensor } from "../create/create.ts";
import { cat, flip, mul, narrow, permute, reshape, sum } from "../index.ts";
import type { Conv2dOptions } from "./convolution.ts";
import { conv1d, conv2d } from "./convolution.ts";

/** Multiples of 1/4 in ±2: sums of a few hundred products of them are exact, in any order. */
function numbers(shape: readonly number[], seed: number, dtype: "float32" | "float64" = "float32"): Tensor {
  const values = Array.from({ length: sizeOf(shape) }, (_, i) => (((i + seed) * 7919) % 17) / 4 - 2);
  return tensor(values, { dtype, shape });
}

interface Definition {
  stride: readonly [number, number];
  before: readonly [number, number];
  after: readonly [number, number];
  dilation: readonly [number, number];
  groups: number;
}

/** `y[n,o,i,j] = bias[o] + sum over c, a, b` of weights and what lies under them, zeros outside. */
function define(x: Tensor, weight: Tensor, bias: Tensor | null, options: Definition) {
  const { stride, before, after, dilation, groups } = options;
  const [n, , h, w] = x.shape as [number, number, number, number];
  const [outputs, c, kh, kw] = weight.shape as [number, number, number, number];
  const [xs, ws] = [x.toArray(), weight.toArray()];
  const count = (axis: 0 | 1, length: number, size: number) =>
    Math.floor((length + before[axis] + after[axis] - dilation[axis] * (size - 1) - 1) / stride[axis]) + 1;
  const [oh, ow] = [count(0, h, kh), count(1, w, kw)];
  const values: number[] = [];
  for (let s = 0; s < n; s++) {
    for (let o = 0; o < outputs; o++) {
      const group = Math.floor(o / (outputs / groups));
      for (let i = 0; i < oh; i++) {
        for (let j = 0; j < ow; j++) {
          let y = bias ? bias.toArray()[o]! : 0;
          for (let channel = 0; channel < c; channel++) {
            for (let a = 0; a < kh; a++) {
              for (let b = 0; b < kw; b++) {
                const row = i * stride[0] - before[0] + a * dilation[0];
                const col = j * stride[1] - before[1] + b * dilation[1];
                if (row < 0 || row >= h || col < 0 || col >= w) continue;
                const place = ((s * c * groups + group * c + channel) * h + row) * w + col;
                y += ws[((o * c + channel) * kh + a) * kw + b]! * xs[place]!;
              }
            }
          }
          values.push(y);
        }
      }
    }
  }
  return { shape: [n, outputs, oh, ow], values };
}

const pair = (least: number, most: number) =>
  fc.tuple(fc.integer({ min: least, max: most }), fc.integer({ min: least, max: most }));

const anyConvolution = fc
  .record({
    n: fc.integer({ min: 0, max: 6 }),
    c: fc.integer({ min: 1, max: 3 }),
    o: fc.integer({ min: 1, max: 5 }),
    groups: fc.integer({ min: 1, max: 3 }),
    kernel: pair(1, 4),
    stride: pair(1, 3),
    padding: pair(0, 3),
    dilation: pair(1, 3),
    room: pair(0, 8),
    bias: fc.boolean(),
    view: fc.boolean(),
    dtype: fc.constantFrom("float32" as const, "float64" as const),
  })
  .map(({ n, c, o, groups, kernel, padding, dilation, room, ...rest }) => {
    const length = (axis: 0 | 1) =>
      Math.max(1, dilation[axis] * (kernel[axis] - 1) + 1 - 2 * padding[axis]) + room[axis];
    return {
      ...rest,
      groups,
      padding,
      dilation,
      x: [n, c * groups, length(0), length(1)],
      weight: [o * groups, c, ...kernel],
    };
  });

test("conv2d is its definition", () => {
  const body = (drawn: typeof anyConvolution extends fc.Arbitrary<infer T> ? T : never) =>
    scope(() => {
      const { stride, padding, dilation, groups, dtype, view } = drawn;
      // As views: the axes of x laid out the other way round, the weight backwards.
      const turned = permute(numbers(drawn.x.toReversed(), 1, dtype), [3, 2, 1, 0]);
      const x = view ? turned : numbers(drawn.x, 1, dtype);
      const weight = view ? flip(numbers(drawn.weight, 2, dtype), [2, 3]) : numbers(drawn.weight, 2, dtype);
      const bias = drawn.bias ? numbers([drawn.weight[0]!], 3, dtype) : null;
      const y = conv2d(x, weight, bias, { stride, padding, dilation, groups });
      const expected = define(x, weight, bias, { stride, before: padding, after: padding, dilation, groups });
      expect(y.shape).toEqual(expected.shape);
      expect([...y.toArray()]).toEqual(expected.values.map((value) => value + 0));
    });
  fc.assert(fc.property(anyConvolution, body), { seed: 1, numRuns: 300 });
});

/** Sizes that are computed in other ways than by the direct kernels, and what they are with fewer channels. */
const ways: [name: string, x: number[], weight: number[], options: Conv2dOptions][] = [
  ["1×1", [3, 6, 4, 5], [8, 3, 1, 1], { groups: 2 }],
  ["1×1 that is moved by 2", [2, 3, 5, 5], [4, 3, 1, 1], { stride: 2 }],
  ["1×1 with padding", [2, 3, 3, 3], [4, 3, 1, 1], { padding: 1 }],
  ["the whole input", [5, 3, 4, 6], [7, 3, 4, 6], {}],
  ["many channels", [2, 64, 5, 6], [64, 64, 3, 3], { padding: 1 }],
  ["many channels, in blocks of rows", [1, 64, 32, 32], [64, 64, 3, 3], { padding: [1, 0] }],
  ["few channels of a large image", [1, 16, 2, 120_000], [1, 16, 1, 2], { stride: [1, 2], padding: [1, 0] }],
  [
    "many channels, with stride, dilation, groups",
    [2, 128, 9, 8],
    [128, 64, 3, 3],
    { stride: 2, padding: 2, dilation: 2, groups: 2 },
  ],
];

const both = (value: number | readonly [number, number] | undefined, fallback: number) =>
  typeof value === "object" ? value : ([value ?? fallback, value ?? fallback] as const);

describe.each(ways)("%s", (_name, xShape, weightShape, options) => {
  const definition = {
    stride: both(options.stride as number, 1),
    before: both(options.padding as number, 0),
    after: both(options.padding as number, 0),
    dilation: both(options.dilation as number, 1),
    groups: options.groups ?? 1,
  };

  test("has the defined values", () =>
    scope(() => {
      const [x, weight] = [numbers(xShape, 1), numbers(weightShape, 2)];
      for (const bias of [null, numbers([weightShape[0]!], 3)]) {
        const expected = define(x, weight, bias, definition);
        const y = conv2d(x, weight, bias, options);
        expect(y.shape).toEqual(expected.shape);
        expect([...y.toArray()]).toEqual(expected.values.map((value) => value + 0));
      }
    }));

  // The sums are linear in each operand, so each product of gradient and operand is the sum itself.
  test("has gradients that fit it", () =>
    scope(() => {
      const [x, weight, bias] = [numbers(xShape, 1), numbers(weightShape, 2), numbers([weightShape[0]!], 3)];
      for (const operand of [x, weight, bias]) operand.requiresGrad = true;
      const expected = define(x, weight, null, definition);
      const y = conv2d(x, weight, bias, options);
      const dy = numbers(expected.shape, 4);
      const [dx, dweight, dbias] = grad(sum(mul(y, dy)), [x, weight, bias]) as [Tensor, Tensor, Tensor];
      const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
        Array.from(a).reduce((total, value, i) => total + value * b[i]!, 0);
      const products = dot(expected.values, dy.toArray());
      // float32 sums of thousands of products are rounded; none of these is near 0.
      expect(dot(dx.toArray(), x.toArray()) / products).toBeCloseTo(1, 4);
      expect(dot(dweight.toArray(), weight.toArray()) / products).toBeCloseTo(1, 4);
      expect([...dbias.toArray()]).toEqual([...sum(dy, [0, 2, 3]).toArray()]);
    }));
});

test("a sample's result and the gradient of its input are the same bits in any batch", () => {
  for (const [name, xShape, weightShape, options] of ways) {
    if (name.includes("large")) continue;
    scope(() => {
      const weight = mul(numbers(weightShape, 2), 0.1);
      const samples = Array.from({ length: 6 }, (_, i) => mul(numbers([1, ...xShape.slice(1)], i), 0.1));
      const run = (x: Tensor) => {
        x.requiresGrad = true;
        const y = conv2d(x, weight, null, options);
        const [dx] = grad(sum(mul(y, y)), [x], { retainGraph: true });
        return [y, dx!];
      };
      const together = run(cat(samples));
      samples.forEach((sample, i) => {
        const alone = run(sample);
        alone.forEach((part, j) => {
          expect(part.toArray()).toEqual(narrow(together[j]!, 0, i, 1).toArray());
        });
      });
    });
  }
});

describe("padding", () => {
  test.each([
    [3, 1],
    [4, 1],
    [2, 1],
    [4, 3],
    [1, 2],
  ])("same, kernel %i, dilation %i: the odd zero comes last", (size, dilation) => {
    const [x, weight] = [numbers([2, 1, 7, 6], 1), numbers([1, 1, size, size], 2)];
    const total = dilation * (size - 1);
    const before = [Math.floor(total / 2), Math.floor(total / 2)] as const;
    const after = [Math.ceil(total / 2), Math.ceil(total / 2)] as const;
    const y = conv2d(x, weight, null, { padding: "same", dilation });
    const expected = define(x, weight, null, {
      stride: [1, 1],
      before,
      after,
      dilation: [dilation, dilation],
      groups: 1,
    });
    expect(y.shape).toEqual(x.shape);
    expect([...y.toArray()]).toEqual(expected.values.map((value) => value + 0));
  });

  test("valid is none", () => {
    const [x, weight] = [numbers([1, 2, 5, 5], 1), numbers([3, 2, 3, 3], 2)];
    expect(conv2d(x, weight, null, { padding: "valid" }).toArray()).toEqual(conv2d(x, weight).toArray());
  });
});

describe("shapes", () => {
  test("conv1d is conv2d of one row", () => {
    const [x, weight, bias] = [numbers([3, 4, 11], 1), numbers([6, 2, 3], 2), numbers([6], 3)];
    const options = { stride: 2, padding: 1, dilation: 2, groups: 2 };
    const flat = conv2d(reshape(x, [3, 4, 1, 11]), reshape(weight, [6, 2, 1, 3]), bias, {
      stride: [1, 2],
      padding: [0, 1],
      dilation: [1, 2],
      groups: 2,
    });
    const y = conv1d(x, weight, bias, options);
    expect(y.shape).toEqual([3, 6, 5]);
    expect(y.toArray()).toEqual(flat.toArray());
    expect(conv1d(x, weight, null, { padding: "same", groups: 2 }).shape).toEqual([3, 6, 11]);
  });

  test("without a batch axis", () => {
    const [x, weight] = [numbers([2, 5, 6], 1), numbers([3, 2, 2, 2], 2)];
    const y = conv2d(x, weight);
    expect(y.shape).toEqual([3, 4, 5]);
    expect(y.toArray()).toEqual(conv2d(reshape(x, [1, 2, 5, 6]), weight).toArray());
    expect(conv1d(numbers([2, 5], 1), numbers([3, 2, 2], 2)).shape).toEqual([3, 4]);
  });

  test("an empty batch has a gradient of 0", () => {
    const weight = ones([3, 2, 2, 2], { requiresGrad: true });
    const y = conv2d(ones([0, 2, 4, 4]), weight);
    expect(y.shape).toEqual([0, 3, 3, 3]);
    const [dweight] = grad(sum(y), [weight]);
    expect([...dweight!.toArray()]).toEqual(new Array(24).fill(0));
  });
});

describe("gradients, to the second order", () => {
  const options: [name: string, x: number[], weight: number[], options: Conv2dOptions][] = [
    ["plain", [2, 2, 4, 5], [3, 2, 2, 3], {}],
    ["padding", [1, 2, 3, 3], [2, 2, 3, 3], { padding: 1 }],
    ["padding wider than the kernel", [1, 1, 2, 3], [2, 1, 2, 1], { padding: [2, 3] }],
    ["stride", [2, 1, 6, 5], [2, 1, 3, 2], { stride: [2, 3] }],
    ["a stride that skips input", [1, 2, 5, 6], [2, 2, 1, 2], { stride: 3 }],
    ["dilation", [1, 2, 6, 5], [2, 2, 2, 2], { dilation: [3, 2] }],
    ["stride, padding, dilation", [2, 1, 7, 6], [1, 1, 3, 2], { stride: 2, padding: 2, dilation: [2, 3] }],
    ["groups", [2, 4, 4, 3], [6, 2, 2, 2], { groups: 2, padding: 1 }],
    ["a channel each", [1, 3, 4, 4], [3, 1, 3, 3], { groups: 3, stride: 2, padding: 1 }],
    ["same", [1, 1, 4, 3], [1, 1, 2, 2], { padding: "same" }],
    ["1×1", [2, 3, 2, 2], [4, 3, 1, 1], {}],
    ["the whole input", [2, 2, 3, 2], [3, 2, 3, 2], {}],
  ];
  test.each(options)("%s", (_name, x, weight, rest) => {
    const inputs = [
      numbers(x, 1, "float64"),
      numbers(weight, 2, "float64"),
      numbers([weight[0]!], 3, "float64"),
    ];
    checkGrad((a, b, c) => conv2d(a, b, c, rest), inputs, { order: 2 });
  });

  test("views, without bias", () => {
    const inputs = [
      permute(numbers([4, 3, 2, 1], 1, "float64"), [3, 2, 1, 0]),
      permute(numbers([2, 2, 3, 2], 2, "float64"), [2, 3, 0, 1]),
    ];
    checkGrad((a, b) => conv2d(a, b), inputs, { order: 2 });
  });

  test("conv1d", () => {
    const inputs = [
      numbers([2, 2, 6], 1, "float64"),
      numbers([2, 1, 3], 2, "float64"),
      numbers([2], 3, "float64"),
    ];
    checkGrad((a, b, c) => conv1d(a, b, c, { groups: 2, stride: 2, padding: 1 }), inputs, { order: 2 });
  });
});

const x = (...shape: number[]) => ones(shape);

test.each<[message: string, type: typeof ShapeError, call: () => unknown]>([
  [
    "conv2d: x has shape [4,4], expected [n,c,h,w] or [c,h,w]",
    ShapeError,
    () => conv2d(x(4, 4), x(1, 1, 2, 2)),
  ],
  ["conv1d: x has shape [4], expected [n,c,l] or [c,l]", ShapeError, () => conv1d(x(4), x(1, 1, 2))],
  [
    "conv2d: weight has shape [3,2,2], expected [out,in/groups,kh,kw]",
    ShapeError,
    () => conv2d(x(1, 2, 4, 4), x(3, 2, 2)),
  ],
  [
    "conv1d: weight has shape [3,2,2,2], expected [out,in/groups,k]",
    ShapeError,
    () => conv1d(x(1, 2, 4), x(3, 2, 2, 2)),
  ],
  [
    "conv2d: a kernel that spans [7,1] does not fit the padded input [6,6]; use a smaller kernel",
    ShapeError,
    () => conv2d(x(1, 1, 4, 4), x(1, 1, 4, 1), null, { padding: 1, dilation: 2 }),
  ],
  [
    "conv2d: x has 3 channels in 1 groups, but weight [5,2,2,2] expects 2 per group",
    ShapeError,
    () => conv2d(x(1, 3, 4, 4), x(5, 2, 2, 2)),
  ],
  [
    "conv2d: 3 channels of x and 4 of weight cannot be divided into 2 groups",
    ShapeError,
    () => conv2d(x(1, 3, 4, 4), x(4, 1, 2, 2), null, { groups: 2 }),
  ],
  [
    "conv2d: 4 channels of x and 3 of weight cannot be divided into 2 groups",
    ShapeError,
    () => conv2d(x(1, 4, 4, 4), x(3, 2, 2, 2), null, { groups: 2 }),
  ],
  ["conv2d: bias has shape [3], expected [2]", ShapeError, () => conv2d(x(1, 1, 4, 4), x(2, 1, 2, 2), x(3))],
  ["conv2d: x has 0 channels in 1 groups", ShapeError, () => conv2d(x(1, 0, 4, 4), x(2, 0, 2, 2))],
  [
    "conv2d: groups is 0, expected a positive integer",
    ValueError,
    () => conv2d(x(1, 1, 4, 4), x(1, 1, 2, 2), null, { groups: 0 }),
  ],
  [
    "conv2d: the kernel's size is [0,2], expected an integer from 1 on",
    ValueError,
    () => conv2d(x(1, 1, 4, 4), x(1, 1, 0, 2)),
  ],
  [
    "conv2d: stride is [0], expected an integer from 1 on",
    ValueError,
    () => conv2d(x(1, 1, 4, 4), x(1, 1, 2, 2), null, { stride: 0 }),
  ],
  [
    "conv2d: padding is [1,-1], expected",
    ValueError,
    () => conv2d(x(1, 1, 4, 4), x(1, 1, 2, 2), null, { padding: [1, -1] }),
  ],
  [
    "conv1d: dilation is [1,1.5], expected",
    ValueError,
    () => conv1d(x(1, 1, 4), x(1, 1, 2), null, { dilation: 1.5 }),
  ],
  [
    'conv2d: padding "same" with stride [1,2]; it needs stride 1',
    ValueError,
    () => conv2d(x(1, 1, 4, 4), x(1, 1, 2, 2), null, { padding: "same", stride: [1, 2] }),
  ],
  [
    "conv2d: got float32 and float64, expected one dtype",
    DTypeError,
    () => conv2d(x(1, 1, 4, 4), ones([1, 1, 2, 2], { dtype: "float64" })),
  ],
  [
    "conv2d: x is int32, expected float32 or float64",
    DTypeError,
    () => conv2d(ones([1, 1, 4, 4], { dtype: "int32" }), ones([1, 1, 2, 2], { dtype: "int32" })),
  ],
])("refused: %s", (message, type, call) => {
  ones([1]); // The kernels take their packing buffer with the first tensor.
  const before = heap().arena.live;
  expect(() => scope(call)).toThrow(type);
  expect(() => scope(call)).toThrow(message);
  expect(heap().arena.live).toBe(before);
});
