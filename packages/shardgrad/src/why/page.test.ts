// The page and its pictures: self-contained, complete, and readable without colours.
import { describe, expect, it } from "vitest";
import { duration, short } from "./format.ts";
import type { Findings } from "./measure.ts";
import { measureNudging } from "./nudging.ts";
import { whyPage } from "./page.ts";
import { plot } from "./plot.ts";
import { nudgingSection } from "./sections/nudging.ts";

const section = nudgingSection({ nudging: measureNudging() } as Findings);
const page = whyPage({
  sections: [section],
  machine: "a <machine>",
  date: "2026-01-01",
  seconds: 60,
  script: "document.write('</script>')",
});

it("the page loads nothing, and its text cannot break out", () => {
  expect([...page.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, to]) => to).sort()).toEqual([
    "#q1",
    "#sliders",
    "data:,",
  ]);
  expect(page).toContain("a &lt;machine&gt;");
  expect(page.match(/<\/script>/g)).toHaveLength(1);
  expect(page).not.toContain("url(");
});

it("a section has the question, the answer, pictures, the measurement and the catch", () => {
  for (const text of [
    section.question,
    "stuck on a slope",
    "59,049",
    "<svg",
    "Measured here.",
    "The catch.",
  ]) {
    expect(page).toContain(text);
  }
});

describe("plot", () => {
  const chart = (points: [number, number][]) =>
    plot({
      description: "a <b>",
      x: { label: "x", log: true },
      y: { label: "y" },
      lines: [{ name: "one", points }],
    });

  it("has a description, ticks at powers of ten, and names for lines", () => {
    const svg = chart([
      [0.001, 1],
      [1e6, 2],
    ]);
    for (const text of ["a &lt;b&gt;", ">0.01<", ">10⁴<", ">one<"]) expect(svg).toContain(text);
  });

  it("breaks a line where a number is missing, and leaves out what a logarithm cannot show", () => {
    const line = (points: [number, number][]) => chart(points).match(/M[\d.,-]+(L[\d.,-]+)*"\/>/g);
    expect(
      line([
        [1, 1],
        [10, 2],
        [100, Number.NaN],
        [1000, 3],
        [10_000, 1],
      ]),
    ).toHaveLength(2);
    expect(
      chart([
        [0, 1],
        [1, 1],
        [10, 2],
      ]),
    ).not.toContain("NaN");
  });
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

it.each([
  [0.0005, "0.5 µs"],
  [1.2, "1.2 ms"],
  [61_000, "61 s"],
  [18_360_000, "5.1 hours"],
  [1e12, "32 years"],
])("%f ms are written as %s", (ms, text) => {
  expect(duration(ms)).toBe(text);
});
