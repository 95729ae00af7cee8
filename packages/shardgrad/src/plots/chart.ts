// Line charts. Lines differ in dashes and marks, so that nobody needs colours.
import type { Axis, Scale } from "./axis.ts";
import { scaleOf } from "./axis.ts";
import type { Line } from "./line.ts";
import { dashes, drawLine, marks } from "./line.ts";
import { escapeXml } from "./number-text.ts";
import type { Picture } from "./picture.ts";
import { spreadApart } from "./spread-apart.ts";

/** A straight line through the whole chart, with a word. */
export interface Guide {
  x?: number;
  y?: number;
  text: string;
}

export interface Chart {
  /** What a person who cannot see it should know. */
  description: string;
  /** Lines above the chart. */
  title?: string;
  subtitle?: string;
  x: Axis;
  y: Axis;
  lines: readonly Line[];
  guides?: readonly Guide[];
  /** Where the names of the lines are: in a legend below, or at their ends; default: a legend. */
  names?: "legend" | "ends";
}

const plotWidth = 560;
const plotHeight = 360;
const margin = { left: 76, right: 24, top: 14, bottom: 54 };
const letter = 8.2;

/** Where the chart itself is. */
interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

const at = (value: number): string => value.toFixed(1);
const textAt = (x: number | string, y: number | string, text: string, attributes = ""): string =>
  `<text x="${x}" y="${y}"${attributes}>${escapeXml(text)}</text>`;

/** Shortens a text to so many pixels. */
function clipped(text: string, pixels: number, wide = letter): string {
  const most = Math.floor(pixels / wide);
  return text.length <= most ? text : `${text.slice(0, Math.max(0, most - 1))}…`;
}

function drawAxes({ x, y }: Chart, across: Scale, up: Scale, { left, right, top, bottom }: Box): string {
  // A text that would touch the one before it is left out; its line stays.
  let free = Number.NEGATIVE_INFINITY;
  const columns = across.ticks.map(({ value, text }) => {
    const place = across.place(value);
    const grid = `<path class="grid" d="M${at(place)},${top}V${bottom}"/>`;
    const half = (text.length * letter) / 2;
    if (place - half < free) return grid;
    free = place + half + 6;
    return grid + textAt(at(place), bottom + 20, text, ' text-anchor="middle"');
  });
  const rows = up.ticks.map(({ value, text }) => {
    const place = up.place(value);
    return `<path class="grid" d="M${left},${at(place)}H${right}"/>${textAt(left - 8, at(place + 5), text, ' text-anchor="end"')}`;
  });
  const labels =
    textAt((left + right) / 2, bottom + 44, x.label, ' text-anchor="middle"') +
    `<text transform="translate(16,${(top + bottom) / 2}) rotate(-90)" text-anchor="middle">${escapeXml(y.label)}</text>`;
  return `${columns.join("")}${rows.join("")}<path class="frame" d="M${left},${top}V${bottom}H${right}"/>${labels}`;
}

function drawGuide({ x, y, text }: Guide, across: Scale, up: Scale, { left, right, top, bottom }: Box) {
  if (x !== undefined) {
    const place = across.place(x);
    // Near the right edge the word stands to the left of its line.
    const fits = place + 5 + text.length * letter <= right;
    return (
      `<path class="guide" d="M${at(place)},${top}V${bottom}"/>` +
      textAt(at(fits ? place + 5 : place - 5), top + 16, text, fits ? "" : ' text-anchor="end"')
    );
  }
  const place = up.place(y!);
  return (
    `<path class="guide" d="M${left},${at(place)}H${right}"/>` +
    textAt(right - 6, at(place - 6), text, ' text-anchor="end"')
  );
}

interface Styled {
  line: Line;
  style: number;
}

function drawLegend(lines: readonly Styled[], top: number): { svg: string; height: number } {
  let [column, row] = [margin.left, 0];
  const entries = lines.map(({ line, style }) => {
    const width = 44 + line.name.length * letter + 14;
    if (column > margin.left && column + width > plotWidth) [column, row] = [margin.left, row + 1];
    const [a, b] = [column, top + 22 * row];
    column += width;
    const hollow = line.marks === "hollow" ? " hollow" : "";
    const mark =
      line.marks === "none"
        ? ""
        : `<path class="mark" transform="translate(${a + 18},${b - 5})" d="${marks[style]}"/>`;
    return (
      `<g class="line l${style}${hollow}" stroke-dasharray="${dashes[style]}"><path d="M${a},${b - 5}h36"/>${mark}</g>` +
      textAt(a + 44, b, line.name)
    );
  });
  return { svg: entries.join(""), height: lines.length === 0 ? 0 : 22 * (row + 1) };
}

/** Names beside the last points, one below the other. */
function drawEnds(
  lines: readonly Styled[],
  across: Scale,
  up: Scale,
  { right, top, bottom }: Box,
  room: number,
) {
  const ends = lines.map(({ line }) =>
    line.points.reduce((last, point) => (point[0] > last[0] ? point : last)),
  );
  const places = spreadApart(
    ends.map(([, y]) => up.place(y)),
    19,
    [top, bottom],
  );
  return lines
    .map(({ line, style }, i) => {
      const [x, y] = [across.place(ends[i]![0]), up.place(ends[i]![1])];
      const leader = `<g class="line l${style}"><path class="leader" d="M${at(x + 7)},${at(y)}L${at(right + 14)},${at(places[i]!)}"/></g>`;
      return leader + textAt(at(right + 18), at(places[i]! + 5), clipped(line.name, room - 18));
    })
    .join("");
}

/** @throws RangeError if there is no point */
export function chart(what: Chart): Picture {
  const { description, title, subtitle, x, y, lines, guides = [], names = "legend" } = what;
  const points = lines.flatMap((line) => line.points);
  if (points.length === 0) throw new RangeError("chart: got no points, expected at least one");
  const styled = lines.map((line, place): Styled => ({ line, style: line.style ?? place }));
  const named = styled.filter(({ line }) => line.name !== "");
  const above = (title === undefined ? 0 : 26) + (subtitle === undefined ? 0 : 22);
  const longest = Math.max(0, ...named.map(({ line }) => line.name.length));
  const room = names === "ends" ? Math.min(260, 34 + longest * letter) : 0;
  const box = {
    left: margin.left,
    right: plotWidth - (room === 0 ? margin.right : 0),
    top: margin.top + above,
    bottom: plotHeight + above - margin.bottom,
  };
  const across = scaleOf(
    x,
    points.map(([a]) => a),
    box.left,
    box.right,
  );
  const heights = [
    ...points.flatMap(([, b, low = b, high = b]) => [low, high]),
    ...guides.flatMap(({ y: b }) => b ?? []),
  ];
  const up = scaleOf(y, heights, box.bottom, box.top);
  const width = plotWidth + room;
  const head =
    (title === undefined ? "" : textAt(margin.top, 26, clipped(title, width - 28, 9.5), ' class="title"')) +
    (subtitle === undefined ? "" : textAt(margin.top, above, clipped(subtitle, width - 28), ' class="soft"'));
  const legend = names === "ends" ? { svg: "", height: 0 } : drawLegend(named, plotHeight + above + 8);
  const content = [
    head,
    drawAxes(what, across, up, box),
    ...guides.map((guide) => drawGuide(guide, across, up, box)),
    ...styled.map(({ line, style }) => drawLine(line, style, across, up)),
    names === "ends" ? drawEnds(named, across, up, box, room) : legend.svg,
  ];
  return {
    kind: "chart",
    description,
    width,
    height: plotHeight + above + legend.height,
    content: content.join(""),
  };
}
