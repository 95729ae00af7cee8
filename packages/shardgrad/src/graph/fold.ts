// Makes a large graph readable: each layer of the model becomes one node. Layers are known by the names of parameters
// (`blocks.0.norm.weight` is of `blocks.0.norm`); an op without parameters belongs to the layer of its latest input.
import type { Graph, GraphNode } from "@shardgrad/core";

/** More nodes than this are folded. */
const mostNodes = 80;
/** More kinds of ops than this are counted rather than named. */
const mostNamed = 3;

const pathOf = (name: string) => name.split(".").slice(0, -1);

/** A layer, or the next use of one whose weights are used again elsewhere. */
interface Group {
  layer: string;
  /** How many groups began before it. */
  place: number;
  isAgain: boolean;
  ops: GraphNode[];
  /** Numbers in its parameters. */
  numbers: number;
}

const sizeOf = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

/** Where ops are that no layer comes before. */
const first = "before the first layer";

/** Puts ops into groups, one after the other, in the order of computation. */
class Grouping {
  readonly groups = new Map<string, Group>();
  /** Parameters, and what is computed from them alone, such as a slice of one: their layer. */
  readonly weights = new Map<string, string>();
  readonly #newest = new Map<string, Group>();
  #count = 0;

  /** @param from the inputs of the op */
  add(node: GraphNode, from: readonly GraphNode[]): void {
    const layer = from.map(({ id }) => this.weights.get(id)).findLast((name) => name !== undefined);
    const isWeight =
      layer !== undefined && from.every(({ id, role }) => this.weights.has(id) || role === "constant");
    if (isWeight) {
      this.weights.set(node.id, layer);
      return;
    }
    const data = from.flatMap(({ id }) => this.groups.get(id) ?? []);
    const group = layer === undefined ? this.#after(data) : this.#of(layer, data);
    this.groups.set(node.id, group);
    group.ops.push(node);
  }

  #at(layer: string): Group {
    return this.#newest.get(layer) ?? this.#begin(layer);
  }

  /** An op without a layer of its own is in that of its latest input. */
  #after(data: readonly Group[]): Group {
    return data.length === 0 ? this.#at(first) : data.reduce((a, b) => (b.place > a.place ? b : a));
  }

  /** A layer is used again if what it computes with comes after it; in one node, the graph would have a cycle. */
  #of(layer: string, data: readonly Group[]): Group {
    const own = data.findLast((group) => group.layer === layer);
    if (own) return own;
    const known = this.#at(layer);
    return data.some(({ place }) => place > known.place) ? this.#begin(layer) : known;
  }

  #begin(layer: string): Group {
    const group = { layer, place: this.#count++, isAgain: this.#newest.has(layer), ops: [], numbers: 0 };
    this.#newest.set(layer, group);
    return group;
  }
}

/** The group of every node that is not shown by itself; by id. */
function groupsOf({ nodes, edges, result }: Graph, depth: number): Map<string, Group> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const edgesTo = Map.groupBy(edges, ({ to }) => to);
  const edgesFrom = Map.groupBy(edges, ({ from }) => from);
  const grouping = new Grouping();
  const { groups, weights } = grouping;
  for (const node of nodes) {
    if (node.role === "parameter" && node.name !== null)
      weights.set(node.id, pathOf(node.name).slice(0, depth).join("."));
    if (node.role !== "operation" || node.id === result) continue;
    grouping.add(
      node,
      (edgesTo.get(node.id) ?? []).map((edge) => byId.get(edge.from)!),
    );
  }
  // Weights and constants are a part of what uses them first, and so is what is computed from weights alone.
  for (const node of nodes.toReversed()) {
    if (groups.has(node.id) || !(weights.has(node.id) || node.role === "constant")) continue;
    const user = edgesFrom.get(node.id)?.find(({ to }) => groups.has(to));
    if (user === undefined) continue;
    const group = groups.get(user.to)!;
    groups.set(node.id, group);
    if (node.role === "parameter") group.numbers += sizeOf(node.shape);
  }
  return groups;
}

function describe({ layer, isAgain, ops, numbers }: Group): string {
  const kinds = [...new Set(ops.map(({ op }) => op!))];
  const what = kinds.length > mostNamed ? `${ops.length} operations` : kinds.join(", ");
  const size = numbers === 0 ? "" : `, ${numbers.toLocaleString("en-US")} parameters`;
  return `${layer}${isAgain ? " again" : ""} (${what}${size})`;
}

/** The graph with each layer, to so many parts of its path, as one node. */
function foldTo(graph: Graph, depth: number): Graph {
  const groups = groupsOf(graph, depth);
  const placeOf = (id: string) => groups.get(id)?.ops[0]?.id ?? id;
  const nodes = graph.nodes.flatMap((node): GraphNode[] => {
    const group = groups.get(node.id);
    if (group === undefined) return [node];
    if (group.ops[0] !== node) return [];
    const { shape, dtype } = group.ops.at(-1)!;
    return [{ id: node.id, role: "operation", op: describe(group), name: null, shape, dtype }];
  });
  const seen = new Set<string>();
  const edges = graph.edges.flatMap((edge) => {
    const [from, to] = [placeOf(edge.from), placeOf(edge.to)];
    const key = `${from} ${to}`;
    if (from === to || seen.has(key)) return [];
    seen.add(key);
    return [{ ...edge, from, to }];
  });
  return { nodes, edges, result: graph.result };
}

/** The graph itself if it is small; else with its layers as nodes, as deep as that stays readable. */
export function foldLayers(graph: Graph, most = mostNodes): Graph {
  if (graph.nodes.length <= most) return graph;
  const paths = graph.nodes.map(({ role, name }) => (role === "parameter" && name ? pathOf(name).length : 0));
  let folded = graph;
  for (let depth = Math.max(1, ...paths); depth >= 1; depth--) {
    folded = foldTo(graph, depth);
    if (folded.nodes.length <= most) break;
  }
  return folded;
}
