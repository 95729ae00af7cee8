// The page and its pictures: self-contained, complete, and readable without colours.
import { expect, it } from "vitest";
import { duration } from "./duration.ts";
import { whyFiles } from "./markdown.ts";
import type { Findings } from "./measure.ts";
import { measureNudging } from "./nudging.ts";
import { whyPage } from "./page.ts";
import { nudgingSection } from "./sections/nudging.ts";
import { paragraph, table } from "./sections/section.ts";

const section = nudgingSection({ nudging: measureNudging() } as Findings);
const page = whyPage({
  sections: [section],
  machine: "a <machine>",
  date: "2026-01-01",
  seconds: 60,
  othersLoad: 0.1,
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

it.each([
  [0.0005, "0.5 µs"],
  [1.2, "1.2 ms"],
  [61_000, "61 s"],
  [18_360_000, "5.1 hours"],
  [1e12, "32 years"],
])("%f ms are written as %s", (ms, text) => {
  expect(duration(ms)).toBe(text);
});

it("as Markdown it has the same texts, escaped for tables, and pictures in files", () => {
  const body = [
    paragraph("<b>Bold</b>, <i>w</i> and <code>jvp</code>"),
    table(["weights", "|g|"], [["10", "1,000"]]),
    ...section.body,
  ];
  const measurement = { machine: "a machine", date: "2026-01-01", seconds: 60, othersLoad: 1.3 };
  const files = whyFiles([{ ...section, body }], measurement);
  expect([...files.keys()]).toEqual(["why-backpropagation.md", "why-one-weight.svg", "why-valley.svg"]);
  const text = files.get("why-backpropagation.md")!;
  for (const part of [
    `## 1. "${section.question}"`,
    "**Bold**, _w_ and `jvp`",
    "| weights | \\|g\\| |\n| ------- | ----: |\n| 10      | 1,000 |",
    '<img src="why-valley.svg" width="560" alt="Lines of equal loss',
    "**The catch.**",
    "kept 1.3 threads busy",
  ])
    expect(text).toContain(part);
  expect(text).not.toMatch(/<\/?[bi]>|<p|<figure/);
  for (const line of text.split("\n").filter((line) => !line.startsWith("<img")))
    expect(line.length).toBeLessThanOrEqual(150);
});
