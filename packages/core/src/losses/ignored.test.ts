// Labels that are ignored: nothing of their rows is read, not even an infinity or a NaN, and their gradient is 0.
import { describe, expect, it } from "vitest";
import { grad } from "../autograd/tape.ts";
import { square } from "../ops/arithmetic/unary.ts";
import { tensor } from "../ops/create/create.ts";
import { sum } from "../ops/shape/broadcast.ts";
import type { Tensor } from "../tensor.ts";
import { crossEntropy } from "./cross-entropy.ts";
import type { LabelLossOptions } from "./labels.ts";
import { nll } from "./nll.ts";
import type { Reduction } from "./reduction.ts";

const { NaN: nan, NEGATIVE_INFINITY: minus } = Number;
const reductions: Reduction[] = ["mean", "sum", "none"];

/** What a row that counts gives, logits [0, 1] and label 0, by weight and smoothing: PyTorch 2.15. */
const rows: [
  name: string,
  weight: number[] | null,
  labelSmoothing: number,
  loss: number,
  weighted: number,
][] = [
  ["plain", null, 0, 1.31326169, 1.31326169],
  ["smoothed", null, 0.1, 1.26326169, 1.26326169],
  ["weights of 1", [1, 1], 0, 1.31326169, 1.31326169],
  ["weights of 1, smoothed", [1, 1], 0.1, 1.26326169, 1.26326169],
  ["weights", [0.3, 0.7], 0, 1.31326169, 0.39397851],
  ["weights, smoothed", [0.3, 0.7], 0.1, 1.28414571, 0.38524371],
];

const read = (x: Tensor) => [...x.toArray()];

describe.each(["float32", "float64"] as const)("%s", (dtype) => {
  const make = (values: number[][] | number[]) => tensor(values, { dtype, requiresGrad: true });
  const labelsOf = (values: number[]) => tensor(values, { dtype: "int32" });

  it.each(rows)(
    "crossEntropy, %s: strange rows that are ignored change nothing",
    (_name, weight, labelSmoothing, mean, one) => {
      const options = { labelSmoothing, ...(weight && { weight: tensor(weight, { dtype }) }) };
      for (const reduction of reductions) {
        const loss = (x: Tensor, labels: number[]) =>
          crossEntropy(x, labelsOf(labels), { ...options, reduction });
        const strange = make([
          [minus, 0],
          [0, 1],
          [nan, nan],
          [Number.POSITIVE_INFINITY, 3],
        ]);
        const alone = make([[0, 1]]);
        const [y, right] = [loss(strange, [-100, 0, -100, -100]), loss(alone, [0])];
        const value = reduction === "mean" ? mean : one;
        expect(read(sum(y))[0]).toBeCloseTo(value, 6);
        expect(read(sum(y))[0]).toBeCloseTo(right.toArray()[0]!, 6);
        const [dx, expected] = [grad(sum(y), [strange])[0]!, grad(sum(right), [alone])[0]!];
        expect(read(dx).slice(2, 4)).toEqual(read(expected));
        expect(
          read(dx)
            .toSpliced(2, 2)
            .every((value) => value === 0),
        ).toBe(true);
      }
    },
  );

  it.each(rows)(
    "crossEntropy, %s: where all are ignored, the mean is NaN and the gradient 0",
    (_name, weight, labelSmoothing) => {
      const options = { labelSmoothing, ...(weight && { weight: tensor(weight, { dtype }) }) };
      for (const reduction of reductions) {
        const x = make([
          [minus, 0],
          [nan, 1],
        ]);
        const y = crossEntropy(x, labelsOf([-100, -100]), { ...options, reduction });
        expect(read(y)).toEqual({ mean: [nan], sum: [0], none: [0, 0] }[reduction]);
        expect(read(grad(sum(y), [x])[0]!).map(Math.abs)).toEqual([0, 0, 0, 0]);
      }
    },
  );

  it.each(rows)(
    "crossEntropy, %s: nor is the gradient of the gradient NaN",
    (_name, weight, labelSmoothing) => {
      const options = { labelSmoothing, ...(weight && { weight: tensor(weight, { dtype }) }) };
      const second = (x: Tensor, labels: number[]) => {
        const [dx] = grad(sum(crossEntropy(x, labelsOf(labels), options)), [x], { createGraph: true });
        return read(grad(sum(square(dx!)), [x])[0]!);
      };
      const alone = second(make([[0, 1]]), [0]);
      const found = second(
        make([
          [nan, minus],
          [0, 1],
        ]),
        [-100, 0],
      );
      for (const [i, value] of found.slice(2).entries()) expect(value).toBeCloseTo(alone[i]!, 6);
      expect(found.slice(0, 2).map(Math.abs)).toEqual([0, 0]);
      expect(second(make([[minus, 0]]), [-100]).map(Math.abs)).toEqual([0, 0]);
    },
  );

  it.each<[string, LabelLossOptions]>([
    ["plain", {}],
    ["weighted", { weight: tensor([0.5, 0.25], { dtype }) }],
  ])("nll, %s: ignored rows are not read, and have gradient 0", (_name, options) => {
    const x = make([
      [minus, -2],
      [nan, nan],
    ]);
    const y = nll(x, labelsOf([1, -100]), options);
    expect(read(y)).toEqual([2]);
    expect(read(grad(y, [x])[0]!).map((value) => value + 0)).toEqual([0, -1, 0, 0]);
    const none = nll(x, labelsOf([-100, -100]), options);
    expect(read(none)).toEqual([nan]);
    expect(read(grad(none, [x])[0]!).map(Math.abs)).toEqual([0, 0, 0, 0]);
  });
});
