import fc from "fast-check";
import { expect, it } from "vitest";
import { planBuckets } from "./buckets.ts";

/** Parameters of these names and sizes, one behind the other. */
function place(given: readonly (readonly [name: string, lines: number])[]) {
  let flatSize = 0;
  const parameters = given.map(([name, lines]) => {
    const found = { name, shape: [lines * 16], start: flatSize, size: lines * 16 };
    flatSize += found.size;
    return found;
  });
  return { parameters, flatSize };
}

it("parts cover the arrays from the end, whole module by whole module, and are not too many", () => {
  const module = fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(
      fc.array(module, { minLength: 1, maxLength: 20 }),
      fc.constantFrom(2, 4, 64),
      (modules, machines) => {
        const { parameters, flatSize } = place(
          modules.flatMap((sizes, i) => sizes.map((lines, j) => [`net.${i}.${j}`, lines] as const)),
        );
        const buckets = planBuckets(parameters, flatSize, machines);
        let [to, end] = [flatSize, parameters.length];
        for (const bucket of buckets) {
          expect([bucket.to, bucket.parameters[1]]).toEqual([to, end]);
          [to, end] = [bucket.from, bucket.parameters[0]];
          expect(to).toBe(parameters[end]!.start);
          if (end > 0) expect(parameters[end]!.name).toMatch(/\.0$/);
        }
        expect([to, end]).toEqual([0, 0]);
        // Of two neighbours one fills the link, or fills a part.
        const fills = machines * 64 * 1024;
        const bytes = buckets.map((bucket) => 4 * (bucket.to - bucket.from));
        for (let i = 1; i < bytes.length; i++)
          expect(Math.max(bytes[i - 1]!, bytes[i]!), `${bytes}`).toBeGreaterThanOrEqual(fills);
      },
    ),
  );
});

it("the norms of a transformer's blocks do not keep the weights before them", () => {
  const block = (i: number) =>
    [
      ["attention.inProjWeight", 3072],
      ["attention.inProjBias", 24],
      ["attention.outProj.weight", 1024],
      ["attention.outProj.bias", 8],
      ["linear1.weight", 4096],
      ["linear1.bias", 32],
      ["linear2.weight", 4096],
      ["linear2.bias", 8],
      ["norm1.weight", 8],
      ["norm1.bias", 8],
      ["norm2.weight", 8],
      ["norm2.bias", 8],
    ].map(([name, lines]) => [`blocks.${i}.${name}`, lines] as [string, number]);
  const { parameters, flatSize } = place([
    ["tokens.weight", 520],
    ...block(0),
    ...block(1),
    ["norm.weight", 8],
  ]);
  const firstsOf = (machines: number) =>
    planBuckets(parameters, flatSize, machines).map(({ parameters: [first] }) => parameters[first]!.name);
  expect(firstsOf(2)).toEqual([
    "blocks.1.norm1.weight",
    "blocks.1.linear2.weight",
    "blocks.1.linear1.weight",
    "blocks.1.attention.inProjWeight",
    "blocks.0.norm1.weight",
    "blocks.0.linear2.weight",
    "blocks.0.linear1.weight",
    "blocks.0.attention.inProjWeight",
    "tokens.weight",
  ]);
  // For so many machines, none of them fills the link by itself.
  expect(firstsOf(1024)).toEqual(["tokens.weight"]);
});
