// A plot of lines over numbers as an SVG document: both axes from 0, a label at the end of each line. Lines differ by
// dashes and marks, too, so that it is readable without colours; colours follow the light or dark scheme of the reader.
import { spreadApart } from "./spread-apart.ts";
import { ticksTo } from "./ticks.ts";

export interface PlotPoint {
  x: number;
  y: number;
  /** The range of the measurements, drawn as a bar. */
  low?: number;
  high?: number;
}

/** How a line looks. */
export type LineLook = "main" | "second" | "third" | "reference";

export interface PlotLine {
  name: string;
  look: LineLook;
  points: readonly PlotPoint[];
}

export interface LinePlot {
  /** What is shown, also for readers that cannot see it. */
  title: string;
  /** A line below the title. */
  subtitle?: string;
  xLabel: string;
  yLabel: string;
  /** Where the x axis has ticks; round numbers if absent. */
  xTicks?: readonly number[];
  lines: readonly PlotLine[];
}

const width = 720;
const height = 440;
const fontSize = 13;
/** About the width of a character. */
const characterWidth = 0.56 * fontSize;
const margin = { left: 64, top: 64, bottom: 56 };

const style = `
    svg { --ink: #1f2328; --faint: #d8dee4; --soft: #59636e; --paper: #ffffff;
          --main: #0b57d0; --second: #b3470c; --third: #1a7f37; }
    @media (prefers-color-scheme: dark) {
      svg { --ink: #e6edf3; --faint: #343b44; --soft: #9aa4af; --paper: #0d1117;
            --main: #79b8ff; --second: #ffa657; --third: #7ee787; }
    }
    text { font: ${fontSize}px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: var(--ink); }
    .title { font-size: 16px; font-weight: 600; }
    .soft { fill: var(--soft); }
    .paper { fill: var(--paper); }
    .grid { stroke: var(--faint); stroke-width: 1; }
    .axis { stroke: var(--soft); stroke-width: 1; }
    .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
    .mark { stroke-width: 2; }
    .leader { stroke-width: 1; opacity: 0.5; }
    .main { stroke: var(--main); } .main.mark { fill: var(--main); }
    .second { stroke: var(--second); } .second.mark { fill: var(--paper); }
    .third { stroke: var(--third); } .third.mark { fill: var(--third); }
    .reference { stroke: var(--soft); }
`;

const dashes: Record<LineLook, string> = { main: "", second: "2 4", third: "9 3 2 3", reference: "7 5" };

export function escapeXml(text: string): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.replace(/[&<>"]/g, (character) => entities[character]!);
}

const round = (value: number) => Number(value.toFixed(1));

/** A circle, a square, a triangle, or nothing. */
function markAt(look: LineLook, x: number, y: number): string {
  const at = { x: round(x), y: round(y) };
  if (look === "main") return `<circle class="mark main" cx="${at.x}" cy="${at.y}" r="4"/>`;
  if (look === "second")
    return `<rect class="mark second" x="${round(x - 4)}" y="${round(y - 4)}" width="8" height="8"/>`;
  if (look === "third") return `<path class="mark third" d="M${at.x} ${round(y - 5)}l5 8h-10z"/>`;
  return "";
}

/** Shortens a text to so many pixels. */
function clipped(text: string, pixels: number): string {
  const most = Math.floor(pixels / characterWidth);
  return text.length <= most ? text : `${text.slice(0, Math.max(0, most - 1))}…`;
}

/** @throws RangeError if there is no point */
export function linePlot({ title, subtitle = "", xLabel, yLabel, xTicks, lines }: LinePlot): string {
  const points = lines.flatMap((line) => line.points);
  if (points.length === 0) throw new RangeError("linePlot: got no points, expected at least one");
  const longest = Math.max(...lines.map(({ name }) => name.length));
  const right = Math.min(260, 34 + longest * characterWidth);
  const area = { left: margin.left, right: width - right, top: margin.top, bottom: height - margin.bottom };
  const yTicks = ticksTo(Math.max(...points.map(({ y, high = y }) => Math.max(y, high))), 6);
  const xMost = Math.max(...points.map(({ x }) => x));
  const ticks = xTicks ?? ticksTo(xMost, 6);
  const [xEnd, yEnd] = [Math.max(xMost, ...ticks), yTicks.at(-1)!];
  const xOf = (x: number) => area.left + (x / xEnd) * (area.right - area.left);
  const yOf = (y: number) => area.bottom - (y / yEnd) * (area.bottom - area.top);

  const grid = yTicks.map((tick) => {
    const y = round(yOf(tick));
    return `<line class="grid" x1="${area.left}" x2="${round(area.right)}" y1="${y}" y2="${y}"/><text class="soft" x="${area.left - 10}" y="${round(y + 4)}" text-anchor="end">${tick}</text>`;
  });
  // A label that would touch the one before it is left out; its tick stays.
  let free = Number.NEGATIVE_INFINITY;
  const below = ticks.map((tick) => {
    const x = round(xOf(tick));
    const half = (String(tick).length * characterWidth) / 2;
    const mark = `<line class="axis" x1="${x}" x2="${x}" y1="${area.bottom}" y2="${area.bottom + 5}"/>`;
    if (x - half < free) return mark;
    free = x + half + 6;
    return `${mark}<text class="soft" x="${x}" y="${area.bottom + 20}" text-anchor="middle">${tick}</text>`;
  });
  const ends = lines.map((line) => line.points.reduce((last, point) => (point.x > last.x ? point : last)));
  const labels = spreadApart(
    ends.map(({ y }) => yOf(y)),
    fontSize + 4,
    [area.top, area.bottom],
  );
  const drawn = lines.map(({ name, look, points }, i) => {
    const path = points.map(({ x, y }, j) => `${j === 0 ? "M" : "L"}${round(xOf(x))} ${round(yOf(y))}`);
    const dash = dashes[look] && ` stroke-dasharray="${dashes[look]}"`;
    const ranges = points.flatMap(({ x, low, high }) => {
      if (low === undefined || high === undefined) return [];
      const at = round(xOf(x));
      const [from, to] = [round(yOf(low)), round(yOf(high))];
      return `<path class="line ${look}" d="M${at} ${from}V${to}M${at - 5} ${from}h10M${at - 5} ${to}h10"/>`;
    });
    const marks = points.map(({ x, y }) => markAt(look, xOf(x), yOf(y)));
    const end = { x: xOf(ends[i]!.x), y: yOf(ends[i]!.y) };
    const leader = `<line class="leader ${look}" x1="${round(end.x + 7)}" y1="${round(end.y)}" x2="${round(area.right + 14)}" y2="${round(labels[i]!)}"/>`;
    const label = `<text x="${round(area.right + 18)}" y="${round(labels[i]! + 4)}">${escapeXml(clipped(name, right - 18))}</text>`;
    return `<g><path class="line ${look}" d="${path.join("")}"${dash}/>${ranges.join("")}${marks.join("")}${leader}${label}</g>`;
  });
  const middle = { x: round((area.left + area.right) / 2), y: round((area.top + area.bottom) / 2) };
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escapeXml(title)}">`,
    `  <title>${escapeXml(title)}</title>`,
    `  <style>${style}  </style>`,
    `  <rect class="paper" width="${width}" height="${height}"/>`,
    `  <text class="title" x="16" y="26">${escapeXml(clipped(title, (width - 32) / 1.25))}</text>`,
    `  <text class="soft" x="16" y="46">${escapeXml(clipped(subtitle, width - 32))}</text>`,
    ...grid.map((line) => `  ${line}`),
    `  <path class="axis" fill="none" d="M${area.left} ${area.top}V${area.bottom}H${round(area.right)}"/>`,
    ...below.map((line) => `  ${line}`),
    ...drawn.map((line) => `  ${line}`),
    `  <text x="${middle.x}" y="${height - 14}" text-anchor="middle">${escapeXml(xLabel)}</text>`,
    `  <text transform="translate(18 ${middle.y}) rotate(-90)" text-anchor="middle">${escapeXml(yLabel)}</text>`,
    "</svg>",
    "",
  ].join("\n");
}
