// A graph as text: the leaves, then one line for each operation, like the formula that it is.
import type { Graph, GraphNode } from "@shardgrad/core";

const shapeText = ({ shape, dtype }: GraphNode) =>
  `[${shape.join(", ")}]${dtype === "float32" ? "" : ` ${dtype}`}`;

/** Nodes by name, ops without one by number. */
function namesOf({ nodes, result }: Graph): Map<string, string> {
  let number = 0;
  return new Map(
    nodes.map((node) => {
      if (node.name !== null) return [node.id, node.name];
      if (node.id === result) return [node.id, "result"];
      if (node.role === "operation") return [node.id, `#${++number}`];
      return [node.id, node.shape.length === 0 && node.value !== undefined ? node.value : node.role];
    }),
  );
}

/** What is shown of values, on a line of its own, cut if it is too long. */
function valueLines({ value, gradient }: GraphNode, columns: number): string[] {
  const parts = [
    ...(value === undefined ? [] : [`value ${value}`]),
    ...(gradient === undefined ? [] : [`gradient ${gradient}`]),
  ];
  if (parts.length === 0) return [];
  const line = `    ${parts.join("  ")}`;
  return line.length <= columns ? [line] : parts.map((part) => `    ${part}`);
}

/** @param columns the width of the terminal: shapes are below each other as far as that allows */
export function graphLines(graph: Graph, columns: number): string[] {
  const names = namesOf(graph);
  const inputs = Map.groupBy(
    graph.edges.toSorted((a, b) => a.index - b.index),
    ({ to }) => to,
  );
  const nameOf = (id: string) => names.get(id)!;
  const leaves = graph.nodes.filter(
    ({ role, name, shape }) => role !== "operation" && (name || shape.length > 0),
  );
  const ops = graph.nodes.filter(({ role }) => role === "operation");
  const formula = ({ id, op }: GraphNode) => {
    const from = (inputs.get(id) ?? []).map((edge) => nameOf(edge.from)).join(", ");
    // A folded layer is described in words.
    return `${nameOf(id)} = ${op!.includes(" ") ? `${op} ← ${from}` : `${op}(${from})`}`;
  };
  const nameWidth = Math.max(...leaves.map(({ id }) => nameOf(id).length));
  const rows = [
    ...leaves.map((node) => [`${nameOf(node.id).padEnd(nameWidth)}  ${node.role}`, node] as const),
    ...ops.map((node) => [formula(node), node] as const),
  ];
  const shapes = Math.max(...rows.map(([, node]) => shapeText(node).length));
  const room = columns - shapes - 2;
  const width = Math.max(...rows.map(([text]) => text.length).filter((length) => length <= room));
  const lines = rows.map(([text, node]) => [
    `${text.padEnd(width)}  ${shapeText(node)}`,
    ...valueLines(node, columns),
  ]);
  return [...lines.slice(0, leaves.length).flat(), "", ...lines.slice(leaves.length).flat()];
}
