import { afterAll, describe, expect, test } from "vitest";
import { heap } from "../../memory/heap.ts";
import { Storage } from "../../memory/storage.ts";
import type { KernelSet } from "../dispatch.ts";
import { useKernels } from "../dispatch.ts";
import { recurrentKernels } from "../families.ts";
import type { RecurrentKernels } from "../table/recurrent.ts";

const sizes = [0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33];
const length = 5 * 4 * 33 + 8;
const best = useKernels("auto");

/** Blocks 0 … 6, each with values of its own in ±2. */
const blocks = [0, 1, 2, 3, 4, 5, 6].map(() => {
  const storage = Storage.allocate(length * 4, "test");
  storage.retain();
  return storage.offset;
});
const initial = (block: number, i: number) => 2 * Math.sin(i * 1.7 + block);

/** All blocks after a call on the given kernels. */
function run(
  set: KernelSet,
  special: number | undefined,
  call: (k: RecurrentKernels) => void,
): Float32Array[] {
  useKernels(set);
  const views = blocks.map((address) => heap().float32.subarray(address / 4, address / 4 + length));
  views.forEach((view, block) => {
    for (let i = 0; i < length; i++) view[i] = initial(block, i);
    if (special !== undefined) view[3 + block] = special;
  });
  call(recurrentKernels("float32"));
  return views.map((view) => view.slice());
}

function compare(call: (k: RecurrentKernels) => void, special?: number): void {
  const expected = run("reference", special, call);
  const plain = run("wasm-plain", special, call);
  plain.forEach((block, b) => {
    block.forEach((value, i) => {
      const reference = expected[b]![i]!;
      const close = Math.abs(value - reference) <= 1e-6 * Math.max(1, Math.abs(reference));
      if (!(Object.is(value, reference) || close)) expect(value, `block ${b}, element ${i}`).toBe(reference);
    });
  });
  expect(run(best, special, call)).toEqual(plain);
}

afterAll(() => void useKernels("auto"));

const [a, b, c, d, e, f, g] = blocks as [number, number, number, number, number, number, number];
const calls: [string, (k: RecurrentKernels, rows: number, hidden: number) => void][] = [
  ["lstmCell", (k, rows, hidden) => k.lstmCell(rows, hidden, a, b, c, d)],
  ["lstmCellGrad", (k, rows, hidden) => k.lstmCellGrad(rows, hidden, a, b, c, d, e, f)],
  ["gruCell", (k, rows, hidden) => k.gruCell(rows, hidden, a, b, c, d, e)],
  ["gruCellGrad", (k, rows, hidden) => k.gruCellGrad(rows, hidden, a, b, c, f, g)],
];

describe("recurrent cells: WebAssembly against reference", () => {
  test.each(calls)("%s", (_name, call) => {
    for (const hidden of sizes) for (const rows of [0, 1, 5]) compare((k) => call(k, rows, hidden));
    for (const special of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 1e-40]) {
      for (const hidden of [7, 8]) compare((k) => call(k, 3, hidden), special);
    }
  });
});
