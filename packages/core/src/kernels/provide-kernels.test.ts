// Kernels as another package provides them: when they are chosen, and that only they take the place of others.
import { expect, test } from "vitest";
import { ValueError } from "../errors.ts";
import { heap } from "../memory/heap.ts";
import { tensor } from "../ops/create/create.ts";
import { linear } from "../ops/index.ts";
import { kernelSet, useKernels } from "./dispatch.ts";
import { elementwiseKernels, indexedKernels, linearKernels } from "./families.ts";
import { provideKernels } from "./provide-kernels.ts";
import type { LinearKernels } from "./table/linear.ts";
import { supportedBuild } from "./wasm.ts";

test("without any, their choice is refused, and the kernels stay what they were", () => {
  expect(useKernels("reference")).toBe("reference");
  expect(() => useKernels("blas")).toThrow(ValueError);
  expect(() => useKernels("blas")).toThrow(/no BLAS was provided .* install @shardgrad\/blas/);
  expect(() => useKernels("native")).toThrow(ValueError);
  expect(() => useKernels("native")).toThrow(/no machine code was provided .* install @shardgrad\/native/);
  expect(kernelSet()).toBe("reference");
});

test("a BLAS is chosen by name or as the best, over the best WebAssembly build", () => {
  useKernels("wasm");
  const below = {
    add: elementwiseKernels("float32").add.toString(),
    gemm: linearKernels("float64").gemm.toString(),
  };
  const calls: string[] = [];
  provideKernels("blas", (memory, otherwise) => {
    expect(memory).toBe(heap());
    const counted = (dtype: "float32" | "float64"): { gemm: LinearKernels["gemm"] } => {
      const { gemm } = otherwise(linearKernels, dtype);
      return {
        gemm: (...args) => {
          calls.push(dtype);
          gemm(...args);
        },
      };
    };
    return { float32: counted("float32"), float64: counted("float64") };
  });
  expect(kernelSet()).toBe(supportedBuild());
  expect(useKernels("blas")).toBe("blas");
  expect(kernelSet()).toBe("blas");
  expect(useKernels("auto")).toBe("blas");

  for (const dtype of ["float32", "float64"] as const) {
    const y = linear(tensor([[1, 2]], { dtype }), tensor([[3, 4]], { dtype }));
    expect(y.item()).toBe(11);
    expect(calls.pop()).toBe(dtype);
  }
  expect(elementwiseKernels("float32").add.toString()).toBe(below.add);

  expect(useKernels("wasm")).toBe(supportedBuild());
  expect(linearKernels("float64").gemm.toString()).toBe(below.gemm);
});

test("machine code is the best of all, and computes beneath a BLAS what that lacks", () => {
  const told: string[] = [];
  const telling =
    (name: string) =>
    (...args: number[]) =>
      void told.push(`${name} ${args.length}`);
  const natives = { add: telling("native add"), gemm: telling("native gemm"), gather: telling("gather") };
  provideKernels("native", () => ({ float32: natives, float64: {} }));
  provideKernels("blas", () => ({ float32: { gemm: telling("BLAS gemm") }, float64: {} }));
  const run = () => {
    const { gemm } = linearKernels("float32");
    elementwiseKernels("float32").add(1, 1, 64, 0, 1, 64, 0, 1, 64);
    gemm(1, 1, 1, 1, 64, 0, 1, 1, 64, 0, 1, 1, 64, 0, 1, 0, 0, 0);
    return told.splice(0);
  };
  expect(useKernels("auto")).toBe("native");
  expect(run()).toEqual(["native add 9", "native gemm 18"]);
  expect(useKernels("blas")).toBe("blas");
  expect(run()).toEqual(["native add 9", "BLAS gemm 18"]);
  expect(linearKernels("float64").gemm.toString()).toBe(linearKernels("int32").gemm.toString());
  // What moves four bytes without looking at them serves integers, too.
  expect(indexedKernels("int32").gather).toBe(natives.gather);
  expect(useKernels("native")).toBe("native");
  expect(run()).toEqual(["native add 9", "native gemm 18"]);
});
