// Kernel calls in a row are replayed as one, where the kernels can do that.
import { expect, test } from "vitest";
import { useKernels } from "../kernels/dispatch.ts";
import { elementwiseKernels } from "../kernels/families.ts";
import type { JoinableCall } from "../kernels/provide-kernels.ts";
import { provideKernels } from "../kernels/provide-kernels.ts";
import { heap } from "../memory/heap.ts";
import { tensor } from "../ops/create/create.ts";
import { add, exp, mul } from "../ops/index.ts";
import { compile } from "./compile.ts";

test("a replay joins the calls of kernels that can be joined, and gives the joined calls back", () => {
  useKernels("wasm");
  const { add: plainAdd, mul: plainMul } = elementwiseKernels("float32");
  const native = {
    add: (...args: Parameters<typeof plainAdd>) => plainAdd(...args),
    mul: (...args: Parameters<typeof plainMul>) => plainMul(...args),
  };
  const functions = new Set<unknown>(Object.values(native));
  const joined: number[] = [];
  const runs: number[] = [];
  let disposed = 0;
  const join = (calls: readonly JoinableCall[]) => {
    joined.push(calls.length);
    return {
      run: () => {
        runs.push(calls.length);
        for (const { run, args } of calls) run(...args);
      },
      dispose: () => void disposed++,
    };
  };
  provideKernels("native", () => ({
    float32: native,
    float64: {},
    joiner: { joins: (run) => functions.has(run), addresses: () => [2, 5, 8], join },
  }));
  useKernels("native");
  const before = heap().arena.largestFree();
  const f = (x: ReturnType<typeof tensor>) => mul(add(exp(add(mul(x, x), x)), x), x);
  const fast = compile(f);
  const values = [1, 2, 3].map((x) => {
    using input = tensor([x, x / 2]);
    const [expected, got] = [f(input), fast(input)];
    expect(got.toArray()).toEqual(expected.toArray());
    return got;
  });
  for (const value of values) value.dispose();
  // exp is not among them: two calls before it, two behind it.
  expect(joined).toEqual([2, 2]);
  expect(runs).toEqual([2, 2]);
  fast.dispose();
  expect(disposed).toBe(2);
  expect(heap().arena.largestFree()).toBeLessThanOrEqual(before);
});
