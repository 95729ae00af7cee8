// Question 3: gradient-free methods.

import { chart } from "../../plots/chart.ts";
import { count, short } from "../../plots/number-text.ts";
import { duration, percent } from "../duration.ts";
import type { Findings } from "../measure.ts";
import type { Section } from "./section.ts";
import { figure, measured, paragraph, table, theCatch } from "./section.ts";

export function raceSection({ race, notDifferentiable }: Findings): Section {
  const { methods, goal, weights, angles, ms } = race;
  const [exact, ...others] = methods;
  const arrived = others.filter(({ reached }) => reached).sort((a, b) => a.reached!.ms - b.reached!.ms);
  const differences = methods.find(({ name }) => name === "finite differences")!;
  const largest = angles.at(-1)!;
  const spsa = largest.curves[0]!.points.at(-1)!;
  const { points, smooth, says } = notDifferentiable;
  const last = Math.min(...points.map(({ wrong }) => wrong));
  const answer = arrived[0]
    ? `the best other method here, ${arrived[0].name}, takes ${duration(arrived[0].reached!.ms)}`
    : "none of the others gets there in the time given";
  return {
    name: "Gradient-free methods",
    question: "Then use gradient-free methods. Why compute a gradient at all?",
    answer:
      `You can, and for a loss without derivatives you must. But each run of the network tells such a method one number, and there are n weights to learn about. ` +
      `To reach a loss of ${goal} with ${count(weights)} weights, backpropagation takes ${exact!.reached ? duration(exact!.reached.ms) : "longer than it had"}; ${answer}. ` +
      `And the gap grows with the network: with ${count(largest.weights)} weights, ${count(spsa.evaluations)} runs give a direction with a cosine of only ${spsa.cosine.toFixed(2)} to the gradient, which backpropagation gets from one. ` +
      `They win where there is nothing to differentiate.`,
    body: [
      paragraph(
        `A random method asks: is the loss lower a little in <i>this</i> direction? It moves along random directions by how much they help. In n dimensions, nearly all random directions are nearly at right angles to the gradient, so each says little. The mean of m of them has a cosine of about √(m / (m + n)) with the gradient: to know the direction well takes more runs than there are weights.`,
      ),
      figure(
        "race-by-time",
        chart({
          description: "Loss against time for six methods.",
          x: { label: "milliseconds of training", log: true, from: 1 },
          y: { label: "loss", log: true },
          lines: methods.map(({ name, points: all }) => ({
            name,
            points: all.map(({ ms, loss }) => [ms, loss] as const),
          })),
        }),
        `Loss against time. The same network, the same data, the same start. Each method had ${duration(ms)} for each of three learning rates; the best of them is shown.`,
      ),
      figure(
        "race-by-runs",
        chart({
          description: "Loss against evaluations for six methods.",
          x: { label: "runs of the network", log: true, from: 1 },
          y: { label: "loss", log: true },
          lines: methods.map(({ name, points: all }) => ({
            name,
            points: all.map(({ evaluations, loss }) => [evaluations, loss] as const),
          })),
        }),
        "The same against the number of times that the network ran forward.",
      ),
      table(
        [
          "method",
          "runs for one step",
          "steps",
          "learning rate",
          `runs to loss ${goal}`,
          "time to it",
          "lowest loss",
        ],
        methods.map(({ name, lr, points: all, runsOfStep, reached, lowest }) => [
          name,
          short(runsOfStep, 3),
          count(all.at(-1)!.evaluations / runsOfStep),
          String(lr),
          reached ? count(reached.evaluations) : "not reached",
          reached ? duration(reached.ms) : "–",
          short(lowest),
        ]),
      ),
      paragraph(
        `Read the table by its second column. <i>Finite differences</i> nudge each of the ${count(weights)} weights once and need the loss before: ${count(weights + 1)} runs for one gradient, which is nearly exact, but there are only ${count(differences.points.at(-1)!.evaluations / differences.runsOfStep)} steps in the time. A random method takes a few runs for a step, and its step hardly knows the way. <i>One weight at a time</i> moves a weight as soon as a run says that the loss falls, and does not wait for the others.`,
      ),
      paragraph(
        `<i>Forward gradients</i> are not free of derivatives. They take the exact slope along a random direction (a Jacobian-vector product, <code>jvp</code>), and for that every operation must have a derivative, as for backpropagation. What they do without is the walk back, and the memory that it needs. So they do not help where nothing can be differentiated; they are here as they show that the exact slope along a direction is hardly better than one from two runs: what is missing is the number of directions.`,
      ),
      figure(
        "directions",
        chart({
          description: "Cosine to the true gradient against evaluations, for three sizes of network.",
          x: { label: "runs of the network for one estimate", log: true },
          y: { label: "cosine to the true gradient", from: 0, to: 1 },
          lines: angles.flatMap(({ weights: n, curves }, i) => [
            {
              name: `SPSA, ${count(n)} weights`,
              points: curves[0]!.points.map(({ evaluations, cosine }) => [evaluations, cosine] as const),
              style: i,
            },
            {
              name: `forward gradients, ${count(n)} weights`,
              points: curves[2]!.points.map(({ evaluations, cosine }) => [evaluations, cosine] as const),
              style: i + 3,
            },
          ]),
        }),
        "How well the mean of random directions knows the gradient. 1 is the gradient itself, 0 a right angle. Backpropagation is at 1 after one run, at any size.",
      ),
      table(
        [
          "weights",
          ...angles[0]!.curves.map(
            ({ name }) => `${name}, ${count(angles[0]!.curves[0]!.points.at(-1)!.evaluations)} runs`,
          ),
          "finite differences",
        ],
        angles.map(({ weights: n, curves, differences }) => [
          count(n),
          ...curves.map(({ points: all }) => all.at(-1)!.cosine.toFixed(3)),
          `${differences.cosine.toFixed(3)} after ${count(differences.evaluations)} runs`,
        ]),
      ),
      paragraph(
        `<b>When they win.</b> Here is a network whose activations are rounded to −1 or 1, and whose loss is the share of wrong answers. Such a loss is a staircase: flat nearly everywhere. ${says === "0" ? "Backpropagation returns a gradient of zeros, so nothing moves." : `Backpropagation answers: “${says}”.`} Evolution strategies only ask which of two networks makes fewer mistakes. They train it.`,
      ),
      figure(
        "staircase",
        chart({
          description:
            "Share of wrong answers against evaluations: evolution strategies fall, backpropagation stays.",
          x: { label: "runs of the network" },
          y: { label: "wrong answers, %", from: 0 },
          lines: [
            {
              name: "evolution strategies",
              points: points.map(({ evaluations, wrong }) => [evaluations, 100 * wrong] as const),
              style: 3,
            },
            {
              name: "backpropagation (no gradient)",
              points: [
                [0, 100 * points[0]!.wrong],
                [points.at(-1)!.evaluations, 100 * points[0]!.wrong],
              ],
              style: 0,
            },
          ],
        }),
        `A rounded network of ${count(notDifferentiable.weights)} weights, trained on its number of mistakes: from ${percent(points[0]!.wrong)} wrong to ${percent(last)}.`,
      ),
      measured(
        `${count(weights)} weights, 96 samples, one thread; watching the loss costs the methods nothing. Backpropagation and a forward gradient count as one run, though they take about three times as long as a forward pass alone.`,
      ),
      theCatch(
        `Where a smooth stand-in exists, most people train that instead: a network of the same size with smooth activations and a smooth loss, by backpropagation, makes ${percent(smooth.wrong)} mistakes after ${count(smooth.evaluations)} runs. Gradient-free methods are for what has no stand-in: simulators, games, programs, hardware. They also share well: workers exchange a few numbers instead of gradients, as the directions can be drawn again from a seed. In a job of this library that is one line, <code>gradient: evolutionStrategies({ seed: 1 })</code>.`,
      ),
    ],
  };
}
