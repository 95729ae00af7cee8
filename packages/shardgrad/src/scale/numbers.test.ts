import { expect, it } from "vitest";
import { digits, percent, spreadText } from "./numbers.ts";

it("writes three digits, and no exponent", () => {
  expect([0.071_23, 4.5361, 45.361, 128.4, 4100.2, 0, 1e-9].map(digits)).toEqual([
    "0.0712",
    "4.54",
    "45.4",
    "128",
    "4100",
    "0",
    "0.00000000100",
  ]);
  expect(spreadText({ median: 2, min: 1.25, max: 30 })).toBe("2.00 (1.25 – 30.0)");
  expect([0.034, 0.5, 1, -0.02].map(percent)).toEqual(["3.4 %", "50 %", "100 %", "-2.0 %"]);
});
