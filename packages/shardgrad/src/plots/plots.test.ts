import { describe, expect, it } from "vitest";
import { chart } from "./chart.ts";
import type { Point } from "./line.ts";
import { short } from "./number-text.ts";
import { inPage, svgFile } from "./picture.ts";
import { spreadApart } from "./spread-apart.ts";
import { linearTicks, logTicks, roundedUp } from "./ticks.ts";

it("puts ticks at round numbers, and ends an axis at one", () => {
  const values = (low: number, high: number) => linearTicks(low, high).map(({ value }) => value);
  expect(values(0, 6)).toEqual([0, 2, 4, 6]);
  expect(values(0, 2)).toEqual([0, 0.5, 1, 1.5, 2]);
  expect(values(-1, 1)).toEqual([-1, -0.5, 0, 0.5, 1]);
  expect(logTicks(-3, 6).map(({ text }) => text)).toEqual(["0.01", "1", "100", "10⁴", "10⁶"]);
  expect(logTicks(0, 1).map(({ text }) => text)).toEqual(["1", "2", "5", "10"]);
  expect([5.25, 2, 16, 0].map(roundedUp)).toEqual([6, 2, 20, 1]);
});

it("keeps labels apart, in their order, within bounds, and where they belong if there is room", () => {
  expect(spreadApart([10, 50, 90], 10, [0, 100])).toEqual([10, 50, 90]);
  expect(spreadApart([50, 50, 50], 10, [0, 100])).toEqual([50, 60, 70]);
  expect(spreadApart([99, 98, 97], 10, [0, 100])).toEqual([100, 90, 80]);
  expect(spreadApart([0, 0], 10, [0, 100])).toEqual([0, 10]);
});

it.each([
  [0.0421, "0.042"],
  [1.3e-10, "1.3·10⁻¹⁰"],
  [59_049, "59,000"],
  [-4, "−4"],
  [0, "0"],
])("%f is written as %s", (value, text) => {
  expect(short(value)).toBe(text);
});

describe("a chart", () => {
  const picture = (points: readonly Point[]) =>
    chart({
      description: "a <b>",
      x: { label: "x", log: true },
      y: { label: "y" },
      lines: [{ name: "one", points }],
    });

  it("has a description, ticks at powers of ten, and names for lines", () => {
    const svg = inPage(
      picture([
        [0.001, 1],
        [1e6, 2],
      ]),
    );
    for (const text of ["a &lt;b&gt;", ">0.01<", ">10⁴<", ">one<"]) expect(svg).toContain(text);
  });

  it("breaks a line where a number is missing, and leaves out what a logarithm cannot show", () => {
    const line = (points: readonly Point[]) => inPage(picture(points)).match(/M[\d.,-]+(L[\d.,-]+)*"\/>/g);
    expect(
      line([
        [1, 1],
        [10, 2],
        [100, Number.NaN],
        [1000, 3],
        [10_000, 1],
      ]),
    ).toHaveLength(2);
    const svg = inPage(
      picture([
        [0, 1],
        [1, 1],
        [10, 2],
      ]),
    );
    expect(svg).not.toContain("NaN");
  });

  it("draws ranges, and leaves room for them", () => {
    const svg = inPage(
      picture([
        [1, 1, 0.5, 8],
        [10, 2, 1, 3],
      ]),
    );
    expect(svg.match(/class="range"/g)).toHaveLength(2);
    expect(svg).toContain(">8<");
  });

  it("as a file has its size, its colours, light and dark, and paper", () => {
    const svg = svgFile(picture([[1, 1]]));
    for (const part of [' width="560"', "prefers-color-scheme: dark", 'class="paper"'])
      expect(svg).toContain(part);
    expect(inPage(picture([[1, 1]]))).not.toContain("<style>");
  });

  it("of nothing is refused", () => {
    expect(() => picture([])).toThrow("got no points");
  });
});
