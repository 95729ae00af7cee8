// The graph as data and as text, and what must survive in both: any name, any order, any role.
import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { GradientError, ReleasedError, ShapeError } from "../errors.ts";
import { kernelSet } from "../kernels/dispatch.ts";
import { crossEntropy } from "../losses/cross-entropy.ts";
import { heap } from "../memory/heap.ts";
import { ReLU } from "../nn/activations.ts";
import { Linear } from "../nn/linear.ts";
import { Sequential } from "../nn/sequential.ts";
import { add, mul } from "../ops/arithmetic/arithmetic.ts";
import { exp } from "../ops/arithmetic/unary.ts";
import { ones, tensor } from "../ops/create/create.ts";
import { sum } from "../ops/shape/broadcast.ts";
import { checkpoint } from "./checkpoint.ts";
import { noGrad } from "./define-op.ts";
import { graphOf, toDot, toMermaid } from "./graph.ts";
import { backward, grad } from "./tape.ts";

const leaf = (data: number | number[]) => tensor(data, { requiresGrad: true });
const x = leaf([1, 2, 3, 4]);

test("is the computation as data, in order, each tensor once", () => {
  const y = mul(x, x);
  const { nodes, edges, result } = graphOf(sum(add(y, y)), { names: [["x", x]] });
  expect(nodes.map(({ id, role, op, name }) => [id, role, op ?? name])).toEqual([
    ["n0", "parameter", "x"],
    ["n1", "operation", "mul"],
    ["n2", "operation", "add"],
    ["n3", "operation", "sum"],
    ["n4", "operation", "reshape"],
  ]);
  expect(nodes[0]).toEqual({
    id: "n0",
    role: "parameter",
    op: null,
    name: "x",
    shape: [4],
    dtype: "float32",
  });
  expect(edges.map(({ from, to, index }) => `${from} ${to} ${index}`)).toEqual([
    "n0 n1 0",
    "n0 n1 1",
    "n1 n2 0",
    "n1 n2 1",
    "n2 n3 0",
    "n3 n4 0",
  ]);
  expect(result).toBe("n4");
  expect(JSON.parse(JSON.stringify({ nodes, edges, result }))).toEqual({ nodes, edges, result });
});

test("names parameters through the module, tells roles, and which edges carry gradients", () => {
  const model = new Sequential(new Linear(4, 3), new ReLU(), new Linear(3, 2));
  const data = ones([5, 4]);
  const labels = tensor([0, 1, 0, 1, 0], { dtype: "int32" });
  const graph = graphOf(crossEntropy(model.forward(data), labels), {
    names: [...model.namedParameters(), ["data", data]],
  });
  const leaves = graph.nodes.filter(({ op }) => op === null);
  expect(leaves.map(({ role, name }) => [role, name])).toEqual([
    ["input", "data"],
    ["parameter", "0.weight"],
    ["parameter", "0.bias"],
    ["parameter", "2.weight"],
    ["parameter", "2.bias"],
    ["input", null],
  ]);
  const dead = graph.edges.filter(({ differentiable }) => !differentiable).map(({ from }) => from);
  expect(dead).toEqual(leaves.filter(({ role }) => role !== "parameter").map(({ id }) => id));
});

test("shows values and gradients, computed on the side", () => {
  kernelSet();
  const y = sum(mul(x, 1 / 3));
  const before = heap().arena.live;
  const { nodes } = graphOf(y, { values: true, gradients: true });
  expect(nodes.map(({ value, gradient }) => [value, gradient])).toEqual([
    ["[1, 2, 3, …]", "[0.3333, 0.3333, 0.3333, …]"],
    ["0.3333", undefined],
    ["[0.3333, 0.6667, 1, …]", "[1, 1, 1, …]"],
    ["[3.333]", "[1]"],
    ["3.333", "1"],
  ]);
  expect([heap().arena.live, x.grad]).toEqual([before, null]);
  // The graph is still there.
  backward(y);
  expect(x.grad!.toArray()).toEqual(Float32Array.from(x.toArray(), () => 1 / 3));
});

test("of a vector shows gradients of what it is told", () => {
  const y = mul(x, x);
  expect(() => graphOf(y, { gradients: true })).toThrow(ShapeError);
  const { nodes } = graphOf(y, { gradients: true, gradient: tensor([1, 0, 0, 1]) });
  expect(nodes[0]!.gradient).toBe("[2, 0, 0, …]");
});

test("of a leaf is the leaf; of a checkpoint one node, also after it was opened by a recorded pass", () => {
  expect(graphOf(x)).toMatchObject({ nodes: [{ role: "parameter" }], edges: [], result: "n0" });
  const z = leaf(0.5);
  const y = checkpoint((h) => exp(exp(h)), z);
  const ops = () => graphOf(mul(y, 2)).nodes.map(({ op, role }) => op ?? role);
  expect(ops()).toEqual(["parameter", "checkpoint", "constant", "mul"]);
  grad(y, [z], { retainGraph: true });
  expect(ops()).toEqual(["parameter", "checkpoint", "constant", "mul"]);
  grad(y, [z], { createGraph: true });
  expect(ops()).toEqual(["parameter", "exp", "exp", "constant", "mul"]);
  // The gradient refers to the result as it was computed again, which is the same node.
  const [dy] = grad(y, [z], { createGraph: true });
  expect(graphOf(dy!).nodes.filter(({ op }) => op === "exp")).toHaveLength(2);
});

test.each<[error: new (message?: string) => Error, message: RegExp, act: () => unknown]>([
  [GradientError, /graphOf: nothing was recorded/, () => graphOf(noGrad(() => mul(x, x)))],
  [
    ReleasedError,
    /graphOf: .*\(mul\) was released by backward; call graphOf before/,
    () => {
      const y = mul(sum(x), 2);
      backward(y);
      graphOf(y);
    },
  ],
])("%o %s", (kind, message, act) => {
  expect(act).toThrow(kind);
  expect(act).toThrow(message);
});

describe("as text", () => {
  const graph = graphOf(mul(leaf(2), 3), { values: true });

  test("for Mermaid", () => {
    expect(toMermaid(graph)).toBe(`flowchart TD
  n0(["parameter<br/>[] float32<br/>value 2"]):::parameter
  n1(("constant<br/>[] float32<br/>value 3")):::constant
  n2["mul<br/>[] float32<br/>value 6"]:::operation
  n0 --> n2
  n1 -.-> n2
  classDef operation fill:#eef2f7,stroke:#666,color:#222
  classDef parameter fill:#d8ecd8,stroke:#666,color:#222
  classDef constant fill:#f2f2f2,stroke:#666,color:#222
  classDef input fill:#fdeccf,stroke:#666,color:#222
  style n2 stroke-width:3px
`);
  });

  test("for Graphviz", () => {
    expect(toDot(graph)).toBe(`digraph {
  node [style=filled, color="#666666", fontname="Helvetica", fontsize=11];
  edge [color="#666666", arrowsize=0.7];
  n0 [label="parameter\\n[] float32\\nvalue 2", shape=ellipse, fillcolor="#d8ecd8"];
  n1 [label="constant\\n[] float32\\nvalue 3", shape=plaintext, fillcolor="#f2f2f2"];
  n2 [label="mul\\n[] float32\\nvalue 6", shape=box, fillcolor="#eef2f7", penwidth=2.5];
  n0 -> n2;
  n1 -> n2 [style=dashed];
}
`);
  });

  const awkward = 'a"b\\n<c>&#35;`d\n\u0000}];é';
  const named = () => graphOf(mul(x, x), { names: [[awkward, x]] });

  test("with any name", () => {
    expect(toMermaid(named())).toContain(
      "a#34;b#92;n#60;c#62;#38;#35;35#59;#96;d#10;#0;}]#59;é<br/>[4] float32",
    );
    expect(toDot(named())).toContain('label="a\\"b\\\\n<c>&amp;#35;`d  }];é\\n[4] float32"');
  });

  const dot = (() => {
    try {
      execFileSync("dot", ["-V"], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  })();

  test.skipIf(!dot)("Graphviz draws it (skipped without `dot`)", () => {
    const svg = execFileSync("dot", ["-Tsvg"], { input: toDot(named()), encoding: "utf8" });
    expect(svg.match(/<g id="node/g)).toHaveLength(2);
    expect(svg).toContain("a&quot;b\\n&lt;c&gt;&amp;#35;");
  });
});
