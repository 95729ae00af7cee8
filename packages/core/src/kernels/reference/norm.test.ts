import { afterAll, describe, expect, test } from "vitest";
import { heap } from "../../memory/heap.ts";
import { Storage } from "../../memory/storage.ts";
import type { KernelSet } from "../dispatch.ts";
import { useKernels } from "../dispatch.ts";
import { channelKernels, normKernels } from "../families.ts";
import type { ChannelKernels } from "../table/channels.ts";
import type { NormKernels } from "../table/norm.ts";

type Kernels = ChannelKernels & NormKernels;

const sizes = [1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129];
const best = useKernels("auto");
const length = 3 * 4 * 130;

/** A block of float32, and a value past its use to see that it is not overwritten. */
function block(value: (i: number) => number): number {
  const storage = Storage.allocate(length * 4, "test");
  storage.retain();
  for (let i = 0; i < length; i++) heap().float32[storage.offset / 4 + i] = value(i);
  return storage.offset;
}
const wave = (shift: number) => (i: number) => Math.sin(i * 1.7 + shift) * 2 + shift / 3;
const [a, b, c, d, e, f] = [0, 1, 2, 3, 4, 5].map((i) => block(wave(i))) as [
  number,
  number,
  number,
  number,
  number,
  number,
];
const out = block(() => 0);
const out2 = block(() => 0);
/** What the rounding of means has lost: a number so small that it is looked at by itself, below. */
const rest = block(() => 0);

/** Elements of `out` and `out2` after a call on the given kernels. */
function run(set: KernelSet, call: (kernels: Kernels) => void): Float32Array {
  useKernels(set);
  const { float32 } = heap();
  for (const y of [out, out2]) float32.fill(77, y / 4, y / 4 + length);
  call({ ...normKernels("float32"), ...channelKernels("float32") });
  const written = new Float32Array(2 * length);
  [out, out2].forEach((y, i) => void written.set(float32.subarray(y / 4, y / 4 + length), i * length));
  return written;
}

/** The fast kernels against the reference, with a tolerance for sums of `terms` elements. */
function compare(terms: number, call: (kernels: Kernels) => void): void {
  const expected = run("reference", call);
  const plain = run("wasm-plain", call);
  plain.forEach((value, i) => {
    const reference = expected[i]!;
    const same = Object.is(value, reference) || (Number.isNaN(value) && Number.isNaN(reference));
    if (same) return;
    const tolerance = 1e-6 * (4 + Math.sqrt(terms)) * Math.max(1, Math.abs(reference));
    if (!(Math.abs(value - reference) <= tolerance)) expect(value, `element ${i}`).toBe(reference);
  });
  const relaxed = run(best, call);
  expect(relaxed.findIndex((value, i) => !Object.is(value, plain[i]))).toBe(-1);
}

afterAll(() => void useKernels("auto"));

describe("normalizations: WebAssembly against reference", () => {
  const rowCalls: [string, (k: Kernels, rows: number, cols: number, centered: number) => void][] = [
    ["rowNorm", (k, r, n, m) => k.rowNorm(r, n, 1e-5, m, a, b, c, out)],
    ["rowNorm, no weight", (k, r, n, m) => k.rowNorm(r, n, 1e-5, m, a, 0, 0, out)],
    ["rowNorm, no bias", (k, r, n, m) => k.rowNorm(r, n, 1e-5, m, a, b, 0, out)],
    ["rowNormGrad", (k, r, n, m) => k.rowNormGrad(r, n, 1e-5, m, b, a, c, out)],
    ["rowNormGrad, no weight", (k, r, n, m) => k.rowNormGrad(r, n, 1e-5, m, b, a, 0, out)],
    ["rowNormGradWeight", (k, r, n, m) => k.rowNormGradWeight(r, n, 1e-5, m, b, a, out)],
  ];
  test.each(rowCalls)("%s", (_name, call) => {
    for (const cols of sizes) {
      for (const rows of [0, 1, 5]) {
        for (const centered of [0, 1]) compare(cols, (kernels) => call(kernels, rows, cols, centered));
      }
    }
  });

  const channelCalls: [string, (k: Kernels, ...sizes: [number, number, number]) => void][] = [
    ["channelMoments", (k, ...n) => k.channelMoments(...n, a, out, rest, out2)],
    ["channelAffine", (k, ...n) => k.channelAffine(...n, a, 0, b, c, out)],
    ["channelAffine, no shift", (k, ...n) => k.channelAffine(...n, a, 0, b, 0, out)],
    ["channelAffine, centered", (k, ...n) => k.channelAffine(...n, a, d, b, c, out)],
    ["channelDot", (k, ...n) => k.channelDot(...n, a, b, c, 0, out)],
    ["channelDot, a center in two parts", (k, ...n) => k.channelDot(...n, a, b, c, d, out)],
    ["channelDot, no center", (k, ...n) => k.channelDot(...n, a, b, 0, 0, out)],
    ["channelDot, sum", (k, ...n) => k.channelDot(...n, a, 0, 0, 0, out)],
    ["channelCombine", (k, ...n) => k.channelCombine(...n, a, b, c, d, e, f, out)],
  ];
  test.each(channelCalls)("%s", (_name, call) => {
    for (const size of sizes) {
      for (const [outer, channels, inner] of [
        [3, size, 1],
        [2, 3, size],
        [1, 1, size],
        [0, size, 2],
      ] as const) {
        if (outer === 0 && _name === "channelMoments") continue;
        compare(size, (kernels) => call(kernels, outer, channels, inner));
      }
    }
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 1e-40])("%d", (special) => {
    const at = a / 4 + 5;
    const before = heap().float32[at]!;
    heap().float32[at] = special;
    for (const cols of [7, 8, 9]) {
      for (const centered of [0, 1]) {
        compare(cols, (k) => k.rowNorm(3, cols, 1e-5, centered, a, b, c, out));
        compare(cols, (k) => k.rowNormGrad(3, cols, 1e-5, centered, b, a, c, out));
        compare(cols, (k) => k.rowNormGradWeight(3, cols, 1e-5, centered, b, a, out));
      }
      compare(cols, (k) => k.channelMoments(2, 3, cols, a, out, rest, out2));
      compare(cols, (k) => k.channelCombine(2, 3, cols, a, b, c, d, e, f, out));
      compare(cols, (k) => k.channelAffine(2, cols, 1, a, 0, b, 0, out));
      compare(cols, (k) => k.channelDot(2, cols, 1, a, b, c, 0, out));
    }
    heap().float32[at] = before;
  });

  test("the mean is subtracted before squaring, so a large one costs no digits", () => {
    const { float32 } = heap();
    const x = block((i) => 10_000 + (i % 2));
    useKernels("auto");
    normKernels("float32").rowNorm(1, 64, 0, 1, x, 0, 0, out);
    expect(float32[out / 4]).toBe(-1);
    channelKernels("float32").channelMoments(1, 1, 64, x, out, rest, out2);
    expect(float32[out2 / 4]).toBe(0.25);
  });

  test.each(["reference", "wasm-plain", best] as const)("%s: a mean has two parts", (set) => {
    const { float32 } = heap();
    const x = block((i) => 1000 + (i % 8 === 0 ? 2 ** -13 : 0));
    useKernels(set);
    for (const [outer, channels, inner] of [
      [1, 1, 64],
      [64, 1, 1],
      [8, 8, 8],
    ] as const) {
      channelKernels("float32").channelMoments(outer, channels, inner, x, out, rest, out2);
      expect(float32[out / 4]).toBe(1000);
      expect(float32[rest / 4]).toBe(2 ** -16);
      expect(float32[out2 / 4]).toBe(7 * 2 ** -32);
    }
  });
});
