// A bundle of core carries the families of kernels that its program uses, and no others.
import { fileURLToPath } from "node:url";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import { build } from "esbuild";
import { rollup } from "rollup";
import { describe, expect, it } from "vitest";
import * as embedded from "../packages/core/src/kernels/wasm-modules.generated.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const families = Object.keys(embedded).filter((name) => name !== "probe");

/** A program as esbuild bundles it for browsers. */
async function bundle(contents: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: here },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "neutral",
    write: false,
    logLevel: "error",
  });
  return outputFiles[0]!.text;
}

async function rollUp(contents: string): Promise<string> {
  const program = `${here}program.js`;
  const entry = { name: "entry", load: (id: string) => (id === program ? contents : null), resolveId };
  function resolveId(id: string) {
    return id === program ? id : null;
  }
  const bundled = await rollup({ input: program, plugins: [entry, nodeResolve()], logLevel: "silent" });
  const { output } = await bundled.generate({ format: "es" });
  return output[0].code;
}

/** The families whose kernels are in it. */
const familiesIn = (text: string) =>
  Object.entries(embedded).flatMap(([name, { packed }]) =>
    name !== "probe" && text.includes(packed) ? [name] : [],
  );

const products = `import { matmul, tensor } from "@shardgrad/core";
  console.log(matmul(tensor([[1, 2]]), tensor([[3], [4]])).item());`;
const perceptron = `import { Adam, backward, crossEntropy, Linear, ReLU, Sequential, tensor } from "@shardgrad/core";
  const model = new Sequential(new Linear(2, 3), new ReLU());
  const adam = new Adam(model.parameters());
  backward(crossEntropy(model.forward(tensor([[1, 2]])), tensor([1], { dtype: "int32" })));
  adam.step();`;

/** Sums are for the gradients of broadcasts. */
const inProducts = ["elementwise", "linear", "move", "reduce"];
const inPerceptron = [...inProducts, "activations", "losses", "optimizers", "random", "softmax"];

describe.each([
  ["esbuild", bundle],
  ["Rollup", rollUp],
] as const)("by %s", (_, bundled) => {
  it("two ops bring their kernels", async () => {
    expect(familiesIn(await bundled(products)).sort()).toEqual(inProducts.sort());
  });

  it("a model brings those of its layers, its loss and its optimizer", async () => {
    expect(familiesIn(await bundled(perceptron)).sort()).toEqual(inPerceptron.sort());
  });

  it("everything brings everything", async () => {
    expect(familiesIn(await bundled('export * from "@shardgrad/core";')).sort()).toEqual(families.sort());
  });
});

// In characters of 1 byte. What they are now, and some air.
it.each([
  ["all of core", 'export * from "@shardgrad/core";', 346_000],
  ["two ops", products, 75_000],
  ["a perceptron", perceptron, 150_000],
])("%s is no larger than promised", async (_, program, limit) => {
  expect(Buffer.byteLength(await bundle(program))).toBeLessThan(limit);
});

it("nothing brings nothing: no module of core has effects of its own", async () => {
  for (const entry of ["", "/engine", "/kernels", "/testing", "/wide-kernels"]) {
    expect((await bundle(`import "@shardgrad/core${entry}";`)).trim(), entry).toBe("");
  }
});
