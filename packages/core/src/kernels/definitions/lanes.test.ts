// Kernels have the same bits with 4, 8 and 16 lanes: those for which kernels.test.ts has no rows.
import { expect, test } from "vitest";
import { Heap } from "../../memory/heap.ts";
import { interpret } from "../language/interpret.ts";
import type { Target } from "../language/values.ts";
import { build32, emitModule, wasmTarget } from "../wasm/module.ts";
import { instantiate } from "../wasm.ts";
import { kernelDefinitions } from "./index.ts";

const heap = new Heap({ memory: new WebAssembly.Memory({ initial: 64, maximum: 64, shared: true }) });
const definitions = [
  ...kernelDefinitions.norm,
  ...kernelDefinitions.attention,
  ...kernelDefinitions.random,
  ...kernelDefinitions.recurrent,
];
const emitted = instantiate(heap, emitModule(definitions, build32(false))) as Record<
  string,
  (...args: number[]) => unknown
>;
const near = new ArrayBuffer(1 << 20);

// Ten arrays of numbers.
const length = 600;
const start = heap.arena.allocate(40 * length, "test");
const [a, b, c, d, e, f] = Array.from({ length: 6 }, (_, i) => start + 4 * length * i) as [
  ...[number, number, number, number, number, number],
];

/** Arguments for rows of so many columns. */
const cases: Record<string, (rows: number, cols: number) => number[][]> = {
  rowNorm: (rows, cols) => [
    [rows, cols, 1e-5, 1, a, b, c, d],
    [rows, cols, 1e-5, 0, a, 0, 0, d],
  ],
  rowNormGrad: (rows, cols) => [
    [rows, cols, 1e-5, 1, a, b, c, d],
    [rows, cols, 1e-5, 0, a, b, 0, d],
  ],
  rowNormGradWeight: (rows, cols) => [[rows, cols, 1e-5, 1, a, b, d]],
  maskedSoftmax: (rows, cols) => [
    [1, rows, cols, 0.5, 0, a, 0, 0, 0, 0, 0, d],
    [1, rows, cols, 0.5, 1, a, 1, b, 0, cols, 1, d],
    [1, rows, cols, 0.5, 0, a, 2, e, 0, cols, 1, d],
  ],
  maskedSoftmaxGrad: (rows, cols) => [[rows, cols, 0.5, a, b, d]],
  dropoutMask: (rows, cols) => [[rows * cols, 2 ** 23, b, 8, d]],
  dropout: (rows, cols) => [[rows * cols, 2, a, e, d]],
  lstmCell: (rows, cols) => [[rows, cols, a, b, c, d]],
  lstmCellGrad: (rows, cols) => [[rows, cols, a, b, c, d, e, f]],
  gruCell: (rows, cols) => [[rows, cols, a, b, c, d, e]],
  gruCellGrad: (rows, cols) => [[rows, cols, a, b, c, d, e]],
};

/** Numbers in ±2; in `e` bytes that are often 0. */
function fill(): void {
  for (let i = 0; i < 10 * length; i++)
    heap.float32[start / 4 + i] = ((Math.imul(i + 1, 0x9e3779b1) >>> 8) / 2 ** 24) * 4 - 2;
  for (let i = 0; i < 4 * length; i++) heap.uint8[e + i] = (i * 7) % 3;
}

/** The bits of everything after a call; all NaN are alike. */
function after(call: () => void): number[] {
  fill();
  call();
  const floats = heap.float32.subarray(start / 4, start / 4 + 10 * length);
  return Array.from(floats, (float, i) => (Number.isNaN(float) ? 0x7fc00000 : heap.int32[start / 4 + i]!));
}

test.each(definitions.map(({ name }) => name))("%s", (name) => {
  const definition = definitions.find((one) => one.name === name)!;
  for (const lanes of [8, 16] as const) {
    const target: Target = { ...wasmTarget(build32(false)), lanes };
    const routine = definition.record(target);
    for (const cols of [1, 5, 16, 39])
      for (const args of cases[name]!(3, cols)) {
        const expected = after(() => emitted[name]!(...args));
        const got = after(() => interpret(routine, args, { heap: heap.buffer, near, scratch: 0 }, target));
        expect(got, `${lanes} lanes, [3,${cols}]`).toEqual(expected);
      }
  }
});
