// The plots: uPlot, with a legend whose lines differ by dashes as well as by colour.
import uPlot from "uplot";
import type { Maybe } from "../run-data.ts";
import { element } from "./elements.ts";
import { mark, short } from "./format.ts";

export interface Line {
  name: string;
  values: readonly Maybe[];
  /** Points at its values, too. */
  points?: boolean;
  /** In the background: numbers of single steps are noisy. */
  faint?: boolean;
}

export interface Chart {
  title: string;
  /** What the x axis counts. */
  across: string;
  x: readonly number[];
  lines: readonly Line[];
  /** Logarithmic, if all values are positive and far apart. */
  mayBeLogarithmic?: boolean;
  /** A share, from 0 to 1. */
  isShare?: boolean;
  note?: string;
}

/** Colours, dashes and widths, in the order of the lines. */
const looks = [
  { colour: "--a", dash: [], width: 1.5 },
  { colour: "--b", dash: [7, 4], width: 2 },
  { colour: "--c", dash: [2, 3], width: 2 },
  { colour: "--d", dash: [10, 3, 2, 3], width: 2 },
];

const lookOf = (index: number) => looks[index % looks.length]!;
const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function sample(index: number, points: boolean): SVGElement {
  const { colour: name, dash, width } = lookOf(index);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const set = (of: Element, attributes: Readonly<Record<string, string>>) => {
    for (const [key, value] of Object.entries(attributes)) of.setAttribute(key, value);
  };
  set(svg, { width: "26", height: "10", "aria-hidden": "true" });
  const line = document.createElementNS(svg.namespaceURI, "line");
  const style = { stroke: `var(${name})`, "stroke-width": String(width), "stroke-dasharray": dash.join(" ") };
  set(line, { x1: "0", x2: "26", y1: "5", y2: "5", ...style });
  svg.append(line);
  if (!points) return svg as SVGElement;
  const dot = document.createElementNS(svg.namespaceURI, "circle");
  set(dot, { cx: "13", cy: "5", r: "3", fill: `var(${name})` });
  svg.append(dot);
  return svg as SVGElement;
}

const isLogarithmic = ({ mayBeLogarithmic, lines }: Chart): boolean => {
  const values = lines.flatMap(({ values }) => values.filter((value) => value !== null));
  if (!mayBeLogarithmic || values.length === 0) return false;
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return least > 0 && most / least > 50;
};

/** Marks along a logarithmic axis: powers of ten. */
const logFilter: uPlot.Axis.Filter = (_, splits) =>
  splits.map((value) => (Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-9 ? value : null));

export class Plot {
  readonly card: HTMLElement;
  readonly #host = element("div", { class: "plot" });
  readonly #values: HTMLElement[] = [];
  #chart: Chart;
  #plot: uPlot | undefined;
  #logarithmic = false;

  constructor(chart: Chart) {
    this.#chart = chart;
    const legend = element("div", { class: "legend" });
    chart.lines.forEach(({ name, points }, index) => {
      const value = element("b", {});
      this.#values.push(value);
      legend.append(element("span", {}, sample(index, points === true), name, value));
    });
    const note = chart.note === undefined ? undefined : element("p", { class: "soft" }, chart.note);
    this.card = element(
      "figure",
      { class: "card" },
      element("h3", {}, chart.title),
      legend,
      this.#host,
      note,
    );
    this.card.style.margin = "0";
  }

  /** Draws anew, in the colours of now, as wide as there is room. */
  draw(width = this.#host.clientWidth, height = 230): void {
    this.#plot?.destroy();
    this.#logarithmic = isLogarithmic(this.#chart);
    this.#plot = new uPlot(this.#options(width, height), this.#data(), this.#host);
    this.#tell(undefined);
  }

  update(chart: Chart): void {
    this.#chart = chart;
    if (this.#plot && isLogarithmic(chart) === this.#logarithmic) this.#plot.setData(this.#data());
    else this.draw();
    this.#tell(undefined);
  }

  resize(): void {
    this.#plot?.setSize({ width: this.#host.clientWidth, height: 230 });
  }

  #data(): uPlot.AlignedData {
    return [this.#chart.x as number[], ...this.#chart.lines.map(({ values }) => values as number[])];
  }

  /** The values under the cursor, or the last ones. */
  #tell(at: number | null | undefined): void {
    this.#chart.lines.forEach(({ values }, index) => {
      const value = at === null || at === undefined ? values.findLast((one) => one !== null) : values[at];
      this.#values[index]!.textContent = short(value);
    });
  }

  #options(width: number, height: number): uPlot.Options {
    const [ink, grid] = [colour("--soft"), colour("--grid")];
    const font = "12px system-ui, sans-serif";
    const axis = {
      stroke: ink,
      font,
      grid: { stroke: grid, width: 1 },
      ticks: { stroke: grid, width: 1, size: 5 },
    };
    const { isShare } = this.#chart;
    return {
      width,
      height,
      padding: [8, 24, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: true, y: false }, points: { size: 7 } },
      scales: {
        x: { time: false },
        y: {
          distr: this.#logarithmic ? 3 : 1,
          ...(isShare && { range: (_, __, most) => [0, Math.min(1, Math.max(0.05, most * 1.1))] }),
        },
      },
      axes: [
        {
          ...axis,
          label: this.#chart.across,
          labelFont: font,
          labelSize: 18,
          size: 34,
          values: (_, all) => all.map((x) => (Number.isInteger(x) ? mark(x) : "")),
        },
        {
          ...axis,
          size: 58,
          ...(this.#logarithmic && {
            filter: logFilter,
            grid: { ...axis.grid, filter: logFilter },
            ticks: { ...axis.ticks, filter: logFilter },
          }),
          values: (_, all) => all.map((y) => (y === null ? "" : mark(y))),
        },
      ],
      hooks: { setCursor: [({ cursor }) => this.#tell(cursor.idx)] },
      series: [
        {},
        ...this.#chart.lines.map(({ points, faint }, index): uPlot.Series => {
          const { colour: name, dash, width } = lookOf(index);
          const stroke = faint ? `${colour(name)}88` : colour(name);
          return {
            stroke,
            width: faint ? 1 : width,
            dash,
            spanGaps: true,
            points: { show: points === true || this.#chart.x.length < 3, size: 6, fill: stroke, stroke },
          };
        }),
      ],
    };
  }
}
