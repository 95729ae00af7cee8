// Question 4: two passes and the update.
import { formatBytes } from "@shardgrad/core/engine";
import { chart } from "../../plots/chart.ts";
import { short } from "../../plots/number-text.ts";
import { duration } from "../duration.ts";
import type { Findings } from "../measure.ts";
import type { Section } from "./section.ts";
import { figure, measured, paragraph, table, theCatch } from "./section.ts";

export function oneStepSection({ oneStep }: Findings): Section {
  const { layers, along, best, descents, batch } = oneStep;
  const first = layers[0]!;
  const sum = (of: (layer: (typeof layers)[number]) => number) =>
    layers.reduce((total, layer) => total + of(layer), 0);
  const [forward, backward, update] = [
    sum((l) => l.forwardMs),
    sum((l) => l.backwardMs),
    sum((l) => l.updateMs),
  ];
  const [small, right, large] = descents as [
    (typeof descents)[0],
    (typeof descents)[0],
    (typeof descents)[0],
  ];
  const end = ({ losses }: { losses: number[] }) => short(losses.at(-1)!);
  const tiny = along.points.find(({ alpha }) => alpha >= 0.01) ?? along.points[0]!;
  const predicted = tiny.alpha * along.squaredLength;
  return {
    name: "Two passes and an update",
    question: "What happens in one step? Two passes, and then w ← w − α ∂L/∂w: what is α for?",
    answer:
      `Forward: compute the loss, and keep what each layer put out. Backward: from the loss to the first layer, compute ∂L/∂w for every weight. Update: move every weight against its derivative, by α times it. ` +
      `Here forward took ${duration(forward)}, backward ${duration(backward)} (${short(backward / forward)} times as long), the update ${duration(update)}. ` +
      `The gradient says which way is down at this point, not how far; α is how far. Too small wastes steps, too large jumps over the valley and up the other side.`,
    body: [
      table(
        ["layer", "forward", "backward", "update", "kept for backward", "weights", "gradient"],
        [
          ...layers.map((l) => [
            l.name,
            duration(l.forwardMs),
            duration(l.backwardMs),
            duration(l.updateMs),
            formatBytes(l.keptBytes),
            formatBytes(l.weightBytes),
            formatBytes(l.gradientBytes),
          ]),
          [
            "all",
            duration(forward),
            duration(backward),
            duration(update),
            formatBytes(sum((l) => l.keptBytes)),
            formatBytes(sum((l) => l.weightBytes)),
            formatBytes(sum((l) => l.gradientBytes)),
          ],
        ],
      ),
      paragraph(
        `What is kept is what the layer put out, for every sample of the batch: ${batch} samples × ${first.outputs} numbers × 4 bytes = ${formatBytes(4 * batch * first.outputs)} for the sums of the first layer, and as much for their <code>tanh</code>: ${formatBytes(first.keptBytes)}. The last layer has no <code>tanh</code>. Weights and gradients do not depend on the batch.`,
      ),
      paragraph(
        `In a deep network backward does about twice the arithmetic of forward: where forward multiplies by the weights once, backward multiplies twice, once to get the derivatives of the weights and once to hand the derivative on to the layer before. The first layer need not hand anything on, so it is less here. A forward pass alone may forget each layer's output at once; one that is followed by a backward pass must keep them. That, and one number of gradient for each weight, is the memory that training needs on top.`,
      ),
      figure(
        "learning-rate",
        chart({
          description:
            "Loss against the learning rate for one step from the same start: flat, then falling to a minimum, then rising.",
          x: { label: "α, the learning rate", log: true },
          y: { label: "loss after the step", log: true, to: 10 },
          lines: [
            {
              name: "loss at w − α ∂L/∂w",
              points: along.points.map(({ alpha, loss }) => [alpha, loss] as const),
              style: 0,
              marks: "none",
            },
          ],
          guides: [
            { y: along.start, text: `loss before: ${short(along.start, 3)}` },
            { x: best.alpha, text: `best: ${short(best.alpha)}` },
          ],
        }),
        `One gradient, one step, many α. On the left hardly anything happens: too small. Around ${short(best.alpha)} the step is best. On the right the loss ends higher than it began: too large.`,
      ),
      figure(
        "descents",
        chart({
          description: "Loss over steps for three learning rates.",
          x: { label: "steps" },
          y: { label: "loss", log: true },
          lines: descents.map(({ lr, losses }, i) => ({
            name: `α = ${lr}: ${["too small", "right", "too large"][i]}`,
            points: losses.map((loss, step) => [step, loss] as const),
          })),
        }),
        `Many steps. After ${small.losses.length - 1}: ${end(small)} with α = ${small.lr}, ${end(right)} with α = ${right.lr}, ${end(large)} with α = ${large.lr}.`,
      ),
      measured(
        `Layers ${layers.map(({ name }) => name).join(", ")}, a batch of ${batch}, float32, one thread. Close to the start the loss falls as the gradient predicts, by α |∂L/∂w|²: for α = ${short(tiny.alpha)} predicted ${short(predicted, 3)}, measured ${short(along.start - tiny.loss, 3)}.`,
      ),
      theCatch(
        `The best α of a single step is not the best one to train with: the next steps start elsewhere, where the surface bends differently. That is why learning rates have schedules, and why optimizers such as Adam scale the step of each weight.`,
      ),
    ],
  };
}
