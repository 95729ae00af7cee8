// Pictures that are no line charts: the valley of two weights, and a surface that a plane cuts.
import { chart } from "../plots/chart.ts";
import type { Line } from "../plots/line.ts";
import { escapeXml } from "../plots/number-text.ts";
import type { Picture } from "../plots/picture.ts";
import type { LinearProblem, Place } from "./nudging.ts";
import { height } from "./slopes.ts";

/** Lines of equal loss of a linear model of two weights, around its minimum of 0. */
function contours(
  { x }: LinearProblem,
  [a, b]: readonly [number, number],
  levels: readonly number[],
): Line[] {
  // The loss is dᵀ H d for a distance d from the minimum, with H = xᵀx / n. Its Cholesky factor makes a circle of it.
  const mean = (of: (row: readonly number[]) => number) =>
    x.reduce((sum, row) => sum + of(row), 0) / x.length;
  const [h11, h12, h22] = [mean(([p]) => p! * p!), mean(([p, q]) => p! * q!), mean(([, q]) => q! * q!)];
  const l11 = Math.sqrt(h11);
  const l21 = h12 / l11;
  const l22 = Math.sqrt(h22 - l21 * l21);
  return levels.map((level) => ({
    name: "",
    style: 0,
    marks: "none",
    points: Array.from({ length: 121 }, (_, i) => {
      const turn = (i * Math.PI) / 60;
      const d2 = (Math.sqrt(level) * Math.sin(turn)) / l22;
      const d1 = (Math.sqrt(level) * Math.cos(turn) - l21 * d2) / l11;
      return [a + d1, b + d2] as const;
    }),
  }));
}

/** Both paths over two weights, from above. */
export function valley(
  problem: LinearProblem,
  truth: readonly number[],
  nudged: readonly Place[],
  followed: readonly Place[],
): Picture {
  const points = (path: readonly Place[]) => path.map(({ w }) => [w[0]!, w[1]!] as const);
  return chart({
    description:
      "Lines of equal loss over two weights: a long narrow valley. Nudging one weight at a time by 0.5 stops on its slope; following the gradient comes close to the minimum.",
    x: { label: "first weight", from: -2, to: 2.5 },
    y: { label: "second weight", from: -1.5, to: 2.5 },
    lines: [
      ...contours(problem, [truth[0]!, truth[1]!], [0.02, 0.1, 0.3, 0.6, 1, 2, 4, 8]),
      { name: "following the gradient", points: points(followed), style: 0 },
      { name: "nudging by 0.5", points: points(nudged), style: 1 },
      { name: "minimum", points: [[truth[0]!, truth[1]!]], style: 3 },
    ],
  });
}

const steps = { along: 34, back: 16 };
const reach = { along: 2.6, back: 2.6 };

/**
 * The surface behind a vertical plane through `point`, with the curve where the plane cuts it and the tangent at the
 * point. The plane stands in the direction `theta`.
 */
export function cutSurface(
  point: { x: number; y: number },
  theta: number,
  slope: number,
  what: string,
): Picture {
  const [c, s] = [Math.cos(theta), Math.sin(theta)];
  const surfaceAt = (along: number, back: number) =>
    height(point.x + along * c - back * s, point.y + along * s + back * c);
  const place = (along: number, back: number, z: number) =>
    [250 + along * 72 + back * 44, 290 - z * 62 - back * 30] as const;
  const path = (points: readonly (readonly [number, number])[]) =>
    `M${points.map(([a, b]) => `${a.toFixed(1)},${b.toFixed(1)}`).join("L")}`;
  const alongAt = (i: number) => -reach.along + (2 * reach.along * i) / steps.along;
  const backAt = (j: number) => (reach.back * j) / steps.back;
  const on = (along: number, back: number) => place(along, back, surfaceAt(along, back));
  const tiles: string[] = [];
  for (let j = steps.back - 1; j >= 0; j--) {
    for (let i = 0; i < steps.along; i++) {
      const corners = [
        on(alongAt(i), backAt(j)),
        on(alongAt(i + 1), backAt(j)),
        on(alongAt(i + 1), backAt(j + 1)),
        on(alongAt(i), backAt(j + 1)),
      ];
      tiles.push(`<path class="tile" d="${path(corners)}Z"/>`);
    }
  }
  const curve = Array.from({ length: 81 }, (_, i) => on(-reach.along + (2 * reach.along * i) / 80, 0));
  const floor = [place(reach.along, 0, -0.9), place(-reach.along, 0, -0.9)];
  const z = surfaceAt(0, 0);
  const tangent = [-1.6, 1.6].map((along) => place(along, 0, z + slope * along));
  const [px, py] = place(0, 0, z);
  const content =
    tiles.join("") +
    `<path class="plane" d="${path([...curve, ...floor])}Z"/>` +
    `<path class="cut" d="${path(curve)}"/><path class="tangent" d="${path(tangent)}"/>` +
    `<circle class="point" cx="${px.toFixed(1)}" cy="${py.toFixed(1)}" r="5"/>` +
    `<text x="280" y="372" text-anchor="middle">${escapeXml(what)}</text>`;
  return {
    kind: "chart",
    description: `A surface cut by a vertical plane. The cut is a curve, and the slope of its tangent at the point is the derivative in this direction: ${slope.toFixed(2)}.`,
    width: 560,
    height: 384,
    content,
  };
}
