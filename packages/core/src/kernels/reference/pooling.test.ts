// Pooling of all WebAssembly builds against the reference, over random sizes: the same bits, nothing else touched. And from
// the definitions, for 8 and 16 lanes, too.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mirroredKernels } from "../../../testing/mirrored-kernels.ts";
import { Heap } from "../../memory/heap.ts";
import { allKernels } from "../all-kernels.ts";
import { kernelDefinitions } from "../definitions/index.ts";
import { interpret } from "../language/interpret.ts";
import type { Target } from "../language/values.ts";
import type { PoolingSizes } from "../table/pooling.ts";
import type { Kernels } from "../table.ts";
import { build32, emitModule, wasmTarget } from "../wasm/module.ts";
import { instantiate, wasmKernels } from "../wasm.ts";

const heap = new Heap({ memory: new WebAssembly.Memory({ initial: 128, maximum: 128, shared: true }) });
const emitted = (relaxed: boolean) =>
  instantiate(heap, emitModule(kernelDefinitions.pooling, build32(relaxed)));

/** The kernels, operation by operation, on a machine with so many lanes. */
function interpreted(lanes: Target["lanes"]): Partial<Kernels> {
  const target = { ...wasmTarget(build32(true)), lanes };
  const memory = { heap: heap.buffer, near: new ArrayBuffer(64), scratch: 0 };
  const entries = kernelDefinitions.pooling.map((kernel) => {
    const routine = kernel.record(target);
    return [kernel.name, (...args: number[]) => interpret(routine, args, memory, target)];
  });
  return Object.fromEntries(entries) as Partial<Kernels>;
}

const kernelSets = {
  reference: allKernels(({ reference }) => reference(heap.float32, heap)),
  "wasm-plain": allKernels(({ modules }) => wasmKernels(heap, modules, "wasm-plain")),
  "wasm-relaxed": allKernels(({ modules }) => wasmKernels(heap, modules, "wasm-relaxed")),
  "emitted plain": emitted(false),
  "emitted relaxed": emitted(true),
  wide: mirroredKernels(heap, "wasm-relaxed", () => [4 * start, 4 * end]),
  "8 lanes": interpreted(8),
  "16 lanes": interpreted(16),
} as const;
const builds = [
  ...(["wasm-plain", "wasm-relaxed", "emitted plain", "emitted relaxed"] as const),
  ...(["wide", "8 lanes", "16 lanes"] as const),
];
const start = heap.arena.allocate(2 << 20, "test") / 4;
const guard = 0x7f812345; // A NaN: what is read past an end shows in the results.

let end = start;

/** Lays blocks out one after another, guards in between, from `start` to `end`. */
function layOut(...blocks: ArrayLike<number>[]): number[] {
  let next = start + 4;
  end = next + blocks.reduce((total, block) => total + block.length + 4, 0);
  heap.int32.fill(guard, start, end);
  return blocks.map((block) => {
    (block instanceof Int32Array ? heap.int32 : heap.float32).set(block, next);
    const address = next * 4;
    next += block.length + 4;
    return address;
  });
}

interface Case {
  sizes: PoolingSizes;
  dilation: [number, number];
}

const upTo = (most: number, least = 0) => fc.integer({ min: least, max: most });
const oftenTwo = fc.constantFrom(1, 2, 2, 2, 3, 4);
const anyAxis = fc
  .record({
    size: oftenTwo,
    dilation: fc.constantFrom(1, 1, 1, 1, 2, 3),
    half: fc.constantFrom(0, 0, 1, 2, 3),
    stride: oftenTwo,
    room: upTo(24),
    ceil: fc.boolean(),
  })
  .map(({ size, dilation, half, stride, room, ceil }) => {
    const span = dilation * (size - 1) + 1;
    const pad = Math.min(half, Math.floor(span / 2));
    const length = Math.max(1, span - 2 * pad) + room;
    let count = Math.floor((length + 2 * pad - span + (ceil ? stride - 1 : 0)) / stride) + 1;
    if ((count - 1) * stride >= length + pad) count--;
    return { size, dilation, pad, stride, length, count };
  });

const anyCase: fc.Arbitrary<Case> = fc.tuple(upTo(3), anyAxis, anyAxis).map(([planes, y, x]) => ({
  sizes: [planes, y.length, x.length, y.size, x.size, y.count, x.count, y.stride, x.stride, y.pad, x.pad],
  dilation: [y.dilation, x.dilation],
}));

/** Few different numbers, so that many are equal, and strange ones. */
const strange = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 1e-45, 3e38];
function numbers(length: number, seed: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => {
    const place = (Math.imul(i + 1, 0x9e3779b1) ^ Math.imul(seed, 0x85ebca6b)) >>> 8;
    return place % 17 === 0 ? strange[place % strange.length]! : (place % 9) / 4 - 1;
  });
}

const inputs = ({ sizes: [planes, h, w] }: Case) => planes * h * w;
const outputs = ({ sizes: [planes, , , , , oh, ow] }: Case) => planes * oh * ow;

/** All that was laid out must be the same after `call` in each of the two sets, but for the bits of NaN. */
function compare(
  build: (typeof builds)[number],
  call: (kernels: (typeof kernelSets)["reference"]) => void,
): void {
  const images = (["reference", build] as const).map((set) => {
    call(kernelSets[set] as (typeof kernelSets)["reference"]);
    return heap.float32.slice(start, end);
  });
  const wrong = images[0]!.findIndex((value, i) => !Object.is(value, images[1]![i]));
  expect(images[1]![wrong], `word ${wrong}`).toBe(images[0]![wrong]);
}

describe.each(builds)("%s", (build) => {
  const check = (body: (one: Case, seed: number) => void) => {
    // A last window of two columns that begins inside and ends outside, where four are computed at once.
    const ragged: Case = { sizes: [2, 3, 7, 2, 2, 2, 4, 2, 2, 0, 0], dilation: [1, 1] };
    // The interpreter is slow.
    const numRuns = build.endsWith("lanes") ? 15 : 300;
    fc.assert(fc.property(anyCase, fc.nat(99), body), { seed: 1, numRuns, examples: [[ragged, 1]] });
  };

  test("maxPool, and to and from the places that it finds", () => {
    check((one, seed) => {
      const { sizes, dilation } = one;
      const [planes, h, w, , , oh, ow] = sizes;
      compare(build, (kernels) => {
        const [x, y, place, taken, given, dy] = layOut(
          numbers(inputs(one), seed),
          new Float32Array(outputs(one)),
          new Int32Array(outputs(one)),
          new Float32Array(outputs(one)),
          new Float32Array(inputs(one)),
          numbers(outputs(one), seed + 1),
        ) as [number, number, number, number, number, number];
        kernels.maxPool(...sizes, ...dilation, x, y, place);
        kernels.gatherPlane(planes, h * w, oh * ow, x, place, taken);
        kernels.scatterPlane(planes, h * w, oh * ow, dy, place, given);
      });
    });
  });

  test("avgPool and its gradient", () => {
    check((one, seed) => {
      // A window of averages has no gaps, and its padding is no more than half of it.
      if (Math.max(...one.dilation) > 1) return;
      for (const [countPad, divisor] of [
        [0, 0],
        [1, 0],
        [0, 3],
      ] as const) {
        compare(build, (kernels) => {
          const [x, y, dy, dx] = layOut(
            numbers(inputs(one), seed),
            new Float32Array(outputs(one)),
            numbers(outputs(one), seed + 1),
            new Float32Array(inputs(one)),
          ) as [number, number, number, number];
          kernels.avgPool(...one.sizes, countPad, divisor, x, y);
          kernels.avgPoolGrad(...one.sizes, countPad, divisor, dy, dx);
        });
      }
    });
  });
});
