// Question 6: partial and directional derivatives, and steepest ascent.

import { chart } from "../../plots/chart.ts";
import { short } from "../../plots/number-text.ts";
import type { Findings } from "../measure.ts";
import { cutSurface } from "../pictures.ts";
import type { Section } from "./section.ts";
import { figure, measured, paragraph, theCatch } from "./section.ts";

const degrees = (radians: number): number => (radians * 180) / Math.PI;

export function slopesSection({ slopes }: Findings): Section {
  const { point, gradient, steepest, along, farthest, slopes: all } = slopes;
  return {
    name: "Slopes in every direction",
    question:
      "What is the difference between a partial derivative, a directional derivative and the gradient? Why is the gradient the steepest way up?",
    answer:
      `A partial derivative is the slope if only one number changes. A directional derivative is the slope if you walk in any direction you like, by steps of length 1. The gradient is the list of all partial derivatives, and it contains every directional derivative: the slope in direction u is gradient · u = |gradient| cos(angle between them). ` +
      `A cosine is largest at angle 0, so no direction is steeper than the gradient's own; measured, the steepest of ${all.length} directions is at ${degrees(steepest.theta).toFixed(0)}°, the gradient at ${degrees(gradient.angle).toFixed(1)}°. Straight against the gradient the loss falls fastest; at right angles it stays as it is, for a small step.`,
    body: [
      figure(
        "partial",
        cutSurface(point, 0, gradient.x, `direction x: slope ∂f/∂x = ${short(gradient.x, 3)}`),
        `The surface f(x, y), cut by a plane on which only x changes. The cut is an ordinary curve of one number. The slope of its tangent (dashed) is the partial derivative by x.`,
      ),
      figure(
        "directional",
        cutSurface(
          point,
          gradient.angle,
          gradient.length,
          `direction of the gradient: slope ${short(gradient.length, 3)}`,
        ),
        `The same surface and point, cut along the gradient: a directional derivative. No other cut is steeper.`,
      ),
      figure(
        "cosine",
        chart({
          description:
            "The slope in every direction around the point is a cosine curve, with its maximum at the gradient.",
          x: { label: "direction, in degrees (0: x grows, 90: y grows)", from: 0, to: 360 },
          y: { label: "slope in this direction", from: -1.3 * gradient.length, to: 1.3 * gradient.length },
          lines: [
            {
              name: "|gradient| · cos(angle)",
              points: Array.from({ length: 181 }, (_, i) => [
                2 * i,
                gradient.length * Math.cos((2 * i * Math.PI) / 180 - gradient.angle),
              ]),
              style: 1,
              marks: "none",
            },
            {
              name: "measured by jvp",
              points: all.map(({ theta, slope }) => [degrees(theta), slope] as const),
              style: 0,
            },
          ],
          guides: [{ x: degrees(gradient.angle), text: "the gradient" }],
        }),
        `Walk around the point and measure the slope in each direction. At 0° it is ∂f/∂x = ${short(gradient.x, 3)}, at 90° ∂f/∂y = ${short(gradient.y, 3)}. The largest is at the gradient, the smallest opposite, and 0 in between, along the contour line.`,
      ),
      paragraph(
        `So two partial derivatives are enough to know the slope in all directions, and n are enough for n weights. That is why a list of partial derivatives deserves a name of its own. Gradient descent walks the opposite way: w ← w − α ∂L/∂w.`,
      ),
      measured(
        `f(x, y) = 0.25x² + 0.15y² + 0.5 sin(x + 0.5y) at (${point.x}, ${point.y}), in float64. <code>jvp</code> computes the slope in a direction without computing the gradient. In ${all.length} directions it differs from gradient · direction by at most ${short(farthest)}. In the direction of the gradient the slope is ${along.toFixed(6)}, which is the gradient's length, ${gradient.length.toFixed(6)}.`,
      ),
      theCatch(
        `Steepest at this point, and for steps that are short. Some way on, the surface has turned; so the gradient is computed anew in every step. And “steepest” assumes that all weights are measured by the same yardstick: stretch one of them and another direction is steepest.`,
      ),
    ],
  };
}
