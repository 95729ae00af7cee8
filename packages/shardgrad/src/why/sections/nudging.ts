// Question 5: nudging by 0.5.

import { chart } from "../../plots/chart.ts";
import { count, powerOfTen, short } from "../../plots/number-text.ts";
import type { Findings } from "../measure.ts";
import { lossAt } from "../nudging.ts";
import { valley } from "../pictures.ts";
import type { Section } from "./section.ts";
import { figure, measured, paragraph, table, theCatch } from "./section.ts";

export function nudgingSection({ nudging }: Findings): Section {
  const { one, two, step, combinations } = nudging;
  const stuck = two.nudged.path.at(-1)!;
  const near = one.nudged.path.at(-1)!;
  const millions = combinations.at(-1)!;
  const curve = Array.from({ length: 81 }, (_, i) => -2 + (5.5 * i) / 80);
  return {
    name: "Nudging by 0.5",
    question:
      "In a linear model I nudge w by 0.5 in the direction that lowers the loss. Why not do that always?",
    answer:
      `With one weight it works, nearly: it walks down and stops within half a nudge of the minimum (at ${short(near.w[0]!)}, where ${short(one.truth[0]!)} is best). ` +
      `With two weights it can get stuck on a slope: here at a loss of ${short(stuck.loss, 3)}, although 0 is possible, because every single nudge makes things worse and only both together would help. ` +
      `To try all combinations of up, down and stay takes 3ⁿ runs: 9 for two weights, ${short(combinations[2]!.exact!, 5)} for ten, a number of ${count(Math.floor(millions.powerOfTen) + 1)} digits for a million. The gradient gives every weight its own direction and its own size of step at once.`,
    body: [
      figure(
        "one-weight",
        chart({
          description:
            "Loss of a linear model against its weight: a parabola, with the places that nudging and the gradient visit.",
          x: { label: "the weight w" },
          y: { label: "loss", from: 0 },
          lines: [
            {
              name: "",
              points: curve.map((w) => [w, lossAt(one.problem, [w])] as const),
              style: 0,
              marks: "none",
            },
            {
              name: "following the gradient",
              points: one.followed.map(({ w, loss }) => [w[0]!, loss] as const),
              style: 0,
            },
            {
              name: `nudging by ${step}`,
              points: one.nudged.path.map(({ w, loss }) => [w[0]!, loss] as const),
              style: 1,
            },
          ],
        }),
        `One weight. The loss of y = w·x is a parabola. Nudging goes ${one.nudged.path.length - 1} times by ${step} and stops at ${short(near.w[0]!)}: both neighbours are higher. The gradient takes long steps where it is steep and short ones near the bottom, and comes within ${short(Math.abs(one.followed.at(-1)!.w[0]! - one.truth[0]!))} of the minimum.`,
      ),
      figure(
        "valley",
        valley(two.problem, two.truth, two.nudged.path, two.followed),
        `Two weights, whose inputs say nearly the same. The thin lines join places of equal loss: a narrow valley that runs diagonally. Nudging stops after ${two.nudged.path.length - 1} moves: left, right, up and down of it all are higher (${two.nudged.around.map(({ loss }) => loss.toFixed(2)).join(", ")} against ${stuck.loss.toFixed(2)}). Steps against the gradient move both weights at once, and after ${two.followed.length - 1} steps the loss is ${short(two.followed.at(-1)!.loss)}.`,
      ),
      table(
        ["weights", "combinations of −0.5, 0, +0.5"],
        combinations.map(({ weights, exact, powerOfTen: power }) => [
          count(weights),
          exact === undefined ? `about ${powerOfTen(Math.round(power))}` : count(exact),
        ]),
      ),
      paragraph(
        `There are about ${powerOfTen(80)} atoms in the universe that we see. A hundred weights have ${powerOfTen(48)} combinations, and two hundred have more than there are atoms. Trying one weight at a time is cheaper, one run for each try, but then a sweep over a million weights takes two million runs, and it stops where the picture above stops.`,
      ),
      paragraph(
        `Two things are wrong with the nudge. Its <b>size</b> is the same for all weights and at all times: 0.5 is too small far away and too large close by. And its <b>direction</b> is along one axis, while the way down is usually diagonal. The gradient has both: w ← w − α ∂L/∂w moves each weight by its own share.`,
      ),
      measured(
        `Eight samples, no noise, so a loss of 0 can be reached. Nudging ran the model ${one.nudged.evaluations} times for one weight and ${two.nudged.evaluations} times for two.`,
      ),
      theCatch(
        `A smaller nudge stops later, but it does stop, and takes more runs. To nudge all weights at once, each to its better side, is no way out either: what is better for each alone can be worse for all together. With the gradient, α has the same trouble in a milder form: see question 4.`,
      ),
    ],
  };
}
