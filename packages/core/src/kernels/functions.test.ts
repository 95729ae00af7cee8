// How exact the vectorized functions are, against float64. A million float32 numbers, evenly over all bit patterns: all
// magnitudes, both signs, denormals, infinities and NaN.
import { expect, test } from "vitest";
import { Heap } from "../memory/heap.ts";
import { allKernels } from "./all-kernels.ts";
import { erf } from "./reference/erf.ts";
import type { UnaryKernel } from "./table.ts";
import { wasmKernels } from "./wasm.ts";

const count = 1 << 20;
/** Odd, so that every low bit occurs. */
const stride = 4099;

/** The distance of neighbouring float32 numbers at `y`. */
function ulpAt(y: number): number {
  const exponent = Math.max(-126, Math.floor(Math.log2(Math.abs(y))));
  return 2 ** (exponent - 23);
}

/** The largest error of a kernel in ulp, where its result is a number and not an infinity. */
function worstError(run: UnaryKernel, exact: (x: number) => number): number {
  const x = heap.arena.allocate(4 * count, "x");
  const y = heap.arena.allocate(4 * count, "y");
  const bits = new Uint32Array(heap.buffer, x, count);
  for (let i = 0; i < count; i++) bits[i] = Math.imul(i, stride);
  run(count, x, y);
  let worst = 0;
  for (let i = 0; i < count; i++) {
    const [at, got] = [heap.float32[x / 4 + i]!, heap.float32[y / 4 + i]!];
    const right = exact(at);
    // Infinities and NaN are right or wrong, and so is a result that rounds to one.
    if (Number.isNaN(right) || !Number.isFinite(Math.fround(right))) {
      if (!Object.is(got, Math.fround(right))) return Number.POSITIVE_INFINITY;
    } else worst = Math.max(worst, Math.abs(got - right) / ulpAt(right || Number.MIN_VALUE));
  }
  heap.arena.free(x, 4 * count, "x");
  heap.arena.free(y, 4 * count, "y");
  return worst;
}

/** The largest errors over all 2^32 numbers, measured once, in ulp; perfect rounding has 0.5. */
const functions: [
  name: "exp" | "expm1" | "log" | "log1p" | "tanh" | "sigmoid" | "erf",
  exact: (x: number) => number,
  error: number,
][] = [
  ["exp", Math.exp, 0.99],
  ["expm1", Math.expm1, 1.09],
  ["log", Math.log, 0.91],
  ["log1p", Math.log1p, 0.93],
  ["tanh", Math.tanh, 1.17],
  ["sigmoid", (x) => 1 / (1 + Math.exp(-x)), 1.6],
  ["erf", erf, 1.53],
];

const heap = new Heap();
const builds = (["wasm-plain", "wasm-relaxed"] as const).map(
  (build) => [build, allKernels(({ modules }) => wasmKernels(heap, modules, build))] as const,
);

test.each(functions)("%s is as exact as it was measured to be", (name, exact, bound) => {
  for (const [build, kernels] of builds) {
    const error = worstError(kernels[name] as UnaryKernel, exact);
    expect(error, build).toBeLessThan(bound + 0.005);
    expect(error, build).toBeGreaterThan(0.5);
  }
});
