// Which kernels run, and that a model computes the same on all of them.
import { expect, test } from "vitest";
import { grad } from "../autograd/tape.ts";
import { ValueError } from "../errors.ts";
import { crossEntropy } from "../losses/cross-entropy.ts";
import { randn, tensor } from "../ops/create/create.ts";
import { linear, relu } from "../ops/index.ts";
import { manualSeed } from "../random.ts";
import { kernelSet, useKernels } from "./dispatch.ts";
import { elementwiseKernels } from "./families.ts";
import { supportedBuild } from "./wasm.ts";

test("the best build is chosen, and stays until another is asked for", () => {
  const best = kernelSet();
  expect(best).toBe(supportedBuild());
  const tables = ["float32", "float64", "int32", "uint8"] as const;
  expect(tables.map(elementwiseKernels)).toEqual(tables.map(elementwiseKernels));
  expect(useKernels("reference")).toBe("reference");
  expect(kernelSet()).toBe("reference");
  expect(useKernels("auto")).toBe(best);
});

test("float64 and integers stay on the reference kernels", () => {
  useKernels("reference");
  const { add } = elementwiseKernels("float32");
  const wide = elementwiseKernels("float64").add;
  useKernels("auto");
  expect(elementwiseKernels("float32").add.toString()).not.toBe(add.toString());
  expect(elementwiseKernels("float64").add.toString()).toBe(wide.toString());
  expect(elementwiseKernels("int32").add.toString()).toBe(add.toString());
});

test("wasm is the best build", () => {
  useKernels("reference");
  expect(useKernels("wasm")).toBe(supportedBuild());
  expect(kernelSet()).toBe(supportedBuild());
});

test("an unknown set is refused", () => {
  expect(() => useKernels("wasm-simd512" as never)).toThrow(ValueError);
  expect(() => useKernels("wasm-simd512" as never)).toThrow('useKernels: "wasm-simd512" does not run here');
});

test.each(["wasm-plain", "wasm-relaxed"] as const)(
  "a small model has the gradients of the reference on %s",
  (set) => {
    const gradients = (kernels: typeof set | "reference") => {
      useKernels(kernels);
      manualSeed(4);
      const parameters = [randn([11, 7]), randn([11]), randn([3, 11]), randn([3])];
      for (const parameter of parameters) parameter.requiresGrad = true;
      const [w1, b1, w2, b2] = parameters as [(typeof parameters)[0], ...typeof parameters];
      const x = relu(linear(randn([9, 7]), w1, b1));
      const loss = crossEntropy(linear(x, w2!, b2!), tensor([0, 1, 2, 0, 1, 2, 0, 1, 2], { dtype: "int32" }));
      return grad(loss, parameters).flatMap((g) => [...g!.toArray()]);
    };
    const expected = gradients("reference");
    gradients(set).forEach((value, i) => {
      expect(Math.abs(value - expected[i]!)).toBeLessThan(2e-6);
    });
  },
);
