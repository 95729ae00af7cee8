// A BLAS as somebody else provides it: when it is chosen, and that only its kernels take the place of others.
import { expect, test } from "vitest";
import { ValueError } from "../errors.ts";
import { heap } from "../memory/heap.ts";
import { tensor } from "../ops/create/create.ts";
import { linear } from "../ops/index.ts";
import { kernelSet, kernelsFor, useKernels } from "./dispatch.ts";
import { provideBlas } from "./provide-blas.ts";
import { supportedBuild } from "./wasm.ts";

test("without one, its choice is refused, and the kernels stay what they were", () => {
  expect(useKernels("reference")).toBe("reference");
  expect(() => useKernels("blas")).toThrow(ValueError);
  expect(() => useKernels("blas")).toThrow(/no BLAS was provided .* install @shardgrad\/blas/);
  expect(kernelSet()).toBe("reference");
});

test("provided, it is chosen by name or as the best, over the best WebAssembly build", () => {
  useKernels("wasm");
  const below = { add: kernelsFor("float32").add.toString(), gemm: kernelsFor("float64").gemm.toString() };
  const calls: string[] = [];
  provideBlas((memory, { float32, float64 }) => {
    expect(memory).toBe(heap());
    const counted = (dtype: string, { gemm }: typeof float32): typeof float32.gemm => {
      return (...args) => {
        calls.push(dtype);
        gemm(...args);
      };
    };
    return {
      float32: { gemm: counted("float32", float32) },
      float64: { gemm: counted("float64", float64) },
    };
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
  expect(kernelsFor("float32").add.toString()).toBe(below.add);

  expect(useKernels("wasm")).toBe(supportedBuild());
  expect(kernelsFor("float64").gemm.toString()).toBe(below.gemm);
});
