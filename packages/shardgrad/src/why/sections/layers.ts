// Question 2: layer by layer, or the whole network at once.

import { chart } from "../../plots/chart.ts";
import { count, short } from "../../plots/number-text.ts";
import type { Findings } from "../measure.ts";
import type { Section } from "./section.ts";
import { figure, measured, paragraph, table, theCatch } from "./section.ts";

export function layersSection({ layers }: Findings): Section {
  const { same, sharing, early, width } = layers;
  const deepest = sharing.at(-1)!;
  const ratio = deepest.separate.flops / deepest.shared.flops;
  const worst =
    early.rows.filter(({ afterAll }) => afterAll.right < early.before).at(-1) ?? early.rows.at(-1)!;
  return {
    name: "Layer by layer",
    question:
      "Backpropagation goes layer by layer. Why not take the gradient of the whole network at once? It is one big function.",
    answer:
      `It is the gradient of the whole network at once. Layer by layer is only the order in which one computes that vector, and the result is the same to the last bit (${count(same.weights)} weights compared, ${same.differing} differ). ` +
      `The order saves work: each layer reuses what the layer after it has computed. Without reuse, ${deepest.depth} layers take ${short(ratio)} times the arithmetic. ` +
      `What would be different is to update a layer before the gradient of the layer before it is taken: then it is no longer the gradient of the loss.`,
    body: [
      paragraph(
        `A network is one function, f(w) = loss. Its gradient has one number for each weight, of all layers. The chain rule says what each number is: a sum over all ways from the weight to the loss, of the products of the derivatives along each way. Weights in early layers have many long ways, and these ways share their last parts. Backpropagation starts at the loss and computes each shared part once. All gradients belong to <b>the same weights</b>, those of the forward pass; only when all are there are the weights changed, all at once.`,
      ),
      measured(
        `A network of ${same.layers} layers, differentiated in two ways: as a whole (<code>backpropagation</code>), and with a cut after every layer, so that no walk ever sees two layers (<code>layerByLayer</code>). ${count(same.weights)} numbers were compared bit by bit: <b>${same.differing === 0 ? "no difference" : `${same.differing} differ`}</b>.`,
      ),
      figure(
        "reuse",
        chart({
          description: "Multiplications and additions of the backward pass by depth, with and without reuse.",
          x: { label: "layers", log: true, from: 1.5, to: 40 },
          y: { label: "multiplications and additions", log: true },
          lines: [
            {
              name: "each layer on its own, from the loss",
              points: sharing.map((s) => [s.depth, s.separate.flops]),
              style: 1,
            },
            {
              name: "one walk that reuses (backpropagation)",
              points: sharing.map((s) => [s.depth, s.shared.flops]),
              style: 0,
            },
          ],
        }),
        `Arithmetic of the backward pass, counted from the kernels that ran, for layers of width ${width}. With reuse it grows like the number of layers; without, like its square.`,
      ),
      table(
        ["layers", "with reuse", "each on its own", "ratio", "ways from one input to the loss"],
        sharing.map((s) => [
          String(s.depth),
          count(s.shared.flops),
          count(s.separate.flops),
          short(s.separate.flops / s.shared.flops),
          s.paths < 1e6 ? count(s.paths) : short(s.paths),
        ]),
      ),
      paragraph(
        `The last column is what “one big function” would mean if taken literally: written out as one formula, the derivative is a sum over all ways through the network, ${width} to the power of the number of layers. Nobody can write that down. Reuse turns it into a few matrix products.`,
      ),
      paragraph(
        `<b>What does differ.</b> Suppose that a layer is updated on the way back, before the gradient of the layer before it is computed. Then that gradient is taken through weights that the forward pass never saw: it is the gradient of no loss. How wrong it is grows with the learning rate.`,
      ),
      table(
        [
          "learning rate",
          "angle to the true gradient",
          "loss after 1 step, right",
          "1 step, too early",
          `${early.steps} steps, right`,
          `${early.steps} steps, too early`,
        ],
        early.rows.map(({ lr, degrees, afterOne, afterAll }) => [
          String(lr),
          `${short(degrees)}°`,
          afterOne.right.toFixed(4),
          afterOne.early.toFixed(4),
          short(afterAll.right, 3),
          short(afterAll.early, 3),
        ]),
      ),
      measured(
        `The same start, loss ${early.before.toFixed(4)}, the same data. At learning rate ${worst.lr} the vector that is used is ${short(worst.degrees)}° away from the gradient, and after ${early.steps} steps the loss is ${short(worst.afterAll.early)} instead of ${short(worst.afterAll.right)}. With a tiny learning rate the weights hardly move within a step, so the difference is small, too.`,
      ),
      theCatch(
        `A vector that is a little wrong may still go downhill, and may even end lower, as some rows show. What is lost is the guarantee: straight against the true gradient the loss falls fastest, and in no other direction. At a learning rate that is too large neither helps.`,
      ),
    ],
  };
}
