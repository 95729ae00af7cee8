// The sliders of the page. Runs in the browser, on @shardgrad/core alone; tsup bundles it, and page.ts puts it inside.
import { backpropagation, finiteDifferences } from "@shardgrad/core";
import { chart } from "../../plots/chart.ts";
import { count, powerOfTen, short } from "../../plots/number-text.ts";
import { inPage } from "../../plots/picture.ts";
import { duration } from "../duration.ts";
import { descend, lossNow, spiralProblem } from "../networks.ts";
import { gradientBy } from "../one-by-one.ts";
import { cosine, relativeError } from "../vectors.ts";

/** Neurons in the middle; a network has six weights for each, and three more. */
const hidden = [1, 2, 4, 8, 16, 33, 66, 125, 250, 500];
const steps = 60;

const element = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const slider = (id: string): number => Number(element<HTMLInputElement>(id).value);

function timed<T>(body: () => T): { result: T; ms: number } {
  const start = performance.now();
  const result = body();
  return { result, ms: performance.now() - start };
}

/** The two gradients, and what they cost. */
function compareGradients(widths: readonly number[], delta: number): string {
  const problem = spiralProblem(widths);
  // The first pass of any kind also prepares kernels.
  gradientBy(backpropagation(), problem);
  const exact = timed(() => gradientBy(backpropagation(), problem));
  const nudged = timed(() => gradientBy(finiteDifferences({ scheme: "forward", stepSize: delta }), problem));
  const error = relativeError(nudged.result.gradient, exact.result.gradient);
  const angle = cosine(
    nudged.result.gradient.map((value) => value || 0),
    exact.result.gradient,
  );
  const verdict =
    error < 0.01
      ? "close"
      : error < 0.3
        ? "rough"
        : "useless: rounding or the bend of the curve has taken over";
  return (
    `Nudging each of ${count(problem.weights)} weights by ${short(delta)} (float32): ${count(nudged.result.evaluations)} runs, ${duration(nudged.ms)}. ` +
    `Backpropagation: ${exact.result.evaluations} run and a walk back, ${duration(Math.max(exact.ms, 0.001))}. ` +
    `The nudged gradient is ${short(100 * error)} % off (cosine ${angle.toFixed(4)}): ${verdict}.`
  );
}

/** Gradient descent with one learning rate: the losses. */
function train(widths: readonly number[], rate: number): number[] {
  const problem = spiralProblem(widths);
  const exact = backpropagation();
  const losses = [lossNow(problem)];
  for (let step = 0; step < steps; step++) {
    const { gradients } = exact.estimate(problem.loss, problem.parameters);
    descend(problem.parameters, gradients, rate);
    losses.push(lossNow(problem));
  }
  return losses;
}

function show(): void {
  const widths = [2, hidden[slider("weights")]!, 3];
  const [delta, rate] = [10 ** slider("delta"), 10 ** slider("rate")];
  element("weights-shown").textContent = count(6 * widths[1]! + 3);
  element("delta-shown").textContent = Number.isInteger(slider("delta"))
    ? powerOfTen(slider("delta"))
    : short(delta);
  element("rate-shown").textContent = short(rate);
  try {
    element("gradient-said").textContent = compareGradients(widths, delta);
    const losses = train(widths, rate);
    element("descent").innerHTML = inPage(
      chart({
        description: "Loss over steps of gradient descent with the chosen learning rate.",
        x: { label: "steps of w ← w − α ∂L/∂w" },
        y: {
          label: "loss",
          from: 0,
          to: Math.max(1.5, Math.min(6, ...losses.slice(1).map((loss) => 1.2 * loss))),
        },
        lines: [{ name: `α = ${short(rate)}`, points: losses.map((loss, step) => [step, loss] as const) }],
      }),
    );
    const [first, last] = [losses[0]!, losses.at(-1)!];
    const verdict = !(last < first)
      ? "too large"
      : last > 0.9 * first
        ? "too small for so few steps"
        : "it learns";
    element("descent-said").textContent =
      `After ${steps} steps the loss went from ${short(first, 3)} to ${short(last, 3)}: ${verdict}.`;
  } catch (error) {
    element("gradient-said").textContent = `This browser cannot run it: ${String(error)}`;
  }
}

let due: ReturnType<typeof setTimeout> | undefined;
for (const id of ["weights", "delta", "rate"]) {
  element(id).addEventListener("input", () => {
    clearTimeout(due);
    due = setTimeout(show, 60);
  });
}
show();
