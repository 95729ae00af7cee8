// Pairs of a prediction and its target, as residuals: how far each prediction is off, over the target.
import uPlot from "uplot";
import { element } from "./elements.ts";
import { mark, short } from "./format.ts";

const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** @param pairs [target, prediction] */
export function scatter(pairs: readonly (readonly [number, number])[]): HTMLElement {
  const sorted = pairs
    .filter(([target, prediction]) => target !== null && prediction !== null)
    .map(([target, prediction]) => [target, prediction - target] as const)
    .sort((a, b) => a[0] - b[0]);
  const errors = sorted.map(([, error]) => error);
  const mean = errors.reduce((sum, x) => sum + x, 0) / errors.length;
  const spread = Math.sqrt(errors.reduce((sum, x) => sum + (x - mean) ** 2, 0) / errors.length);
  const host = element("div", { class: "plot" });
  const draw = () => {
    host.replaceChildren();
    const font = "12px system-ui, sans-serif";
    const axis = {
      stroke: colour("--soft"),
      font,
      labelFont: font,
      grid: { stroke: colour("--grid"), width: 1 },
      ticks: { stroke: colour("--grid"), width: 1 },
    };
    const values = (_: uPlot, all: number[]) => all.map((x) => mark(x));
    new uPlot(
      {
        width: host.clientWidth,
        height: 260,
        padding: [8, 12, 0, 0],
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { time: false } },
        axes: [
          { ...axis, label: "target", labelSize: 18, size: 34, values },
          { ...axis, label: "prediction − target", labelSize: 18, size: 58, values },
        ],
        series: [
          {},
          { paths: () => null, points: { show: true, size: 5, fill: colour("--a"), stroke: colour("--a") } },
          { stroke: colour("--soft"), width: 1, dash: [4, 4], points: { show: false } },
        ],
      },
      [sorted.map(([target]) => target), errors, errors.map(() => 0)],
      host,
    );
  };
  document.addEventListener("draw", draw);
  return element(
    "div",
    {},
    element(
      "p",
      { class: "soft" },
      `Residuals of ${pairs.length} samples: mean ${short(mean)}, standard deviation ${short(spread)}`,
    ),
    host,
  );
}
