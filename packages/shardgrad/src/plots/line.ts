// One line of a chart: where it is broken, its dashes, its marks, and the ranges of its points.
import type { Scale } from "./axis.ts";

/** A point, and the range of what was measured there, drawn as a bar. */
export type Point = readonly [x: number, y: number, low?: number, high?: number];

export interface Line {
  /** Without a name it is thin, and not among the names. */
  name: string;
  points: readonly Point[];
  /** Number of its dashes and mark; default: its place among the lines. */
  style?: number;
  /** Marks at its points: filled, hollow (for what was not measured), or none; default filled. */
  marks?: "filled" | "hollow" | "none";
}

export const dashes = ["", "9 5", "3 4", "14 4 3 4", "6 3 1 3 1 3", "1 5"];
/** Outlines around the origin: a circle, a square, a triangle, a diamond, a triangle that stands on its head, a cross. */
export const marks = [
  "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0z",
  "M-4,-4h8v8h-8z",
  "M0,-5L5,4H-5z",
  "M0,-5.5L5.5,0L0,5.5L-5.5,0z",
  "M0,5L5,-4H-5z",
  "M-5,-1.5h3.5v-3.5h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5z",
];
/** More marks than these on a line would hide it. */
const mostMarks = 14;

const at = (value: number): string => value.toFixed(1);

/** The parts of a line between numbers that are missing or outside of the chart. */
function stretches({ points }: Line, x: Scale, y: Scale): Point[][] {
  const parts: Point[][] = [[]];
  for (const point of points) {
    const [a, b] = point;
    if (Number.isFinite(a) && Number.isFinite(b) && x.fits(a) && y.fits(b)) parts.at(-1)!.push(point);
    else if (parts.at(-1)!.length > 0) parts.push([]);
  }
  return parts.filter((part) => part.length > 0);
}

export function drawLine(line: Line, style: number, x: Scale, y: Scale): string {
  const parts = stretches(line, x, y);
  const paths = parts.map(
    (part) => `<path d="M${part.map(([a, b]) => `${at(x.place(a))},${at(y.place(b))}`).join("L")}"/>`,
  );
  const all = parts.flat();
  const ranges = all.flatMap(([a, , low, high]) => {
    if (low === undefined || high === undefined) return [];
    const [place, from, to] = [x.place(a), at(y.place(low)), at(y.place(high))];
    return `<path class="range" d="M${at(place)},${from}V${to}M${at(place - 5)},${from}h10M${at(place - 5)},${to}h10"/>`;
  });
  const every = Math.max(1, Math.ceil(all.length / mostMarks));
  const stamps = (line.marks === "none" ? [] : all.filter((_, i) => i % every === 0)).map(
    ([a, b]) =>
      `<path class="mark" transform="translate(${at(x.place(a))},${at(y.place(b))})" d="${marks[style]}"/>`,
  );
  const hollow = line.marks === "hollow" ? " hollow" : "";
  const thin = line.name === "" ? " thin" : "";
  return `<g class="line l${style}${hollow}${thin}" stroke-dasharray="${dashes[style]}">${paths.join("")}${ranges.join("")}${stamps.join("")}</g>`;
}
