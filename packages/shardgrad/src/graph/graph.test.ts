// A graph as text and as a picture; and large ones, with each layer as one node.
import type { Graph, Tensor } from "@shardgrad/core";
import {
  add,
  crossEntropy,
  Embedding,
  graphOf,
  Linear,
  Module,
  matmul,
  mean,
  mul,
  permute,
  ReLU,
  rand,
  Sequential,
  scope,
  sum,
  TransformerBlock,
  tensor,
} from "@shardgrad/core";
import { expect, it } from "vitest";
import { drawGraph } from "./draw.ts";
import { foldLayers } from "./fold.ts";
import { graphLines } from "./text.ts";

/** f = (x + y)·z at (-2, 5, -4), as in every course. */
function formula(): Graph {
  return scope(() => {
    const leaf = (value: number) => {
      const x = tensor(value);
      x.requiresGrad = true;
      return x;
    };
    const [x, y, z] = [leaf(-2), leaf(5), leaf(-4)];
    const q = add(x, y);
    const names: [string, Tensor][] = Object.entries({ x, y, z, q });
    return graphOf(mul(q, z), { names, values: true, gradients: true });
  });
}

it("prints leaves, then a line for each operation, with values and gradients", () => {
  expect(graphLines(formula(), 80)).toEqual([
    "x  parameter        []",
    "    value -2  gradient -4",
    "y  parameter        []",
    "    value 5  gradient -4",
    "z  parameter        []",
    "    value -4  gradient 3",
    "",
    "q = add(x, y)       []",
    "    value 3  gradient -4",
    "result = mul(q, z)  []",
    "    value -12  gradient 1",
  ]);
});

it("draws names, shapes, values and gradients as SVG", async () => {
  const svg = await drawGraph(formula());
  expect(svg).toMatch(/<svg .*<\/svg>\s*$/s);
  const texts = [...svg.matchAll(/<text [^>]*>([^<]*)<\/text>/g)].map(([, text]) =>
    text!.replaceAll("&#45;", "-"),
  );
  for (const text of ["x", "q: add", "mul", "value -12", "gradient -4", "value -4", "gradient 3"])
    expect(texts).toContain(text);
});

it("keeps a small graph as it is", () => {
  const graph = formula();
  expect(foldLayers(graph)).toBe(graph);
});

class Tied extends Module {
  readonly tokens = new Embedding(11, 8);
  readonly blocks = [0, 1].map(() => new TransformerBlock(8, 2, { causal: true }));

  forward(x: Tensor): Tensor {
    let h = this.tokens.forward(x);
    for (const block of this.blocks) h = add(block.forward(h), h);
    return matmul(h, permute(this.tokens.weight, [1, 0]));
  }
}

const opsOf = ({ nodes }: Graph) => nodes.flatMap(({ op }) => op ?? []);

it("folds layers to nodes, as deep as that stays readable, and a layer used again is another node", () => {
  const graph = scope(() => {
    const model = new Tied();
    const x = tensor([[1, 2, 3]], { dtype: "int32" });
    const loss = mean(model.forward(x));
    return graphOf(loss, { names: [["x", x], ...model.namedTensors()] });
  });
  expect(graph.nodes.length).toBeGreaterThan(80);
  const folded = foldLayers(graph, 40);
  expect(folded.nodes.length).toBeLessThanOrEqual(40);
  expect(opsOf(folded)).toContain("blocks.0.norm1 (layerNorm, 16 parameters)");
  const blocks = foldLayers(graph, 10);
  expect(opsOf(blocks).map((op) => op.split(" (")[0])).toEqual([
    "tokens",
    "blocks.0",
    "blocks.1",
    "tokens again",
    "div",
  ]);
  // No cycle: every node comes after its inputs.
  for (const { nodes, edges } of [folded, blocks]) {
    const place = new Map(nodes.map(({ id }, i) => [id, i]));
    for (const { from, to } of edges) expect(place.get(from)!).toBeLessThan(place.get(to)!);
  }
  expect(graphLines(blocks, 100)).toContainEqual(
    expect.stringMatching(/^#2 = blocks\.0 \(\d+ operations, .* ← #1 /),
  );
});

it("one layer for all steps of a recurrence, and every parameter counted once", () => {
  const graph = scope(() => {
    const model = new Sequential(new Linear(3, 3), new ReLU());
    let h = rand([2, 3]);
    for (let step = 0; step < 40; step++) h = model.forward(h);
    return graphOf(sum(h), { names: model.namedTensors() });
  });
  expect(opsOf(foldLayers(graph))).toEqual(["0 (linear, relu, sum, 12 parameters)", "reshape"]);
});

it("a line that is too long keeps its shape on its own", () => {
  const graph = scope(() => {
    const model = new Linear(4, 2);
    const names = model.namedTensors().map(([name, x]) => [`a.very.long.path.to.${name}`, x] as const);
    const labels = tensor([1], { dtype: "int32" });
    return graphOf(crossEntropy(model.forward(rand([1, 4])), labels), { names });
  });
  for (const line of graphLines(graph, 60)) expect(line).toMatch(/^$|\[[\d, ]*\]( int32)?$/);
});
