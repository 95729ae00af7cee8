// Question 1: nudging each weight.

import { chart } from "../../plots/chart.ts";
import { count, short } from "../../plots/number-text.ts";
import { duration } from "../duration.ts";
import type { Findings } from "../measure.ts";
import type { Section } from "./section.ts";
import { figure, measured, paragraph, table, theCatch } from "./section.ts";

export function oneByOneSection({ oneByOne }: Findings): Section {
  const { agreement, costs, slopes, errors } = oneByOne;
  const largest = costs.at(-1)!;
  const [single, double] = [errors[0]!, errors[1]!];
  const ratio = largest.nudging.ms / largest.backpropagation.ms;
  const mark = largest.nudging.measured ? "" : ", extrapolated";
  return {
    name: "Nudging every weight",
    question:
      "I tweak each weight by a tiny delta, run the network again and divide. It gives the same gradient with less math. What is the advantage?",
    answer:
      `You are right that it is the same gradient. It is less math to write, and far more for the machine to do: the advantage of backpropagation is its price. Your loop runs the network once more for every weight; backpropagation runs it once forward and once back, for all weights together. ` +
      `With ${count(largest.weights)} weights one single step takes ${duration(largest.nudging.ms)} by your loop${mark}, and ${duration(largest.backpropagation.ms)} by backpropagation. ` +
      `Besides, every delta is wrong: too large and the curve bends within it, too small and rounding eats the difference. Backpropagation has no delta.`,
    body: [
      paragraph(
        `<b>The same gradient.</b> On a network of ${agreement.weights} weights both vectors point the same way: the cosine of the angle between them is ${agreement.cosine.toFixed(12)}. For this comparison your loop nudged each weight both up and down, which is the more exact way: 2 · ${agreement.weights} runs, and one for the loss itself, ${agreement.nudging.evaluations} in all. Nudged up only, it would be ${agreement.weights} + 1 = ${agreement.weights + 1} runs. Backpropagation ran the network ${agreement.backpropagation.evaluations === 1 ? "once" : `${agreement.backpropagation.evaluations} times`}.`,
      ),
      table(
        ["weight", "backpropagation", "nudged by a delta"],
        agreement.first.map(([exact, nudged], i) => [
          `number ${i + 1}`,
          exact.toFixed(12),
          nudged.toFixed(12),
        ]),
      ),
      paragraph(
        `<b>The price.</b> Nudged up only, n weights need n + 1 forward passes (one for each weight, one for the loss to compare with); both ways, 2n. From here on it is the cheaper n + 1. Ten times the weights, ten times the passes. And each pass takes longer in a larger network: about ten times as long. So ten times the weights come to take a hundred times the seconds, once networks are large enough that a pass takes longer than starting it. Backpropagation needs one pass forward and one back, however many weights there are; only the passes become longer. The walk back costs about as much as one or two forward passes.`,
      ),
      figure(
        "passes",
        chart({
          description: "Forward passes for one gradient against the number of weights.",
          x: { label: "weights", log: true },
          y: { label: "forward passes for one gradient", log: true, from: 0.5 },
          lines: [
            {
              name: "nudging each weight",
              points: costs.map((c) => [c.weights, c.nudging.passes]),
              style: 1,
            },
            {
              name: "backpropagation",
              points: costs.map((c) => [c.weights, c.backpropagation.passes]),
              style: 0,
            },
          ],
        }),
        `Forward passes for one gradient. Fitted slope: ${slopes.passes.nudging.toFixed(2)} for nudging, ${slopes.passes.backpropagation.toFixed(2)} for backpropagation. Slope 1 means: ten times the weights, ten times the passes. Slope 0 means: always the same.`,
      ),
      figure(
        "cost",
        chart({
          description: "Milliseconds for one gradient against the number of weights.",
          x: { label: "weights", log: true },
          y: { label: "milliseconds for one gradient", log: true },
          lines: [
            {
              name: "nudging, measured",
              points: costs.filter((c) => c.nudging.measured).map((c) => [c.weights, c.nudging.ms]),
              style: 1,
            },
            {
              name: "nudging, extrapolated",
              points: costs.filter((c) => !c.nudging.measured).map((c) => [c.weights, c.nudging.ms]),
              style: 1,
              marks: "hollow",
            },
            {
              name: "backpropagation, measured",
              points: costs.map((c) => [c.weights, c.backpropagation.ms]),
              style: 0,
            },
          ],
        }),
        `Time for one gradient. Filled marks were measured in full. Hollow marks are extrapolated: one forward pass, measured at that size, times the number of passes. Slopes from ${count(slopes.largeFrom)} weights on: ${slopes.ms.nudging.toFixed(2)} for nudging (2 is a hundred times the time for ten times the weights), ${slopes.ms.backpropagation.toFixed(2)} for backpropagation. Small networks lie flatter, as a pass takes as long as its function calls.`,
      ),
      table(
        ["weights", "nudging", "", "backpropagation", "times as long"],
        costs.map((c) => [
          count(c.weights),
          duration(c.nudging.ms),
          c.nudging.measured ? "measured" : "extrapolated",
          duration(c.backpropagation.ms),
          short(c.nudging.ms / c.backpropagation.ms),
        ]),
      ),
      paragraph(
        `<b>The delta.</b> A large delta measures the slope of a chord, not of the curve (truncation). With a small one, two losses that agree in nearly all digits are subtracted, and what remains is rounding. Between the two is a best delta, which depends on the weight, the loss and the number format. Below it, things become worse again: the error has the shape of a U.`,
      ),
      ...errors.map(({ dtype, curves, backpropagation }) =>
        figure(
          `delta-${dtype}`,
          chart({
            description: `Relative error of the gradient against delta in ${dtype}: a U. The error of backpropagation is a line below.`,
            x: { label: "delta", log: true },
            y: { label: "error of the gradient", log: true, from: dtype === "float32" ? 1e-8 : 1e-17 },
            lines: curves.map(({ scheme, points }, i) => ({
              name: scheme === "forward" ? "forward: w and w + delta" : "central: w − delta and w + delta",
              points: points.map(({ delta, error }) => [delta, error] as const),
              style: i + 1,
            })),
            guides: [{ y: backpropagation, text: `backpropagation: ${short(backpropagation)}` }],
          }),
          `${dtype === "float32" ? "float32, the format that networks train in" : "float64, with twice the digits"}. ${curves.map(({ scheme, best }) => `Best ${scheme} difference: error ${short(best.error)} at delta ${short(best.delta)}`).join(". ")}. Backpropagation: ${short(backpropagation)}.${dtype === "float32" ? " An error of 1 means that nothing is known: w + delta rounds to w, or the loss does not change. Above 1 it is worse than the answer 0." : ""}`,
        ),
      ),
      measured(
        `Networks of two layers with <code>tanh</code>, 64 samples, float32, one thread; the loop is <code>finiteDifferences</code> of this library. All times are medians of at least three. In float32 the best delta of all gives an error of ${short(single.curves[1]!.best.error)}, ${count(single.curves[1]!.best.error / single.backpropagation)} times that of backpropagation. Errors are |g − truth| / |truth|. The truth is computed in float64 with <b>dual numbers</b>, by plain loops that share no code with the library: a dual number carries its derivative through every operation by the rules of calculus. No delta is chosen and no two nearby losses are subtracted, so only float64's own rounding remains. Backpropagation in float64 differs from it by ${short(double.backpropagation)}.`,
      ),
      theCatch(
        `Backpropagation needs to look inside: every operation must have a derivative, and the results of the forward pass must be kept in memory for the walk back. Your loop needs neither. That is why it is what one <i>checks</i> a gradient with (<code>checkGrad</code>), on a small network, once; to train ${count(largest.weights)} weights it would be ${short(ratio)} times slower${mark}.`,
      ),
    ],
  };
}
