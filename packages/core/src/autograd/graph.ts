// The computational graph behind a result as plain data, and as text for Mermaid and Graphviz. Reads the recorded graph
// and changes nothing; must not know any op by name.

import { kindOf } from "../arguments.ts";
import type { DType } from "../dtype.ts";
import { GradientError, ReleasedError, ValueError } from "../errors.ts";
import { checkOptions, optionNames } from "../options.ts";
import { requireTensor } from "../require-tensor.ts";
import { scope } from "../scope.ts";
import type { Shape } from "../shape.ts";
import { formatShape } from "../shape.ts";
import type { Node, Tensor } from "../tensor.ts";
import { grad } from "./tape.ts";
import { keyOf } from "./walk.ts";

/** The role of a tensor in the graph: computed, a leaf with `requiresGrad`, a number in a formula, or other data. */
export type GraphRole = "operation" | "parameter" | "constant" | "input";

/** A tensor. */
export interface GraphNode {
  /** `n0`, `n1`, … in the order of computation. */
  id: string;
  role: GraphRole;
  /** Name of the op; null for leaves. */
  op: string | null;
  /** From `names`; null if it has none. */
  name: string | null;
  shape: Shape;
  dtype: DType;
  /** Its first elements, on request; `released` if they are gone. */
  value?: string;
  /** The first elements of its gradient, on request and if it has one. */
  gradient?: string;
}

/** An input of another tensor's computation. */
export interface GraphEdge {
  from: string;
  to: string;
  /** The position among the op's inputs. */
  index: number;
  /** Whether gradients flow back along it. */
  differentiable: boolean;
}

/** The result of `graphOf`: plain data that can be JSON. */
export interface Graph {
  /** Every node comes after its inputs. */
  nodes: GraphNode[];
  edges: GraphEdge[];
  /** Id of the result's node. */
  result: string;
}

/** What `graphOf` includes besides ops, shapes and dtypes. */
export interface GraphOptions {
  /** Names of tensors, such as `model.namedParameters()`. */
  names?: Iterable<readonly [name: string, tensor: Tensor]>;
  /** Whether to show forward values. */
  values?: boolean;
  /** Whether to compute and show gradients. This runs hooks like any backward pass. */
  gradients?: boolean;
  /** The gradient to start from, as for `backward`; default ones, which needs a scalar. */
  gradient?: Tensor;
}

const graphOptions = optionNames<GraphOptions>({
  names: true,
  values: true,
  gradients: true,
  gradient: true,
});

/**
 * The graph that computed `result`. Call it before `backward`, or retain the graph there.
 *
 * @throws GradientError if nothing was recorded; ReleasedError if the graph was released
 * @throws ShapeError, DTypeError like `grad`, if it computes gradients
 */
export function graphOf(result: Tensor, options: GraphOptions = {}): Graph {
  requireTensor("graphOf", result, "result");
  checkOptions("graphOf", options, graphOptions);
  if (!result.tracked) {
    throw new GradientError(
      "graphOf: nothing was recorded behind this result; set requiresGrad on a leaf, and do not compute inside noGrad",
    );
  }
  const tensors = tensorsBehind(result);
  const names = new Map(Array.from(options.names ?? [], ([name, tensor]) => [tensor, name]));
  const ids = new Map(tensors.map((tensor, i) => [tensor, `n${i}`]));
  const gradients = options.gradients ? gradientsOf(result, tensors, options) : undefined;
  const nodes = tensors.map((x, i): GraphNode => {
    const gradient = gradients?.get(x);
    return {
      id: `n${i}`,
      role: roleOf(x),
      op: x.node?.op ?? null,
      name: names.get(x) ?? null,
      shape: x.shape,
      dtype: x.dtype,
      ...(options.values && { value: excerpt(x) }),
      ...(gradient !== undefined && { gradient }),
    };
  });
  const edges = tensors.flatMap((x) =>
    (x.node?.inputs ?? []).map((input, index) => ({
      from: ids.get(keyOf(input))!,
      to: ids.get(x)!,
      index,
      differentiable: input.tracked && x.node!.differentiable(index),
    })),
  );
  return { nodes, edges, result: ids.get(keyOf(result))! };
}

/** `result` and everything it was computed from; leaves come just before their first use. */
function tensorsBehind(result: Tensor): Tensor[] {
  const found = new Set<Node>();
  const pending = result.node ? [result.node] : [];
  for (let node = pending.pop(); node; node = pending.pop()) {
    if (found.has(node)) continue;
    if (node.released) {
      throw new ReleasedError(
        `graphOf: the graph behind this result (${node.op}) was released by backward; call graphOf before, or pass { retainGraph: true } there`,
      );
    }
    found.add(node);
    for (const { node: behind } of node.inputs) if (behind) pending.push(behind);
  }
  const oldestFirst = [...found].sort((a, b) => a.order - b.order);
  const inOrder = oldestFirst.flatMap(({ inputs, output }) => [...inputs, output]);
  return [...new Set([...inOrder, result].map(keyOf))];
}

function roleOf(x: Tensor): GraphRole {
  if (x.node) return "operation";
  if (x.requiresGrad) return "parameter";
  return x.constant ? "constant" : "input";
}

function gradientsOf(result: Tensor, tensors: readonly Tensor[], options: GraphOptions): Map<Tensor, string> {
  const tracked = tensors.filter((x) => x.tracked);
  const { gradient } = options;
  return scope(() => {
    const gradients = grad(result, tracked, { retainGraph: true, ...(gradient && { gradient }) });
    return new Map(tracked.flatMap((x, i) => (gradients[i] ? [[x, excerpt(gradients[i])]] : [])));
  });
}

/** A number, or the first three of several, with four digits. */
function excerpt(x: Tensor): string {
  if (!x.alive) return "released";
  const elements = Array.from(x.toArray().subarray(0, 3), (value) => String(Number(value.toPrecision(4))));
  if (x.size > elements.length) elements.push("…");
  return x.rank === 0 ? elements[0]! : `[${elements.join(", ")}]`;
}

/** The text of a node, line by line. */
function linesOf({ op, name, role, shape, dtype, value, gradient }: GraphNode): string[] {
  const what = op ?? name ?? role;
  return [
    op && name ? `${name}: ${op}` : what,
    `${formatShape(shape)} ${dtype}`,
    ...(value === undefined ? [] : [`value ${value}`]),
    ...(gradient === undefined ? [] : [`gradient ${gradient}`]),
  ];
}

const mermaidShapes: Record<GraphRole, [open: string, close: string]> = {
  operation: ["[", "]"],
  parameter: ["([", "])"],
  constant: ["((", "))"],
  input: ["[(", ")]"],
};

/** The fill colour of each role, and the result's frame. */
const fills: Record<GraphRole, string> = {
  operation: "#eef2f7",
  parameter: "#d8ecd8",
  constant: "#f2f2f2",
  input: "#fdeccf",
};

/** Characters that are special in a quoted Mermaid text, as its entities. */
function mermaidText(text: string): string {
  return text.replace(/[\p{Cc}"#&;<>`\\]/gu, (character) => `#${character.codePointAt(0)};`);
}

function requireGraph(operation: string, graph: unknown): void {
  if (typeof graph === "object" && graph !== null && "nodes" in graph && "edges" in graph) return;
  throw new ValueError(`${operation}: got ${kindOf(graph)}, expected a graph, such as graphOf(loss)`);
}

/** The graph as a Mermaid flowchart (https://mermaid.js.org); edges without gradient are dotted. */
export function toMermaid(graph: Graph): string {
  requireGraph("toMermaid", graph);
  const nodes = graph.nodes.map((node) => {
    const [open, close] = mermaidShapes[node.role];
    const text = linesOf(node).map(mermaidText).join("<br/>");
    return `  ${node.id}${open}"${text}"${close}:::${node.role}`;
  });
  const edges = graph.edges.map(
    ({ from, to, differentiable }) => `  ${from} ${differentiable ? "-->" : "-.->"} ${to}`,
  );
  const classes = Object.entries(fills).map(
    ([role, fill]) => `  classDef ${role} fill:${fill},stroke:#666,color:#222`,
  );
  return [
    "flowchart TD",
    ...nodes,
    ...edges,
    ...classes,
    `  style ${graph.result} stroke-width:3px`,
    "",
  ].join("\n");
}

const dotShapes: Record<GraphRole, string> = {
  operation: "box",
  parameter: "ellipse",
  constant: "plaintext",
  input: "cylinder",
};

/** Graphviz interprets escapes and entities. */
function dotText(text: string): string {
  return text
    .replace(/&/g, "&amp;")
    .replace(/["\\]/g, "\\$&")
    .replace(/\p{Cc}/gu, " ");
}

/** The graph in the DOT language of Graphviz (https://graphviz.org); edges without gradient are dashed. */
export function toDot(graph: Graph): string {
  requireGraph("toDot", graph);
  const nodes = graph.nodes.map((node) => {
    const text = linesOf(node).map(dotText).join("\\n");
    const frame = node.id === graph.result ? ", penwidth=2.5" : "";
    return `  ${node.id} [label="${text}", shape=${dotShapes[node.role]}, fillcolor="${fills[node.role]}"${frame}];`;
  });
  const edges = graph.edges.map(
    ({ from, to, differentiable }) => `  ${from} -> ${to}${differentiable ? "" : " [style=dashed]"};`,
  );
  const defaults = [
    '  node [style=filled, color="#666666", fontname="Helvetica", fontsize=11];',
    '  edge [color="#666666", arrowsize=0.7];',
  ];
  return ["digraph {", ...defaults, ...nodes, ...edges, "}", ""].join("\n");
}
