// layerNorm, rmsNorm, batchNorm and groupNorm against their definitions, and their gradients.
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { backward, grad } from "../../autograd/tape.ts";
import { heap } from "../../memory/heap.ts";
import { manualSeed } from "../../random.ts";
import type { Shape } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { checkGrad } from "../../testing.ts";
import { mul } from "../arithmetic/arithmetic.ts";
import { cast } from "../create/cast.ts";
import { ones, randn, tensor, zeros } from "../create/create.ts";
import { sum } from "../shape/broadcast.ts";
import { permute, transpose } from "../shape/shape.ts";
import { batchNorm, groupNorm } from "./batch-norm.ts";
import { layerNorm, rmsNorm } from "./row-norm.ts";

const double = { dtype: "float64" } as const;
const draw = (...shape: number[]) => randn(shape, double);

/** The elements of `x` normalized in classes: `classOf` gives the class of an element from its indices. */
function normalizedByClass(x: Tensor, classOf: (index: number[]) => string, eps: number, centered = true) {
  const values = x.toArray();
  const keys = Array.from(values, (_, place) => classOf(indices(x.shape, place)));
  const classes = new Map<string, number[]>();
  keys.forEach((key, place) => {
    classes.set(key, [...(classes.get(key) ?? []), values[place]!]);
  });
  return Array.from(values, (value, place) => {
    const members = classes.get(keys[place]!)!;
    const mean = centered ? members.reduce((a, b) => a + b) / members.length : 0;
    const variance = members.reduce((a, b) => a + (b - mean) ** 2, 0) / members.length;
    return (value - mean) / Math.sqrt(variance + eps);
  });
}

function indices(shape: Shape, place: number): number[] {
  return shape.map((length, axis) => {
    const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
    return Math.floor(place / inner) % length;
  });
}

function expectClose(actual: Tensor, expected: readonly number[], tolerance = 1e-10): void {
  const values = actual.toArray();
  expect(values.length).toBe(expected.length);
  expected.forEach((value, i) => {
    if (!(Math.abs(values[i]! - value) <= tolerance * Math.max(1, Math.abs(value)))) {
      expect(values[i], `element ${i}`).toBe(value);
    }
  });
}

beforeEach(() => manualSeed(1));

describe("layerNorm and rmsNorm", () => {
  const shapes = fc
    .tuple(fc.integer({ min: 0, max: 3 }), fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }))
    .filter(([, axes]) => axes.length <= 3);

  test("are their definition over any last axes, also of views", () => {
    fc.assert(
      fc.property(shapes, fc.boolean(), fc.boolean(), ([lead, axes], centered, view) => {
        const shape = [...axes, ...Array(lead).fill(2)];
        const straight = draw(...shape);
        const x = view && straight.rank > 1 ? transpose(straight, 0, -1) : straight;
        const last = x.shape.slice(-Math.max(1, lead));
        const weight = draw(...last);
        const bias = draw(...last);
        const n = normalizedByClass(x, (index) => String(index.slice(0, -last.length)), 1e-3, centered);
        const [w, b] = [weight.toArray(), bias.toArray()];
        const y = centered
          ? layerNorm(x, last, { weight, bias, eps: 1e-3 })
          : rmsNorm(x, last, { weight, eps: 1e-3 });
        expectClose(
          y,
          n.map((value, i) => value * w[i % w.length]! + (centered ? b[i % b.length]! : 0)),
        );
        const bare = centered ? layerNorm(x, last, { eps: 1e-3 }) : rmsNorm(x, last, { eps: 1e-3 });
        expectClose(bare, n);
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  test("default eps is PyTorch's", () => {
    const x = tensor([0.01, -0.01], double);
    expectClose(layerNorm(x, 2), [0.01 / Math.sqrt(1e-4 + 1e-5), -0.01 / Math.sqrt(1e-4 + 1e-5)]);
    const tiny = tensor([1e-4, -1e-4]);
    const scale = Math.sqrt(1e-8 + 1.1920928955078125e-7);
    expectClose(rmsNorm(tiny, 2), [1e-4 / scale, -1e-4 / scale], 1e-6);
    expectClose(rmsNorm(cast(tiny, "float64"), 2), [1, -1], 1e-6);
  });

  test("float32 is close to float64", () => {
    const x = draw(7, 130);
    const [weight, bias] = [draw(130), draw(130)];
    const single = (t: Tensor) => cast(t, "float32");
    const options = { weight, bias };
    const expected = Array.from(layerNorm(x, 130, options).toArray());
    expectClose(layerNorm(single(x), 130, { weight: single(weight), bias: single(bias) }), expected, 3e-6);
  });

  const options = (weight?: Tensor, bias?: Tensor) => ({ ...(weight && { weight }), ...(bias && { bias }) });
  const cases: [string, (...inputs: Tensor[]) => Tensor, () => Tensor[]][] = [
    [
      "layerNorm",
      (x, weight, bias) => layerNorm(x!, 5, options(weight, bias)),
      () => [draw(3, 5), draw(5), draw(5)],
    ],
    [
      "layerNorm, no bias",
      (x, weight) => layerNorm(x!, [2, 3], options(weight)),
      () => [draw(4, 2, 3), draw(2, 3)],
    ],
    [
      "layerNorm, no weight",
      (x, bias) => layerNorm(x!, 4, options(undefined, bias)),
      () => [draw(2, 4), draw(4)],
    ],
    ["layerNorm, bare", (x) => layerNorm(x!, 4), () => [draw(2, 4)]],
    ["layerNorm of a view", (x, w) => layerNorm(transpose(x!), 3, options(w)), () => [draw(3, 4), draw(3)]],
    ["rmsNorm", (x, weight) => rmsNorm(x!, 5, { weight: weight! }), () => [draw(3, 5), draw(5)]],
    ["rmsNorm, bare", (x) => rmsNorm(x!, [5]), () => [draw(3, 5)]],
  ];
  test.each(cases)("gradients of %s, once and twice", (name, f, inputs) => {
    const once = inputs();
    checkGrad(f, once, { name });
    checkGrad(
      (...all) => {
        const loss = sum(mul(f(...all), mul(f(...all), f(...all))));
        const gradients = grad(loss, all, { createGraph: true }) as Tensor[];
        manualSeed(5);
        return gradients.map((g) => sum(mul(g, draw(...g.shape)))).reduce((a, b) => mul(a, b));
      },
      once,
      { name, tolerance: 1e-5 },
    );
  });

  test("an empty batch has an empty result, and weights without gradient", () => {
    const weight = ones([4], { requiresGrad: true });
    const y = layerNorm(zeros([0, 4]), 4, { weight });
    expect(y.shape).toEqual([0, 4]);
    backward(sum(y));
    expect(Array.from(weight.grad!.toArray())).toEqual([0, 0, 0, 0]);
  });

  test("errors", () => {
    expect(() => layerNorm(ones([2, 3]), 4)).toThrow(/^layerNorm: x has shape \[2,3\], expected .* \[4\]/);
    expect(() => layerNorm(ones([2, 0]), 0)).toThrow(/^layerNorm: .*not empty/);
    expect(() => rmsNorm(ones([3]), [])).toThrow(/^rmsNorm: /);
    expect(() => layerNorm(ones([2, 3]), 3, { weight: ones([2]) })).toThrow(/weight or bias has shape \[2\]/);
    expect(() => layerNorm(ones([3], { dtype: "int32" }), 3)).toThrow(/^layerNorm: x is int32/);
    expect(() => rmsNorm(ones([3]), 3, { weight: ones([3], double) })).toThrow(
      /^rmsNorm: got float32 and float64/,
    );
  });
});

describe("batchNorm and groupNorm", () => {
  const shapes: Shape[] = [
    [4, 3],
    [2, 3, 5],
    [2, 4, 3, 2],
    [1, 2, 2],
  ];

  test("batchNorm is its definition", () => {
    for (const shape of shapes) {
      const channels = shape[1]!;
      for (const x of [draw(...shape), transpose(draw(channels, shape[0]!, ...shape.slice(2)), 0, 1)]) {
        const [weight, bias] = [draw(channels), draw(channels)];
        const n = normalizedByClass(x, (index) => String(index[1]), 1e-5);
        expectClose(batchNorm(x, { training: true }), n);
        const y = batchNorm(x, { weight, bias });
        const channel = (place: number) => indices(shape, place)[1]!;
        expectClose(
          y,
          n.map((value, i) => value * weight.toArray()[channel(i)]! + bias.toArray()[channel(i)]!),
        );
      }
    }
  });

  test("running estimates follow the mean and the unbiased variance, and are used in evaluation", () => {
    const runningMean = tensor([1, 2], double);
    const runningVar = tensor([3, 4], double);
    const x = tensor(
      [
        [1, 5],
        [2, 5],
        [6, 8],
      ],
      double,
    );
    batchNorm(x, { training: true, runningMean, runningVar });
    expectClose(runningMean, [0.9 + 0.1 * 3, 1.8 + 0.1 * 6]);
    expectClose(runningVar, [2.7 + 0.1 * 7, 3.6 + 0.1 * 3]);
    batchNorm(x, { training: true, runningMean, runningVar, momentum: 1 });
    expectClose(runningMean, [3, 6]);
    const y = batchNorm(x, { runningMean, runningVar, weight: tensor([2, 3], double) });
    expectClose(
      y,
      [-2, -1, 3].flatMap((d, i) => [
        (2 * d) / Math.sqrt(7 + 1e-5),
        (3 * [-1, -1, 2][i]!) / Math.sqrt(3 + 1e-5),
      ]),
    );
    expectClose(runningMean, [3, 6]);
  });

  test("groupNorm is its definition", () => {
    for (const [shape, groups] of [
      [[2, 6], 3],
      [[3, 4, 5], 2],
      [[2, 4, 2, 3], 1],
      [[2, 4, 2, 3], 4],
    ] as const) {
      const x = draw(...shape);
      const size = shape[1]! / groups;
      const n = normalizedByClass(x, ([sample, channel]) => `${sample},${Math.floor(channel! / size)}`, 1e-5);
      expectClose(groupNorm(x, groups), n);
      const weight = draw(shape[1]!);
      const bias = draw(shape[1]!);
      const channel = (place: number) => indices(shape, place)[1]!;
      const [w, b] = [weight.toArray(), bias.toArray()];
      expectClose(
        groupNorm(x, groups, { weight, bias }),
        n.map((v, i) => v * w[channel(i)]! + b[channel(i)]!),
      );
      expectClose(
        groupNorm(x, groups, { bias }),
        n.map((v, i) => v + b[channel(i)]!),
      );
    }
  });

  const training = { training: true };
  const running = {
    runningMean: tensor([0.1, 0.2], double).keep(),
    runningVar: tensor([2, 3], double).keep(),
  };
  const cases: [string, (...inputs: Tensor[]) => Tensor, () => Tensor[]][] = [
    [
      "batchNorm",
      (x, weight, bias) => batchNorm(x!, { ...training, weight: weight!, bias: bias! }),
      () => [draw(3, 2, 2), draw(2), draw(2)],
    ],
    [
      "batchNorm 1d",
      (x, weight) => batchNorm(x!, { ...training, weight: weight! }),
      () => [draw(4, 2), draw(2)],
    ],
    ["batchNorm, bare", (x) => batchNorm(permute(x!, [1, 0, 2]), training), () => [draw(2, 3, 2)]],
    [
      "batchNorm, no weight",
      (x, bias) => batchNorm(x!, { ...training, bias: bias! }),
      () => [draw(3, 2), draw(2)],
    ],
    [
      "batchNorm in evaluation",
      (x, weight, bias) => batchNorm(x!, { ...running, weight: weight!, bias: bias! }),
      () => [draw(3, 2, 2), draw(2), draw(2)],
    ],
    [
      "groupNorm",
      (x, weight, bias) => groupNorm(x!, 2, { weight: weight!, bias: bias! }),
      () => [draw(2, 4, 2), draw(4), draw(4)],
    ],
  ];
  test.each(cases)("gradients of %s, once and twice", (name, f, inputs) => {
    const once = inputs();
    checkGrad(f, once, { name });
    checkGrad(
      (...all) => {
        const loss = sum(mul(f(...all), mul(f(...all), f(...all))));
        const gradients = grad(loss, all, { createGraph: true }) as Tensor[];
        manualSeed(5);
        return gradients.map((g) => sum(mul(g, draw(...g.shape)))).reduce((a, b) => mul(a, b));
      },
      once,
      { name, tolerance: 1e-5 },
    );
  });

  test("the moments go with the graph", () => {
    const x = randn([64, 32], { requiresGrad: true });
    const step = () => {
      const loss = sum(batchNorm(x, { training: true }));
      backward(loss);
      loss.dispose();
    };
    step();
    const before = heap().arena.live;
    step();
    expect(heap().arena.live).toBe(before);
  });

  test("errors", () => {
    expect(() => batchNorm(ones([1, 3]), training)).toThrow(/^batchNorm: .*1 values per channel/);
    expect(() => batchNorm(ones([0, 3]), training)).toThrow(/^batchNorm: .*0 values per channel/);
    expect(() => batchNorm(ones([3]), training)).toThrow(/^batchNorm: x has shape \[3\]/);
    expect(() => batchNorm(ones([2, 3]), { weight: ones([2]) })).toThrow(
      /^batchNorm: .*\[2\].*expected \[3\]/,
    );
    expect(() => groupNorm(ones([2, 3]), 2)).toThrow(/^groupNorm: 2 groups of 3 channels/);
    expect(() => groupNorm(ones([2, 4]), 2, { bias: ones([4], double) })).toThrow(/^groupNorm: got float32/);
  });
});
