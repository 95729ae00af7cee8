// erf and gelu in float64, against mpmath.
import { expect, test } from "vitest";
import { tensor } from "../create/create.ts";
import { arange, erf, gelu } from "../index.ts";

const wide = (values: number[]) => tensor(values, { dtype: "float64" });

test.each([
  [0.5, 0.5204998778130465],
  [1, 0.8427007929497149],
  [2, 0.9953222650189527],
  [-2, -0.9953222650189527],
  [5.8, 0.9999999999999998],
  [5.9, 0.9999999999999999],
  [30, 1],
  [1e-300, 1.1283791670955126e-300],
])("erf(%d) of float64 is right to the last digits", (x, y) => {
  expect(Math.abs(erf(wide([x])).item() / y - 1)).toBeLessThan(1e-15);
});

test("erf of float64 is never beyond 1, and rises", () => {
  const y = erf(arange(0, 40, 1 / 128, { dtype: "float64" })).toArray();
  y.forEach((value, i) => {
    expect(value).toBeLessThanOrEqual(1);
    if (i > 0) expect(value).toBeGreaterThanOrEqual(y[i - 1]! - 2e-16);
  });
});

test.each([
  [-3, -0.0040496940948902835],
  [-5.9, -1.0723296392286628e-8],
  [-8.4666, -1.0695852280264997e-16],
  [-20, -5.507248237212468e-88],
  [0.3, 0.1853734266566858],
  [8.4666, 8.4666],
])("gelu(%d) of float64 keeps its sign and its digits", (x, y) => {
  expect(Math.abs(gelu(wide([x])).item() / y - 1)).toBeLessThan(3e-15);
});
