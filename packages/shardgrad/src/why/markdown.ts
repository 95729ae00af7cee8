// The page as Markdown, with its pictures in files beside it. Set as Biome sets it, so that it can be committed as it is.
import { svgFile } from "../plots/picture.ts";
import { wrap } from "../wrap.ts";
import type { Measurement } from "./opening.ts";
import { opening } from "./opening.ts";
import type { Block, Section } from "./sections/section.ts";

const lineWidth = 150;
/** Pictures have their own width, but not more than this. */
const mostWidth = 880;

/** At the start of a line these would begin a list, a heading or a quotation. */
const marker = / (?=(?:[-+*#>=]|\d+[.)]) )/g;
const tags: readonly [RegExp, string][] = [
  [/<\/?b>/g, "**"],
  [/<\/?i>/g, "_"],
  [/<\/?code>/g, "`"],
  [/&lt;/g, "<"],
  [/&amp;/g, "&"],
];

/** A paragraph in lines. */
function prose(text: string): string {
  const marked = tags.reduce((changed, [tag, mark]) => changed.replace(tag, mark), text);
  return wrap(marked.replace(marker, "\u00a0"), lineWidth, "").join("\n").replaceAll("\u00a0", " ");
}

/** Columns are as wide as their widest cell. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = head.map((_, i) => Math.max(3, ...cells.map((row) => row[i]!.length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(" | ")} |`;
  const rule = widths.map((width, i) => (i === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  return [line(cells[0]!), `| ${rule.join(" | ")} |`, ...cells.slice(1).map(line)].join("\n");
}

export const pictureFile = (name: string): string => `why-${name}.svg`;

function blockText(block: Block): string {
  switch (block.kind) {
    case "paragraph":
      return prose(block.text);
    case "measured":
      return prose(`<b>Measured here.</b> ${block.text}`);
    case "catch":
      return prose(`<b>The catch.</b> ${block.text}`);
    case "table":
      return table(block.head, block.rows);
    case "figure": {
      const { width, description } = block.picture;
      const alt = description.replaceAll('"', "&quot;");
      return `<img src="${pictureFile(block.name)}" width="${Math.min(width, mostWidth)}" alt="${alt}">\n\n${prose(block.caption)}`;
    }
  }
}

const readOn = `\`npx shardgrad why\` writes this page with the numbers of your machine as one HTML file, with sliders that train a network in
your browser. To train without backpropagation on all cores: [\`gradient\` of a job](steps-and-schedules.md#without-backpropagation). Estimators,
\`jvp\` and \`graphOf\` of the library: [core alone](core-alone.md).`;

/** The files of the page: `why-backpropagation.md` and its pictures, by name. */
export function whyFiles(sections: readonly Section[], measurement: Measurement): Map<string, string> {
  const figures = sections.flatMap(({ body }) => body.filter((block) => block.kind === "figure"));
  const parts = sections.flatMap(({ question, answer, body }, i) => [
    `## ${i + 1}. "${question}"`,
    prose(answer),
    ...body.map(blockText),
  ]);
  const page = ["# Why backpropagation", ...opening(measurement).map(prose), ...parts, readOn];
  return new Map([
    ["why-backpropagation.md", `${page.join("\n\n")}\n`],
    ...figures.map(({ name, picture }) => [pictureFile(name), svgFile(picture)] as const),
  ]);
}
