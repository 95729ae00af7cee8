// Line charts as SVG. Lines differ in dashes and marks, so that nobody needs colours; text and axes take the colour of
// the page around them.
import { escaped, powerOfTen, short } from "./format.ts";

export interface Axis {
  label: string;
  log?: boolean;
  /** By default from the least to the largest number. */
  from?: number;
  to?: number;
}

export interface Line {
  /** In the legend; without a name it is thin, and not there. */
  name: string;
  points: readonly (readonly [x: number, y: number])[];
  /** Number of its dashes and mark; default: its place among the lines. */
  style?: number;
  /** Marks at its points: filled, hollow (for what was not measured), or none; default filled. */
  marks?: "filled" | "hollow" | "none";
}

/** A straight line through the whole chart, with a word. */
export interface Guide {
  x?: number;
  y?: number;
  text: string;
}

export interface Chart {
  /** What a person who cannot see it should know. */
  description: string;
  x: Axis;
  y: Axis;
  lines: readonly Line[];
  guides?: readonly Guide[];
}

export const size = { width: 560, height: 360 };
const box = { left: 76, right: 24, top: 14, bottom: 54 };
const letter = 8.2;

const dashes = ["", "9 5", "3 4", "14 4 3 4", "6 3 1 3 1 3", "1 5"];
/** Outlines around the origin. */
const marks = [
  "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0z",
  "M-4,-4h8v8h-8z",
  "M0,-5L5,4H-5z",
  "M0,-5.5L5.5,0L0,5.5L-5.5,0z",
  "M0,5L5,-4H-5z",
  "M-5,-1.5h3.5v-3.5h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5z",
];

const at = (value: number): string => value.toFixed(1);

/** From numbers to places: linear or logarithmic. */
interface Scale {
  place: (value: number) => number;
  ticks: { value: number; text: string }[];
  fits: (value: number) => boolean;
}

function scaleOf(axis: Axis, values: readonly number[], first: number, last: number): Scale {
  const usable = values.filter((value) => Number.isFinite(value) && (!axis.log || value > 0));
  const from = axis.from ?? Math.min(...usable);
  const to = axis.to ?? Math.max(...usable);
  const bend = axis.log ? Math.log10 : (value: number) => value;
  const [low, high] = [bend(from), bend(to) === bend(from) ? bend(from) + 1 : bend(to)];
  const place = (value: number) => first + ((bend(value) - low) / (high - low)) * (last - first);
  const slack = (high - low) * 1e-9;
  const fits = (value: number) => bend(value) >= low - slack && bend(value) <= high + slack;
  return { place, fits, ticks: axis.log ? decades(low, high) : roundNumbers(low, high) };
}

function decades(low: number, high: number) {
  if (high - low < 2) return withinDecades(low, high);
  const step = Math.max(1, Math.ceil((high - low) / 7));
  const first = Math.ceil(low / step - 1e-9) * step;
  return Array.from({ length: Math.floor((high - first) / step + 1e-9) + 1 }, (_, i) => {
    const exponent = first + i * step;
    const text = exponent >= -2 && exponent <= 3 ? short(10 ** exponent) : powerOfTen(exponent);
    return { value: 10 ** exponent, text };
  });
}

/** 1, 2, 5, 10, 20, … */
function withinDecades(low: number, high: number) {
  const first = Math.floor(low);
  return Array.from({ length: 3 * (Math.ceil(high) - first + 1) }, (_, i) => {
    const value = [1, 2, 5][i % 3]! * 10 ** (first + Math.floor(i / 3));
    return { value, text: short(value) };
  }).filter(({ value }) => Math.log10(value) >= low - 1e-9 && Math.log10(value) <= high + 1e-9);
}

function roundNumbers(low: number, high: number) {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * (rough / power > 5 ? 10 : rough / power > 2 ? 5 : rough / power > 1 ? 2 : 1);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => {
    const value = Number(((first + i) * step).toPrecision(12));
    return { value, text: short(value, 4) };
  });
}

/** The parts of a line between numbers that are missing or outside of the chart. */
function stretches(line: Line, x: Scale, y: Scale): (readonly [number, number])[][] {
  const parts: (readonly [number, number])[][] = [[]];
  for (const point of line.points) {
    if (point.every(Number.isFinite) && x.fits(point[0]) && y.fits(point[1])) parts.at(-1)!.push(point);
    else if (parts.at(-1)!.length > 0) parts.push([]);
  }
  return parts.filter((part) => part.length > 0);
}

function drawLine(line: Line, style: number, x: Scale, y: Scale): string {
  const parts = stretches(line, x, y).map((part) =>
    part.map(([a, b]) => [at(x.place(a)), at(y.place(b))] as const),
  );
  const paths = parts
    .map((part) => `<path d="M${part.map((point) => point.join(",")).join("L")}"/>`)
    .join("");
  const places = parts.flat();
  const every = Math.max(1, Math.ceil(places.length / 14));
  const shown = line.marks === "none" ? [] : places.filter((_, i) => i % every === 0);
  const stamps = shown
    .map(([a, b]) => `<path class="mark" transform="translate(${a},${b})" d="${marks[style]}"/>`)
    .join("");
  const hollow = line.marks === "hollow" ? " hollow" : "";
  const thin = line.name === "" ? " thin" : "";
  return `<g class="line l${style}${hollow}${thin}" stroke-dasharray="${dashes[style]}">${paths}${stamps}</g>`;
}

function drawLegend(lines: readonly { line: Line; style: number }[], top: number) {
  let [column, row] = [box.left, 0];
  const entries = lines.map(({ line, style }) => {
    const width = 44 + line.name.length * letter + 14;
    if (column > box.left && column + width > size.width) [column, row] = [box.left, row + 1];
    const [a, b] = [column, top + 22 * row];
    column += width;
    const hollow = line.marks === "hollow" ? " hollow" : "";
    const mark =
      line.marks === "none"
        ? ""
        : `<path class="mark" transform="translate(${a + 18},${b - 5})" d="${marks[style]}"/>`;
    return (
      `<g class="line l${style}${hollow}" stroke-dasharray="${dashes[style]}"><path d="M${a},${b - 5}h36"/>${mark}</g>` +
      `<text x="${a + 44}" y="${b}">${escaped(line.name)}</text>`
    );
  });
  return { svg: entries.join(""), height: 22 * (row + 1) };
}

/** An element `svg` that is as wide as what it stands in. */
export function svgElement(description: string, height: number, content: string, width = size.width): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(description)}"><title>${escaped(description)}</title>${content}</svg>`;
}

/** The chart as an element `svg`. */
export function plot({ description, x, y, lines, guides = [] }: Chart): string {
  const all = lines.flatMap(({ points }) => points);
  const [left, right, top, bottom] = [box.left, size.width - box.right, box.top, size.height - box.bottom];
  const across = scaleOf(
    x,
    all.map(([a]) => a),
    left,
    right,
  );
  const up = scaleOf(y, [...all.map(([, b]) => b), ...guides.flatMap(({ y: b }) => b ?? [])], bottom, top);
  const grid = [
    ...across.ticks.map(({ value, text }) => {
      const a = at(across.place(value));
      return `<path class="grid" d="M${a},${top}V${bottom}"/><text x="${a}" y="${bottom + 20}" text-anchor="middle">${text}</text>`;
    }),
    ...up.ticks.map(({ value, text }) => {
      const b = up.place(value);
      return `<path class="grid" d="M${left},${at(b)}H${right}"/><text x="${left - 8}" y="${at(b + 5)}" text-anchor="end">${text}</text>`;
    }),
  ];
  const rules = guides.map(({ x: a, y: b, text }) =>
    a === undefined
      ? `<path class="guide" d="M${left},${at(up.place(b!))}H${right}"/><text x="${right - 6}" y="${at(up.place(b!) - 6)}" text-anchor="end">${escaped(text)}</text>`
      : `<path class="guide" d="M${at(across.place(a))},${top}V${bottom}"/><text x="${at(across.place(a) + 5)}" y="${top + 16}">${escaped(text)}</text>`,
  );
  const styled = lines.map((line, place) => ({ line, style: line.style ?? place }));
  const legend = drawLegend(
    styled.filter(({ line }) => line.name !== ""),
    size.height + 8,
  );
  const labels =
    `<text x="${(left + right) / 2}" y="${bottom + 44}" text-anchor="middle">${escaped(x.label)}</text>` +
    `<text transform="translate(16,${(top + bottom) / 2}) rotate(-90)" text-anchor="middle">${escaped(y.label)}</text>`;
  const frame = `<path class="frame" d="M${left},${top}V${bottom}H${right}"/>`;
  const drawn = styled.map(({ line, style }) => drawLine(line, style, across, up)).join("");
  return svgElement(
    description,
    size.height + legend.height,
    grid.join("") + frame + rules.join("") + drawn + labels + legend.svg,
  );
}

/** How these pictures look. */
export const plotStyle = `
.plot { display: block; width: 100%; max-width: 680px; height: auto; margin: 0 auto; color: var(--ink, #1b1f24); }
.plot text { font: 15px system-ui, sans-serif; fill: currentColor; }
.plot .grid { stroke: currentColor; stroke-opacity: .13; fill: none; }
.plot .frame { stroke: currentColor; fill: none; }
.plot .guide { stroke: currentColor; stroke-dasharray: 2 3; fill: none; stroke-opacity: .8; }
.plot .line path { fill: none; stroke: var(--line); stroke-width: 2.2; }
.plot .line path.mark { fill: var(--line); stroke-dasharray: none; stroke-width: 1.6; }
.plot .thin path { stroke: currentColor; stroke-opacity: .3; stroke-width: 1; }
.plot .hollow path.mark { fill: var(--paper, #fff); }
.plot .l0 { --line: var(--c0, #0b5cad); } .plot .l1 { --line: var(--c1, #b3400f); } .plot .l2 { --line: var(--c2, #2b7a2e); }
.plot .l3 { --line: var(--c3, #7b3fa0); } .plot .l4 { --line: var(--c4, #8a6500); } .plot .l5 { --line: var(--c5, #5a6472); }
`;
