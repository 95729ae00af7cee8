import { afterAll, describe, expect, test } from "vitest";
import { heap } from "../../memory/heap.ts";
import { Storage } from "../../memory/storage.ts";
import type { KernelSet } from "../dispatch.ts";
import { useKernels } from "../dispatch.ts";
import { attentionKernels } from "../families.ts";
import type { AttentionKernels } from "../table/attention.ts";

const sizes = [1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129];
const length = 2 * 5 * 130;
const best = useKernels("auto");

function block(value: (i: number) => number): number {
  const storage = Storage.allocate(length * 4, "test");
  storage.retain();
  for (let i = 0; i < length; i++) heap().float32[storage.offset / 4 + i] = value(i);
  return storage.offset;
}

const x = block((i) => Math.sin(i * 1.7) * 3);
const dy = block((i) => Math.cos(i * 0.9));
const added = block((i) => (i % 3 === 0 ? Number.NEGATIVE_INFINITY : Math.sin(i)));
const shown = block(() => 0);
for (let i = 0; i < length; i++) heap().uint8[shown + i] = (i * i) % 5;
const shares = block(() => 0);
const out = block(() => 0);

function run(set: KernelSet, call: (kernels: AttentionKernels) => void, from = out): Float32Array {
  useKernels(set);
  const y = heap().float32.subarray(out / 4, out / 4 + length);
  if (from === out) y.fill(77);
  else y.set(heap().float32.subarray(from / 4, from / 4 + length));
  call(attentionKernels("float32"));
  return y.slice();
}

function compare(call: (kernels: AttentionKernels) => void, from = out): void {
  const expected = run("reference", call, from);
  const plain = run("wasm-plain", call, from);
  plain.forEach((value, i) => {
    const tolerance = 8e-6 * Math.max(1, Math.abs(expected[i]!));
    if (!(Object.is(value, expected[i]) || Math.abs(value - expected[i]!) <= tolerance)) {
      expect(value, `element ${i}`).toBe(expected[i]);
    }
  });
  const relaxed = run(best, call, from);
  expect(relaxed.findIndex((value, i) => !Object.is(value, plain[i]))).toBe(-1);
}

afterAll(() => void useKernels("auto"));

describe("attention: WebAssembly against reference", () => {
  const masks: [string, number, number][] = [
    ["no mask", 0, 0],
    ["added mask", 1, added],
    ["mask of bytes", 2, shown],
  ];
  test.each(masks)("maskedSoftmax, %s", (_name, kind, mask) => {
    for (const cols of sizes) {
      for (const causal of [0, 1]) {
        for (const [outer, row, col] of [
          [5 * cols, cols, 1],
          [0, cols, 1],
          [cols, 0, 1],
          [5, 1, 0],
          [0, 0, 1],
        ] as const) {
          compare((k) => k.maskedSoftmax(2, 5, cols, 0.7, causal, x, kind, mask, outer, row, col, out));
        }
      }
    }
  });

  test("maskedSoftmax in place", () => {
    for (const cols of [1, 5, 8, 63]) {
      compare((k) => k.maskedSoftmax(2, 5, cols, 0.7, 1, out, 2, shown, 0, cols, 1, out), x);
      compare((k) => k.maskedSoftmax(2, 5, cols, 0.7, 1, out, 0, 0, 0, 0, 0, out), x);
    }
  });

  test("maskedSoftmax of any factor, and of rows that are infinite", () => {
    for (const factor of [-0.7, 0, 1e-3, 100])
      for (const cols of [1, 8, 63])
        for (const from of [x, added])
          compare((k) => k.maskedSoftmax(2, 5, cols, factor, 1, from, 0, 0, 0, 0, 0, out));
  });

  test("maskedSoftmaxGrad", () => {
    for (const cols of sizes) {
      useKernels("reference");
      attentionKernels("float32").maskedSoftmax(1, 5, cols, 0.7, 0, x, 0, 0, 0, 0, 0, shares);
      for (const rows of [0, 1, 5]) compare((k) => k.maskedSoftmaxGrad(rows, cols, 0.7, dy, shares, out));
    }
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 1e-40, 3e38])(
    "%d",
    (special) => {
      const at = x / 4 + 9;
      const before = heap().float32[at]!;
      heap().float32[at] = special;
      compare((k) => k.maskedSoftmax(1, 12, 1, 0.5, 0, x, 0, 0, 0, 0, 0, out));
      for (const [, kind, mask] of masks) {
        for (const cols of [3, 4, 8, 9, 11]) {
          compare((k) => k.maskedSoftmax(1, 5, cols, 0.5, 0, x, kind, mask, 0, cols, 1, out));
          compare((k) => k.maskedSoftmax(1, 5, cols, 0.5, 1, x, kind, mask, 0, cols, 1, out));
        }
      }
      heap().float32[at] = before;
    },
  );
});
