// Every loss against its definition written out in plain numbers, over shapes and options, in both float dtypes.
import { describe, expect, it } from "vitest";
import type { DType } from "../dtype.ts";
import { tensor } from "../ops/create/create.ts";
import { permute } from "../ops/shape/shape.ts";
import type { Tensor } from "../tensor.ts";
import { bceWithLogits } from "./binary-cross-entropy.ts";
import { crossEntropy } from "./cross-entropy.ts";
import { klDiv } from "./kl-div.ts";
import { nll } from "./nll.ts";
import type { Reduction } from "./reduction.ts";
import { huber, l1, mse } from "./regression.ts";

const reductions: Reduction[] = ["mean", "sum", "none"];
const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Numbers from low to high that look random. */
const numbers = (n: number, salt: number, low = -3, high = 3): number[] =>
  Array.from({ length: n }, (_, i) => {
    const x = Math.sin(i * 12.9898 + salt) * 43758.5453;
    return Math.fround(low + (high - low) * (x - Math.floor(x)));
  });

/** A tensor that is not contiguous, where it has two axes to exchange. */
function strided(values: readonly number[], shape: readonly number[], dtype: DType): Tensor {
  if (shape.length < 2) return tensor(Float64Array.from(values), { shape, dtype });
  const [first, ...others] = shape as [number, ...number[]];
  const inner = size(others);
  const turned = values.map((_, i) => values[(i % first) * inner + Math.floor(i / first)]!);
  const last = shape.length - 1;
  return permute(tensor(Float64Array.from(turned), { shape: [...others, first], dtype }), [
    last,
    ...others.map((_, i) => i),
  ]);
}

function expectClose(got: Tensor, expected: readonly number[], shape: readonly number[]): void {
  expect(got.shape).toEqual(shape);
  const digits = got.dtype === "float64" ? 1e-12 : 1e-5;
  got.toArray().forEach((value, i) => {
    if (Number.isNaN(expected[i]!)) expect(value).toBeNaN();
    else
      expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(
        digits * Math.max(1, Math.abs(expected[i]!)),
      );
  });
}

/** What PyTorch makes of single losses, each counting as much as its weight says. */
function reduced(losses: readonly number[], weights: readonly number[], reduction: Reduction): number[] {
  if (reduction === "none") return [...losses];
  const total = losses.reduce((a, b) => a + b, 0);
  return [reduction === "sum" ? total : total / weights.reduce((a, b) => a + b, 0)];
}

interface LabelCase {
  classes: number;
  weight?: number[];
  ignoreIndex?: number;
  labelSmoothing?: number;
}

/** The rows of logits `[n,classes,…]`, one for each label. */
function rowsOf(x: readonly number[], shape: readonly number[], classes: number): number[][] {
  if (shape.length === 1) return [[...x]];
  const inner = size(shape.slice(2));
  return Array.from({ length: shape[0]! * inner }, (_, i) => {
    const [n, d] = [Math.floor(i / inner), i % inner];
    return Array.from({ length: classes }, (_, c) => x[(n * classes + c) * inner + d]!);
  });
}

const logSoftmax = (row: readonly number[]): number[] => {
  const most = Math.max(...row);
  const sum = row.reduce((total, x) => total + Math.exp(x - most), 0);
  return row.map((x) => x - most - Math.log(sum));
};

const shapes = [[5], [1, 1], [4, 5], [7, 3], [3, 17], [2, 3, 4], [2, 4, 3, 2], [0, 3]];
const options: LabelCase[] = [
  { classes: 0 },
  { classes: 0, labelSmoothing: 0.2 },
  { classes: 0, ignoreIndex: 1 },
  { classes: 0, ignoreIndex: -1, labelSmoothing: 1 },
  { classes: 0, weight: [] },
  { classes: 0, weight: [], ignoreIndex: 0, labelSmoothing: 0.1 },
];
const labelCases = shapes.flatMap((shape) => options.map((option) => ({ shape, option })));

describe.each(["float64", "float32"] as const)("%s", (dtype) => {
  it.each(labelCases)("crossEntropy and nll of labels: $shape, $option", ({ shape, option }) => {
    const classAxis = shape.length === 1 ? 0 : 1;
    const classes = shape[classAxis]!;
    const labelShape = shape.toSpliced(classAxis, 1);
    const { ignoreIndex = -100, labelSmoothing = 0 } = option;
    const x = numbers(size(shape), 1);
    const weight = option.weight && numbers(classes, 2, 0.2, 2);
    // Every fourth label is the ignored one.
    const labels = numbers(size(labelShape), 3, 0, 1).map((u, i) =>
      option.ignoreIndex !== undefined && i % 4 === 1 ? ignoreIndex : Math.floor(u * classes),
    );
    const given = {
      ...(weight && { weight: tensor(Float64Array.from(weight), { dtype }) }),
      ...(option.ignoreIndex !== undefined && { ignoreIndex }),
    };
    const target = tensor(Int32Array.from(labels), { shape: labelShape });
    const rows = rowsOf(x, shape, classes);
    const weights = labels.map((label) => (label === ignoreIndex ? 0 : (weight?.[label] ?? 1)));
    const entropies = rows.map((row, r) => {
      if (labels[r] === ignoreIndex) return 0;
      const logs = logSoftmax(row);
      return -logs.reduce((sum, log, c) => {
        const share = (c === labels[r] ? 1 - labelSmoothing : 0) + labelSmoothing / classes;
        return sum + (weight?.[c] ?? 1) * share * log;
      }, 0);
    });
    const likelihoods = rows.map((row, r) => (weights[r] === 0 ? 0 : -weights[r]! * row[labels[r]!]!));
    for (const reduction of reductions) {
      const resultShape = reduction === "none" ? labelShape : [];
      const logits = strided(x, shape, dtype);
      expectClose(
        crossEntropy(logits, target, { ...given, labelSmoothing, reduction }),
        reduced(entropies, weights, reduction),
        resultShape,
      );
      expectClose(
        nll(logits, target, { ...given, reduction }),
        reduced(likelihoods, weights, reduction),
        resultShape,
      );
    }
  });

  it.each(
    shapes.flatMap((shape) => [0, 0.3].flatMap((s) => [true, false].map((w) => [shape, s, w] as const))),
  )("crossEntropy of probabilities: %o, smoothing %d, weighted %s", (shape, labelSmoothing, weighted) => {
    const classAxis = shape.length === 1 ? 0 : 1;
    const classes = shape[classAxis]!;
    const labelShape = shape.toSpliced(classAxis, 1);
    const [x, q] = [numbers(size(shape), 1), numbers(size(shape), 4, 0, 1)];
    const weight = numbers(classes, 2, 0.2, 2);
    const targets = rowsOf(q, shape, classes);
    const losses = rowsOf(x, shape, classes).map(
      (row, r) =>
        -logSoftmax(row).reduce((sum, log, c) => {
          const share = targets[r]![c]! * (1 - labelSmoothing) + labelSmoothing / classes;
          return sum + (weighted ? weight[c]! : 1) * share * log;
        }, 0),
    );
    for (const reduction of reductions) {
      const given = weighted ? { weight: tensor(Float64Array.from(weight), { dtype }) } : {};
      expectClose(
        crossEntropy(strided(x, shape, dtype), strided(q, shape, dtype), {
          ...given,
          labelSmoothing,
          reduction,
        }),
        reduced(
          losses,
          losses.map(() => 1),
          reduction,
        ),
        reduction === "none" ? labelShape : [],
      );
    }
  });

  const bce = (x: number, t: number, pos = 1): number =>
    pos * t * Math.log1p(Math.exp(-x)) + (1 - t) * Math.log1p(Math.exp(x));
  const elementwise: [
    string,
    (x: Tensor, t: Tensor, reduction: Reduction) => Tensor,
    (x: number, t: number) => number,
  ][] = [
    ["mse", (x, t, reduction) => mse(x, t, { reduction }), (x, t) => (x - t) ** 2],
    ["l1", (x, t, reduction) => l1(x, t, { reduction }), (x, t) => Math.abs(x - t)],
    [
      "huber",
      (x, t, reduction) => huber(x, t, { reduction, delta: 0.3 }),
      (x, t) => (Math.abs(x - t) <= 0.3 ? (x - t) ** 2 / 2 : 0.3 * (Math.abs(x - t) - 0.15)),
    ],
    ["bceWithLogits", (x, t, reduction) => bceWithLogits(x, t, { reduction }), (x, t) => bce(x, t)],
    [
      "bceWithLogits with weights",
      (x, t, reduction) => {
        const of = (value: number) => tensor(value, { dtype });
        return bceWithLogits(x, t, { reduction, posWeight: of(2.5), weight: of(0.5) });
      },
      (x, t) => 0.5 * bce(x, t, 2.5),
    ],
    [
      "klDiv",
      (x, t, reduction) => klDiv(x, t, { reduction }),
      (x, t) => (t === 0 ? 0 : t * (Math.log(t) - x)),
    ],
    [
      "klDiv of logarithms",
      (x, t, reduction) => klDiv(x, t, { reduction, logTarget: true }),
      (x, t) => Math.exp(t) * (t - x),
    ],
  ];

  it.each(elementwise)("%s", (_, loss, formula) => {
    for (const shape of [[], [1], [7], [3, 5], [2, 3, 4], [0, 3]]) {
      const x = numbers(size(shape), 1);
      // Some targets are 0, some 1, and some equal to the input.
      const t = numbers(size(shape), 2, 0, 1).map((u, i) => [0, 1, u, u, Math.abs(x[i]! % 1)][i % 5]!);
      const losses = x.map((value, i) => formula(value, t[i]!));
      for (const reduction of reductions) {
        const got = loss(strided(x, shape, dtype), strided(t, shape, dtype), reduction);
        expectClose(
          got,
          reduced(
            losses,
            losses.map(() => 1),
            reduction,
          ),
          reduction === "none" ? shape : [],
        );
      }
    }
  });

  it("klDiv with a target of 0 is 0 for a finite input, and NaN for an infinite one, as in PyTorch", () => {
    const input = tensor([-1, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    const losses = klDiv(input, tensor([0, 0, 0.5]), { reduction: "none" });
    expect([...losses.toArray()]).toEqual([0, Number.NaN, Number.POSITIVE_INFINITY]);
  });

  it("klDiv of a batch", () => {
    const [x, t] = [numbers(12, 1), numbers(12, 2, 0, 1)];
    const total = x.reduce((sum, value, i) => sum + t[i]! * (Math.log(t[i]!) - value), 0);
    const got = klDiv(strided(x, [3, 4], dtype), strided(t, [3, 4], dtype), { reduction: "batchmean" });
    expectClose(got, [total / 3], []);
  });

  it("large logits do not overflow", () => {
    const labels = tensor([0, 1], { dtype: "int32" });
    const logits = tensor(
      [
        [1000, -1000, 0],
        [1000, -1000, 0],
      ],
      { dtype },
    );
    expectClose(crossEntropy(logits, labels, { reduction: "none" }), [0, 2000], [2]);
    const x = tensor([1000, -1000, 1000, -1000, 30, -30], { dtype });
    const t = tensor([1, 0, 0, 1, 1, 0], { dtype });
    const got = bceWithLogits(x, t, { reduction: "none" });
    expectClose(got, [0, 0, 1000, 1000, 0, 0], [6]);
    // Near 0 the losses are exact, not what is left of a difference.
    expect(got.toArray()[5]! / Math.exp(-30)).toBeCloseTo(1, 5);
  });

  it("a masked class has probability 0", () => {
    const logits = tensor([[1, Number.NEGATIVE_INFINITY, 1, Number.NEGATIVE_INFINITY, 1]], { dtype });
    expectClose(crossEntropy(logits, tensor([2], { dtype: "int32" })), [Math.log(3)], []);
    expect(crossEntropy(logits, tensor([1], { dtype: "int32" })).item()).toBe(Infinity);
  });

  it("NaN shows", () => {
    const logits = tensor(
      [
        [1, 2, Number.NaN, 4, 5],
        [1, 2, 3, 4, 5],
      ],
      { dtype },
    );
    const got = crossEntropy(logits, tensor([0, 0], { dtype: "int32" }), { reduction: "none" });
    expect([...got.toArray()].map(Number.isNaN)).toEqual([true, false]);
  });

  it("without a label that counts the mean is NaN, and the sum 0", () => {
    const logits = tensor(
      [
        [1, 2],
        [3, 4],
      ],
      { dtype },
    );
    const labels = tensor([-100, -100], { dtype: "int32" });
    expect(crossEntropy(logits, labels).item()).toBeNaN();
    expect(nll(logits, labels).item()).toBeNaN();
    expect(crossEntropy(logits, labels, { reduction: "sum" }).item()).toBe(0);
  });
});
