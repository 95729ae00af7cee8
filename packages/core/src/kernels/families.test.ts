// A thread makes a family of kernels when it first calls it, and once for each choice.
import { afterEach, expect, test, vi } from "vitest";
import { heap } from "../memory/heap.ts";
import { ones } from "../ops/create/create.ts";
import { matmul } from "../ops/index.ts";
import { scope } from "../scope.ts";
import { allKernels, kernelFamilies } from "./all-kernels.ts";
import { kernelDefinitions } from "./definitions/index.ts";
import type { KernelCall } from "./dispatch.ts";
import { kernelTables, listenToKernels, useKernels } from "./dispatch.ts";
import * as families from "./families.ts";
import { elementwiseKernels, linearKernels, poolingKernels } from "./families.ts";
import { provideKernels } from "./provide-kernels.ts";
import type { KernelName } from "./table.ts";

afterEach(() => void vi.restoreAllMocks());

/** How many modules were compiled since. */
function countModules(): () => number {
  const modules = vi.spyOn(WebAssembly, "Module");
  return () => modules.mock.calls.length;
}

test("what is not called is not compiled", () => {
  const count = countModules();
  useKernels("wasm");
  expect(count()).toBe(0);
  const { add } = elementwiseKernels("float32");
  expect(count()).toBe(1);
  expect(elementwiseKernels("float32").add).toBe(add);
  expect(elementwiseKernels("int32").add).not.toBe(add);
  expect(count()).toBe(1);
  linearKernels("float64");
  expect(count()).toBe(2);
  useKernels("reference");
  elementwiseKernels("float32");
  expect(count()).toBe(2);
});

test("listeners hear of calls, with the kernels that run without them", () => {
  useKernels("wasm");
  const { fill } = elementwiseKernels("float32");
  const [count, identity] = [countModules(), kernelTables()];
  const calls: KernelCall[] = [];
  const address = heap().arena.allocate(64, "test");
  listenToKernels(
    (call) => calls.push(call),
    () => {
      elementwiseKernels("float32").fill(2, 3, address);
      expect(kernelTables()).toBe(identity);
      listenToKernels(null, () => elementwiseKernels("float32").fill(2, 4, address));
      poolingKernels("int32").gatherPlane(0, 1, 1, address, address, address);
    },
  );
  expect(elementwiseKernels("float32").fill).toBe(fill);
  expect(heap().float32[address / 4]).toBe(4);
  expect(calls.map(({ kernel, dtype, args }) => [kernel, dtype, args.length])).toEqual([
    ["fill", "float32", 3],
    ["gatherPlane", "int32", 6],
  ]);
  expect(calls[0]!.run).toBe(fill);
  // Pooling's.
  expect(count()).toBe(1);
});

test("provided kernels lie over the family that they belong to", () => {
  useKernels("wasm");
  const plain = linearKernels("float32").gemm;
  const [exp, gemm] = [() => undefined, () => undefined];
  provideKernels("native", (_, otherwise) => {
    const count = countModules();
    expect(otherwise(linearKernels, "float32").gemm).not.toBe(plain);
    expect(count()).toBe(1);
    return { float32: { exp, gemm }, float64: { gemm } };
  });
  useKernels("native");
  vi.restoreAllMocks();
  expect(linearKernels("float32").gemm).toBe(gemm);
  expect(linearKernels("float64").gemm).toBe(gemm);
  expect(linearKernels("int32").gemm).not.toBe(gemm);
  expect(Object.keys(linearKernels("float32"))).toEqual(["gemm"]);
  expect(elementwiseKernels("float32").exp).toBe(exp);
  expect(elementwiseKernels("float64").exp).not.toBe(exp);
  useKernels("wasm");
});

test("what machine code replaces is not compiled", () => {
  const nothing = () => undefined;
  provideKernels("native", () => ({ float32: { exp: nothing, gemm: nothing }, float64: {} }));
  const count = countModules();
  useKernels("native");
  expect(linearKernels("float32").gemm).toBe(nothing);
  expect(count()).toBe(0);
  elementwiseKernels("float32");
  expect(count()).toBe(1);
  useKernels("wasm");
});

test("choosing kernels again and again takes no more memory", () => {
  const choose = () => {
    for (const kernels of ["wasm-plain", "wasm"] as const) {
      useKernels(kernels);
      scope(() => void matmul(ones([9, 9]), ones([9, 9])));
    }
    return heap().arena.live;
  };
  const before = choose();
  expect([choose(), choose()]).toEqual([before, before]);
});

test("every family is in the list, and has the kernels that are defined for it", () => {
  expect(new Set(kernelFamilies)).toEqual(new Set(Object.values(families)));
  useKernels("reference");
  for (const definitions of Object.values(kernelDefinitions)) {
    const names = definitions.map(({ name }) => name as KernelName);
    const owners = kernelFamilies.filter((family) => names.some((name) => name in family("float32")));
    expect(owners.length, names.join()).toBe(1);
    expect(Object.keys(owners[0]!("float32"))).toEqual(expect.arrayContaining(names));
  }
  const tables = kernelFamilies.map((family) => Object.keys(family("float32")));
  // No name is in two.
  expect(Object.keys(allKernels((family) => family("float32")))).toEqual(tables.flat());
});
