// Question 7: the computational graph, of a formula of three numbers and of a network.
import { add, graphOf, mul, scope, tensor, toDot } from "@shardgrad/core";
import { spiralProblem } from "./networks.ts";

/** `f = (x + y) z` with the values and the gradients of all nodes, in the language of Graphviz. */
export function formulaGraph() {
  return scope(() => {
    const [x, y, z] = [-2, 5, -4].map((value) => tensor(value, { requiresGrad: true }));
    const q = add(x!, y!);
    const f = mul(q, z!);
    const names = [
      ["x", x!],
      ["y", y!],
      ["z", z!],
      ["q = x + y", q],
      ["f = q · z", f],
    ] as const;
    const graph = graphOf(f, { names, values: true, gradients: true });
    return { dot: toDot(graph), nodes: graph.nodes };
  });
}

/** The same for the loss of a network. */
export function networkGraph(widths: readonly number[]) {
  return scope(() => {
    const { model, weights, loss } = spiralProblem(widths, { samples: 6 });
    const graph = graphOf(loss(), { names: model.namedParameters(), values: true, gradients: true });
    return { dot: toDot(graph), nodes: graph.nodes, weights };
  });
}

/** All of question 7. */
export function measureGraphs({ widths = [2, 4, 3] } = {}) {
  return { formula: formulaGraph(), network: networkGraph(widths) };
}
