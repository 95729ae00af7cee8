// Question 7: the computational graph.

import { count } from "../../plots/number-text.ts";
import type { DrawGraph } from "../draw-graph.ts";
import type { Findings } from "../measure.ts";
import type { Section } from "./section.ts";
import { figure, measured, paragraph, theCatch } from "./section.ts";

export function graphsSection({ graphs }: Findings, draw: DrawGraph): Section {
  const { formula, network } = graphs;
  const node = (name: string) => formula.nodes.find((one) => one.name?.startsWith(name))!;
  const [x, y, z, q, f] = ["x", "y", "z", "q", "f"].map((name) => {
    const { value, gradient } = node(name);
    return { value: value?.replace("-", "−"), gradient: gradient?.replace("-", "−") };
  });
  return {
    name: "The computational graph",
    question: "What is a computational graph, and how do gradients flow through f = (x + y)·z?",
    answer:
      `It is the formula as a drawing: a node for each number and each operation, an arrow from what is used to what is made of it. Forward, values flow along the arrows: x = ${x!.value}, y = ${y!.value}, z = ${z!.value} give q = x + y = ${q!.value} and f = q·z = ${f!.value}. ` +
      `Backward, the walk starts at f with ∂f/∂f = ${f!.gradient}: if f grows by 0.001, f grows by 0.001. Then each node takes the gradient that arrives and multiplies it by its own local derivative. Times hands each factor the other one: ∂f/∂q = z = ${q!.gradient}, ∂f/∂z = q = ${z!.gradient}. Plus hands on what it got: ∂f/∂x = ∂f/∂y = ${x!.gradient}. ` +
      `No node knows more than its own operation. A network is the same with more nodes.`,
    body: [
      figure(
        "graph",
        draw(formula.dot, "The graph of f = (x + y)·z, with the value and the gradient of each node."),
        `f = (x + y)·z. Read the values downwards, then the gradients upwards. Check one: if x grows by 0.001, q grows by 0.001, and f changes by 0.001 · z = −0.004. So ∂f/∂x = −4.`,
      ),
      figure(
        "network-graph",
        draw(network.dot, "The graph of the loss of a network of two layers, with values and gradients."),
        `The loss of a real network of ${count(network.weights)} weights on 6 samples: ${network.nodes.length} nodes. Rounded nodes are weights and biases: where gradients arrive that the update uses. No gradient flows along dashed arrows. A line such as [6,4] says that the node holds 6 rows of 4 numbers, of which the first three are shown.`,
      ),
      paragraph(
        `If a number is used twice, its gradients are added: both ways count. So it is with every weight here: it is used for each of the 6 samples, and each sample adds its share to the gradient.`,
      ),
      measured(
        `Both graphs are recorded by this library while it computes, and drawn from that record (<code>graphOf</code>). The numbers in them are the ones that were computed on this machine.`,
      ),
      theCatch(
        `The graph must remember the values until the gradients have passed: the memory of question 4. And what is not in the graph gets no gradient, such as a decision in the program (<code>if</code>), or rounding: question 3.`,
      ),
    ],
  };
}
