// What the page claims, on small sizes: numbers that are counted or computed, and none of a clock.
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { graphDrawer } from "./draw-graph.ts";
import { whyFiles } from "./markdown.ts";
import { measureAll } from "./measure.ts";
import { combinations } from "./nudging.ts";
import type { Cost } from "./one-by-one.ts";
import { costSlopes } from "./one-by-one.ts";
import { sectionsOf } from "./sections/index.ts";

const small = {
  oneByOne: {
    networks: [
      [1, 3, 1],
      [9, 9, 1],
    ],
    deltas: [1e-1, 1e-2, 1e-4, 1e-7, 1e-12],
    mostMs: 0,
  },
  layers: { depths: [2, 4, 8], width: 4, lrs: [0.001, 1], steps: 3 },
  race: {
    widths: [2, 4, 3],
    ms: Number.POSITIVE_INFINITY,
    evaluations: 60,
    networks: [
      [2, 2, 3],
      [2, 12, 3],
    ],
    mostEvaluations: 64,
  },
  notDifferentiable: { widths: [2, 12, 3], samples: 24, population: 32, steps: 20 },
  oneStep: {
    layers: [16, 8, 3],
    batch: 16,
    leastMs: 0,
    widths: [2, 4, 3],
    alphas: [0.01, 1, 1000],
    steps: 3,
  },
};

const findings = measureAll(small);
const { oneByOne, layers, race, notDifferentiable, oneStep, nudging, slopes, graphs } = findings;

describe("nudging every weight", () => {
  it("finds backpropagation's gradient, in 2n + 1 evaluations instead of 1", () => {
    const { weights, cosine, backpropagation, nudging: nudged } = oneByOne.agreement;
    expect(cosine).toBeGreaterThan(1 - 1e-12);
    expect([backpropagation.evaluations, nudged.evaluations]).toEqual([1, 2 * weights + 1]);
    expect(nudged.error).toBeLessThan(1e-8);
  });

  it("has the truth from dual numbers: float64 backpropagation differs from it by rounding only", () => {
    expect(oneByOne.agreement.backpropagation.error).toBeLessThan(1e-14);
  });

  it.each(oneByOne.errors)(
    "has an error with the shape of a U in $dtype, above backpropagation's",
    (found) => {
      for (const { points, best } of found.curves) {
        expect(points[0]!.error).toBeGreaterThan(best.error);
        expect(points.at(-1)!.error).toBeGreaterThan(best.error);
        expect(best.error).toBeGreaterThan(found.backpropagation);
      }
    },
  );

  it("is extrapolated, and says so, where the loop would take too long", () => {
    for (const { weights, passMs, nudging: nudged } of oneByOne.costs) {
      expect(nudged).toEqual({ passes: weights + 1, ms: (weights + 1) * passMs, measured: false });
    }
  });

  it("fits the slopes of what grows with n and n²", () => {
    const costs = [1e5, 1e6].map(
      (weights): Cost => ({
        weights,
        passMs: weights,
        backpropagation: { passes: 1, ms: 3 * weights },
        nudging: { passes: weights, ms: weights ** 2, measured: true },
      }),
    );
    const { passes, ms } = costSlopes(costs);
    const all = [passes.nudging, passes.backpropagation, ms.nudging, ms.backpropagation];
    expect(all.map((slope) => Number(slope.toFixed(9)))).toEqual([1, 0, 2, 1]);
  });
});

describe("layer by layer", () => {
  it("is the gradient of the whole network, to the last bit", () => {
    expect(layers.same).toMatchObject({ layers: 7, weights: 643, differing: 0 });
  });

  it("takes about 3d products with reuse; without, each layer repeats those behind it", () => {
    const products = (depth: number) => 2 * 8 * 4 * 4 * depth;
    for (const { depth, shared, separate, paths } of layers.sharing) {
      // One product for the weights of each layer, and one to hand on, but for the first.
      expect(shared.flops).toBe(products(depth) + products(depth - 1));
      expect(separate.flops).toBe(products(depth) + products((depth * (depth - 1)) / 2));
      expect(paths).toBe(4 ** depth);
    }
  });

  it("is another vector if layers are updated on the way, the more the larger the learning rate", () => {
    const [tiny, large] = layers.early.rows;
    expect(tiny!.degrees).toBeLessThan(0.1);
    expect(large!.degrees).toBeGreaterThan(1);
    expect(tiny!.afterOne.early).toBeCloseTo(tiny!.afterOne.right, 5);
  });
});

describe("gradient-free methods", () => {
  it("train, and count their evaluations", () => {
    for (const { points, lowest } of race.methods) {
      expect(lowest).toBeLessThanOrEqual(points[0]!.loss);
      expect(points.at(-1)!.evaluations).toBeGreaterThanOrEqual(small.race.evaluations);
    }
    expect(race.methods[0]!.points.at(-1)!.evaluations).toBe(small.race.evaluations);
  });

  it("know the gradient better with more evaluations and fewer weights", () => {
    const [few, many] = race.angles;
    for (const { points } of few!.curves) expect(points.at(-1)!.cosine).toBeGreaterThan(points[0]!.cosine);
    few!.curves.forEach(({ points }, i) => {
      expect(points.at(-1)!.cosine).toBeGreaterThan(many!.curves[i]!.points.at(-1)!.cosine);
    });
    expect(many!.differences.cosine).toBeGreaterThan(0.99);
  });

  it("win on a loss that counts mistakes, where backpropagation finds zeros", () => {
    const { says, points } = notDifferentiable;
    expect(says).toBe("0");
    expect(points.at(-1)!.wrong).toBeLessThan(points[0]!.wrong);
  });
});

it("one step: forward keeps each layer's output, and α decides whether the loss falls", () => {
  const { layers: found, along, best, batch } = oneStep;
  expect(found.map(({ name, weights }) => [name, weights])).toEqual([
    ["16 → 8", 136],
    ["8 → 3", 27],
  ]);
  for (const [i, width] of [8, 3].entries())
    expect(found[i]!.keptBytes).toBeGreaterThanOrEqual(4 * batch * width);
  expect(best.alpha).toBe(1);
  expect(best.loss).toBeLessThan(along.start);
  expect(along.points.at(-1)!.loss).toBeGreaterThan(along.start);
  const [{ alpha, loss }] = along.points as [{ alpha: number; loss: number }];
  expect((along.start - loss) / (alpha * along.squaredLength)).toBeCloseTo(1, 1);
});

describe("nudging by 0.5", () => {
  it("stops within half a nudge with one weight, and on a slope with two", () => {
    const { one, two } = nudging;
    expect(Math.abs(one.nudged.path.at(-1)!.w[0]! - 1.3)).toBeLessThanOrEqual(0.25);
    const stuck = two.nudged.path.at(-1)!;
    for (const { loss } of two.nudged.around) expect(loss).toBeGreaterThan(stuck.loss);
    expect(stuck.loss).toBeGreaterThan(0.2);
    expect(two.followed.at(-1)!.loss).toBeLessThan(0.05);
  });

  it("has 3ⁿ combinations", () => {
    expect(combinations(10)).toMatchObject({ exact: 59_049 });
    expect(combinations(1_000_000).powerOfTen).toBeCloseTo(477_121.25, 1);
  });
});

it("the slope in each direction is gradient · direction, and largest along the gradient", () => {
  const { farthest, along, gradient, steepest } = slopes;
  expect(farthest).toBeLessThan(1e-14);
  expect(along).toBeCloseTo(gradient.length, 14);
  expect(Math.abs(steepest.theta - gradient.angle)).toBeLessThanOrEqual(Math.PI / 72);
});

it("the graph of (x + y) z has its values and gradients", () => {
  const found = graphs.formula.nodes.map(({ name, value, gradient }) => [name?.[0], value, gradient]);
  expect(found).toEqual([
    ["x", "-2", "-4"],
    ["y", "5", "-4"],
    ["q", "3", "-4"],
    ["z", "-4", "3"],
    ["f", "-12", "1"],
  ]);
});

it("the committed page has the questions, tables and pictures of today, and no picture is left over", async () => {
  const docs = new URL("../../../../docs/", import.meta.url);
  const measurement = { machine: "", date: "", seconds: 0, othersLoad: 0 };
  const files = whyFiles(sectionsOf(findings, await graphDrawer()), measurement);
  const page = readFileSync(new URL("why-backpropagation.md", docs), "utf8");
  const frame = (text: string) =>
    text
      .split("\n")
      .filter((line, i, lines) => /^(#|<img)/.test(line) || /^\| -/.test(lines[i + 1] ?? ""))
      .map((line) =>
        line
          .replace(/ alt=.*/, "")
          .replace(/ {2,}/g, " ")
          .replace(/[\d,]*\d/g, "n"),
      );
  const today = files.get("why-backpropagation.md")!;
  expect(frame(page), "run `npm run why -- --docs docs` on an idle machine").toEqual(frame(today));
  const pictures = readdirSync(docs).filter((name) => /^why-.*\.svg$/.test(name));
  expect(pictures).toEqual([...files.keys()].filter((name) => name.endsWith(".svg")).sort());
});
