import { beforeEach, describe, expect, test } from "vitest";
import { ones, zeros } from "../ops/create/create.ts";
import { matmul } from "../ops/linear-algebra/matmul.ts";
import { reshape } from "../ops/shape/broadcast.ts";
import { transpose } from "../ops/shape/shape.ts";
import { manualSeed } from "../random.ts";
import type { Tensor } from "../tensor.ts";
import * as init from "./init.ts";
import { parameter } from "./module.ts";

beforeEach(() => manualSeed(1));

function moments(x: Tensor): { mean: number; deviation: number; largest: number } {
  const values = Array.from(x.toArray());
  const mean = values.reduce((a, b) => a + b) / values.length;
  const deviation = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
  return { mean, deviation, largest: Math.max(...values.map(Math.abs)) };
}

const weight = () => parameter(zeros([100, 50, 2]));
const [fanIn, fanOut] = [100, 200];

describe("init", () => {
  test.each<[string, (x: Tensor) => Tensor, number, "uniform" | "normal"]>([
    ["uniform", (x) => init.uniform(x, -2, 2), 2 / Math.sqrt(3), "uniform"],
    ["normal", (x) => init.normal(x, 0, 3), 3, "normal"],
    ["kaimingUniform", (x) => init.kaimingUniform(x), Math.sqrt(2 / fanIn), "uniform"],
    [
      "kaimingUniform as in Linear",
      (x) => init.kaimingUniform(x, { a: Math.sqrt(5) }),
      Math.sqrt(1 / 3 / fanIn),
      "uniform",
    ],
    [
      "kaimingUniform fanOut",
      (x) => init.kaimingUniform(x, { mode: "fanOut", nonlinearity: "tanh" }),
      5 / 3 / Math.sqrt(fanOut),
      "uniform",
    ],
    ["kaimingNormal", (x) => init.kaimingNormal(x, { nonlinearity: "relu" }), Math.sqrt(2 / fanIn), "normal"],
    ["xavierUniform", (x) => init.xavierUniform(x), Math.sqrt(2 / (fanIn + fanOut)), "uniform"],
    ["xavierNormal", (x) => init.xavierNormal(x, 2), 2 * Math.sqrt(2 / (fanIn + fanOut)), "normal"],
  ])("%s", (_name, fill, deviation, kind) => {
    const x = weight();
    expect(fill(x)).toBe(x);
    expect(x.requiresGrad).toBe(true);
    const got = moments(x);
    expect(Math.abs(got.mean)).toBeLessThan(0.05 * deviation);
    expect(Math.abs(got.deviation / deviation - 1)).toBeLessThan(0.03);
    // A uniform distribution ends at √3 deviations; 10,000 normal numbers reach beyond 3.
    const reach = got.largest / deviation;
    if (kind === "uniform") expect(Math.abs(reach - Math.sqrt(3))).toBeLessThan(0.01);
    else expect(reach).toBeGreaterThan(3);
  });

  test("constants", () => {
    const x = ones([2]);
    expect(Array.from(init.zeros(x).toArray())).toEqual([0, 0]);
    expect(Array.from(init.ones(x).toArray())).toEqual([1, 1]);
    expect(Array.from(init.constant(x, -2).toArray())).toEqual([-2, -2]);
    expect(
      init
        .uniform(zeros([100]), 3, 4)
        .toArray()
        .every((value) => value >= 3 && value < 4),
    ).toBe(true);
  });

  test.each([
    [3, 8],
    [8, 3],
    [5, 5],
    [1, 1],
  ])("orthogonal, %i by %i", (rows, cols) => {
    const x = init.orthogonal(zeros([rows, cols], { dtype: "float64" }), 2);
    const product = rows <= cols ? matmul(x, transpose(x)) : matmul(transpose(x), x);
    const size = Math.min(rows, cols);
    product.toArray().forEach((value, i) => void expect(value).toBeCloseTo(i % (size + 1) === 0 ? 4 : 0, 12));
  });

  test("orthogonal takes what is behind the first axis as columns, and follows the seed", () => {
    const x = reshape(init.orthogonal(zeros([4, 2, 3])), [4, 6]);
    matmul(x, transpose(x))
      .toArray()
      .forEach((value, i) => void expect(value).toBeCloseTo(i % 5 === 0 ? 1 : 0, 5));
    manualSeed(1);
    expect(init.orthogonal(zeros([4, 2, 3])).toArray()).toEqual(x.toArray());
    manualSeed(2);
    expect(init.orthogonal(zeros([4, 2, 3])).toArray()).not.toEqual(x.toArray());
  });

  test("gains", () => {
    expect(init.calculateGain("linear")).toBe(1);
    expect(init.calculateGain("relu")).toBe(Math.SQRT2);
    expect(init.calculateGain("leakyRelu", 1)).toBe(1);
    expect(() => init.calculateGain("step" as "relu")).toThrow(
      /^init.calculateGain: got "step", expected one of linear/,
    );
  });

  test("vectors have no fans", () => {
    const { kaimingUniform, kaimingNormal, xavierUniform, xavierNormal, orthogonal } = init;
    for (const f of [kaimingUniform, kaimingNormal, xavierUniform, xavierNormal, orthogonal]) {
      expect(() => f(zeros([3]))).toThrow(`init.${f.name}: got shape [3], expected [outputs,inputs,…]`);
    }
  });

  test("integers are refused", () => {
    expect(() => init.normal(zeros([3], { dtype: "int32" }))).toThrow(/^init.normal: x is int32/);
  });
});
