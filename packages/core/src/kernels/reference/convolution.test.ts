// Convolution of all WebAssembly builds against the reference, over random sizes: values, NaN, and untouched memory. A
// sample's bits depend on neither the batch nor its place in it, nor on the number of lanes.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mirroredKernels } from "../../../testing/mirrored-kernels.ts";
import { Heap } from "../../memory/heap.ts";
import { sizeOf } from "../../shape.ts";
import { allKernels } from "../all-kernels.ts";
import { kernelDefinitions } from "../definitions/index.ts";
import { interpret } from "../language/interpret.ts";
import type { Target } from "../language/values.ts";
import type { ColumnSizes, ConvolutionSizes } from "../table/convolution.ts";
import { build32, emitModule, wasmTarget } from "../wasm/module.ts";
import { instantiate, wasmKernels } from "../wasm.ts";

const heap = new Heap({ memory: new WebAssembly.Memory({ initial: 256, maximum: 256, shared: true }) });
const builds = ["wasm-plain", "wasm-relaxed", "emitted plain", "emitted relaxed", "wide"] as const;
const emitted = (relaxed: boolean) => {
  const kernels = instantiate(heap, emitModule(kernelDefinitions.convolution, build32(relaxed)));
  for (const { name } of kernelDefinitions.convolution) expect(kernels).toHaveProperty(name);
  return kernels;
};
const kernelSets = {
  reference: allKernels(({ reference }) => reference(heap.float32, heap)),
  "wasm-plain": allKernels(({ modules }) => wasmKernels(heap, modules, "wasm-plain")),
  "wasm-relaxed": allKernels(({ modules }) => wasmKernels(heap, modules, "wasm-relaxed")),
  "emitted plain": emitted(false),
  "emitted relaxed": emitted(true),
  wide: mirroredKernels(heap, "wasm-relaxed", () => [start, 4 * end]),
} as const;
type Build = (typeof builds)[number];

const start = heap.arena.allocate(8 << 20, "test");
const guard = 0x7f812345; // A NaN: what is read past an end shows in the results.
const gap = 4;
/** The end of what was laid out last, in words. */
let end = start / 4;

/** Lays arrays out one after another with guards in between, filled anew; numbers are blocks of so many NaNs. */
function layOut(...blocks: (Float32Array | number)[]): number[] {
  let next = start / 4 + gap;
  return blocks.map((block) => {
    const length = typeof block === "number" ? block : block.length;
    heap.int32.fill(guard, next - gap, next + length + gap);
    if (typeof block !== "number") heap.float32.set(block, next);
    const address = next * 4;
    next += length + gap;
    end = next;
    return address;
  });
}

const read = (address: number, length: number) => heap.float32.slice(address / 4, address / 4 + length);

/** Throws unless there are guards around the block. */
function expectGuards(address: number, length: number): void {
  const first = address / 4;
  const around = [
    ...heap.int32.subarray(first - gap, first),
    ...heap.int32.subarray(first + length).subarray(0, gap),
  ];
  expect(around).toEqual(new Array(2 * gap).fill(guard));
}

/** Numbers in ±1 that differ from place to place. */
function numbers(length: number, seed: number, strange: readonly number[] = []): Float32Array {
  return Float32Array.from({ length }, (_, i) => {
    const place = Math.imul(i + 1, 0x9e3779b1) ^ Math.imul(seed + 1, 0x85ebca6b);
    if (strange.length > 0 && (place >>> 3) % 41 === 0) return strange[i % strange.length]!;
    return ((place >>> 8) % 2001) / 1000 - 1;
  });
}

interface Case {
  n: number;
  groups: number;
  sizes: ConvolutionSizes;
}

const upTo = (most: number, least = 0) => fc.integer({ min: least, max: most });

/** At least one window. Paddings after the input are not those before it, as with "same". */
const anyAxis = fc
  .record({
    size: upTo(4, 1),
    stride: upTo(4, 1),
    dilation: upTo(3, 1),
    before: upTo(5),
    after: upTo(5),
    room: upTo(14),
  })
  .map(({ size, stride, dilation, before, after, room }) => {
    const span = dilation * (size - 1) + 1;
    const length = Math.max(1, span - before - after) + room;
    const count = Math.floor((length + before + after - span) / stride) + 1;
    return { size, stride, dilation, before, length, count };
  });

const anyCase: fc.Arbitrary<Case> = fc
  .record({ n: upTo(9), groups: upTo(2, 1), c: upTo(5, 1), o: upTo(7, 1), y: anyAxis, x: anyAxis })
  .map(({ n, groups, c, o, y, x }) => ({
    n,
    groups,
    sizes: [
      ...[c, y.length, x.length, o, y.size, x.size, y.count, x.count],
      ...[y.stride, x.stride, y.before, x.before, y.dilation, x.dilation],
    ] as unknown as ConvolutionSizes,
  }));

function lengths({ n, groups, sizes }: Case) {
  const [c, h, w, o, kh, kw, oh, ow] = sizes;
  return {
    x: n * groups * c * h * w,
    weight: groups * o * c * kh * kw,
    y: n * groups * o * oh * ow,
    bias: groups * o,
  };
}

type Direction = "convolve" | "convolveInput" | "convolveWeight";
const directions: Direction[] = ["convolve", "convolveInput", "convolveWeight"];

/** The result of one kernel; `a` and `b` are its operands. */
function run(
  set: keyof typeof kernelSets,
  direction: Direction,
  one: Case,
  a: Float32Array,
  b: Float32Array,
) {
  const kernels = kernelSets[set];
  const size = lengths(one);
  const length = { convolve: size.y, convolveInput: size.x, convolveWeight: size.weight }[direction];
  const scratch = kernels.convolveScratch!(directions.indexOf(direction), ...one.sizes);
  const bias = numbers(size.bias, 3);
  const [left, right, added, out, workspace] = layOut(a, b, bias, length, scratch / 4) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const { n, groups, sizes } = one;
  if (direction === "convolve") kernels.convolve!(n, groups, ...sizes, left, right, added, out, workspace);
  else kernels[direction]!(n, groups, ...sizes, left, right, out, workspace);
  expectGuards(out, length);
  expectGuards(workspace, scratch / 4);
  expect(read(left, a.length)).toEqual(a);
  expect(read(right, b.length)).toEqual(b);
  return read(out, length);
}

function operands(
  direction: Direction,
  one: Case,
  strange: readonly number[] = [],
): [Float32Array, Float32Array] {
  const size = lengths(one);
  const [a, b] = {
    convolve: [size.x, size.weight],
    convolveInput: [size.y, size.weight],
    convolveWeight: [size.x, size.y],
  }[direction] as [number, number];
  return [numbers(a, 1, strange), numbers(b, 2)];
}

/** Throws at the first element that is further off than rounding can be. */
function expectNear(got: Float32Array, expected: Float32Array, tolerance: number): void {
  const isNear = (a: number, b: number) => Object.is(a, b) || Math.abs(a - b) <= tolerance;
  const wrong = got.findIndex((value, i) => !isNear(value, expected[i]!));
  expect(got[wrong], `element ${wrong}`).toBe(expected[wrong]);
}

test.each(directions)("%s has the bits of the relaxed build with 64-bit addresses, too", (direction) => {
  const body = (one: Case) => {
    const [a, b] = operands(direction, one);
    expect(run("wide", direction, one, a, b)).toEqual(run("wasm-relaxed", direction, one, a, b));
  };
  fc.assert(fc.property(anyCase, body), { seed: 5, numRuns: 100 });
});

describe.each(builds)("%s", (build: Build) => {
  test.each(directions)("%s has the values of the reference", (direction) => {
    const body = (one: Case) => {
      const [a, b] = operands(direction, one);
      const got = run(build, direction, one, a, b);
      expectNear(got, run("reference", direction, one, a, b), 5e-5);
    };
    fc.assert(fc.property(anyCase, body), { seed: 1, numRuns: 150 });
  });

  test.each(directions)(
    "%s hands NaN and infinities on to what they belong to, and to nothing else",
    (direction) => {
      const body = (one: Case) => {
        const [a, b] = operands(direction, one, [
          Number.NaN,
          Number.POSITIVE_INFINITY,
          Number.NEGATIVE_INFINITY,
        ]);
        const got = run(build, direction, one, a, b);
        const expected = run("reference", direction, one, a, b);
        expect([...got].map(Number.isFinite)).toEqual([...expected].map(Number.isFinite));
      };
      fc.assert(fc.property(anyCase, body), { seed: 2, numRuns: 100 });
    },
  );

  test.each(["convolve", "convolveInput"] as const)(
    "%s: a sample's bits are the same anywhere in any batch",
    (direction) => {
      const body = (one: Case) => {
        fc.pre(one.n > 1);
        const [a, b] = operands(direction, one);
        const together = run(build, direction, one, a, b);
        const alone = Array.from({ length: one.n }, (_, i) => {
          const sample = a.length / one.n;
          return [...run(build, direction, { ...one, n: 1 }, a.slice(i * sample, (i + 1) * sample), b)];
        });
        expect([...together]).toEqual(alone.flat());
      };
      fc.assert(fc.property(anyCase, body), { seed: 3, numRuns: 60 });
    },
  );

  test("im2col and col2im, row by row", () => {
    const body = ({ sizes }: Case, cut: number) => {
      const [c, h, w, , kh, kw, oh, ow, ...moves] = sizes;
      const row = Math.floor(cut * oh);
      const block: ColumnSizes = [c, h, w, kh, kw, row, oh - row, ow, ...moves];
      const length = sizeOf([c, kh, kw, oh - row, ow]);
      const x = numbers(c * h * w, 1, [Number.NaN]);
      const columns = numbers(length, 2);
      const results = [build, "reference" as const].map((set) => {
        const [from, to] = layOut(x, length) as [number, number];
        kernelSets[set].im2col!(...block, from, to);
        expectGuards(to, length);
        const gathered = [...read(to, length)];
        const [source, sums] = layOut(columns, x) as [number, number];
        kernelSets[set].col2im!(...block, source, sums);
        expectGuards(sums, x.length);
        return { gathered, scattered: [...read(sums, x.length)] };
      });
      expect(results[0]).toEqual(results[1]);
    };
    fc.assert(fc.property(anyCase, fc.double({ min: 0, max: 0.99, noNaN: true }), body), {
      seed: 4,
      numRuns: 120,
    });
  });
});

/** The result of one kernel, operation by operation, on a machine with so many lanes. */
function interpreted(
  lanes: Target["lanes"],
  direction: Direction,
  { n, groups, sizes }: Case,
  a: Float32Array,
  b: Float32Array,
  length: number,
): number[] {
  const target: Target = {
    ...wasmTarget(build32(true)),
    lanes,
    registers: 2 * Math.max(8, lanes),
    fuses: true,
  };
  const routineOf = (name: string) =>
    kernelDefinitions.convolution.find((kernel) => kernel.name === name)!.record(target);
  const view = new Float32Array(1 << 18);
  const memory = { heap: view.buffer, near: view.buffer, scratch: 0 };
  const places = [16, a.length + 16, a.length + b.length + 16].map((at) => 4 * at);
  const workspace = (places[2]! + 4 * length + 63) & -64;
  const scratch = routineOf("convolveScratch");
  const bytes = interpret(scratch, [directions.indexOf(direction), ...sizes], memory, target)!;
  view.fill(Number.NaN);
  view.set(a, places[0]! / 4);
  view.set(b, places[1]! / 4);
  if (direction === "convolve") places.splice(2, 0, 0);
  interpret(routineOf(direction), [n, groups, ...sizes, ...places, workspace], memory, target);
  const written = view.findLastIndex((x) => !Number.isNaN(x));
  expect(written).toBeLessThan((workspace + bytes) / 4);
  return [...view.subarray(places.at(-1)! / 4).subarray(0, length)];
}

test.each<[string, Direction, Case]>([
  ["one sample", "convolve", { n: 1, groups: 1, sizes: [1, 4, 4, 3, 3, 3, 4, 4, 1, 1, 1, 1, 1, 1] }],
  ["samples left over", "convolve", { n: 18, groups: 1, sizes: [1, 2, 3, 7, 2, 2, 1, 2, 1, 1, 0, 0, 1, 1] }],
  ["strides", "convolveInput", { n: 3, groups: 2, sizes: [1, 5, 4, 2, 2, 3, 2, 2, 2, 3, 0, 1, 1, 1] }],
  ["dilation", "convolveInput", { n: 5, groups: 1, sizes: [3, 4, 4, 1, 2, 2, 2, 2, 1, 1, 0, 0, 2, 2] }],
  [
    "samples left over",
    "convolveWeight",
    { n: 18, groups: 1, sizes: [1, 3, 3, 3, 2, 2, 2, 2, 1, 1, 0, 0, 1, 1] },
  ],
  ["few samples", "convolveWeight", { n: 5, groups: 2, sizes: [2, 3, 4, 1, 3, 3, 3, 2, 1, 2, 1, 1, 1, 1] }],
])("the bits of 4, 8 and 16 lanes are the same: %s, %s", (_, direction, one) => {
  const strange = [Number.NaN, -0, Number.POSITIVE_INFINITY, 1e-42];
  for (const [left, right] of [operands(direction, one), operands(direction, one, strange)]) {
    const size = lengths(one);
    const length = { convolve: size.y, convolveInput: size.x, convolveWeight: size.weight }[direction];
    const [first, ...others] = ([4, 8, 16] as const).map((lanes) =>
      interpreted(lanes, direction, one, left, right, length),
    );
    for (const other of others) expect(other).toEqual(first);
  }
});

test("a weight that is not finite reaches only the inputs that it is multiplied with", () => {
  const one: Case = { n: 2, groups: 1, sizes: [2, 6, 6, 3, 3, 3, 6, 6, 1, 1, 1, 1, 1, 1] };
  const [dy, weight] = operands("convolveInput", one);
  // Its tap is at the upper left corner: the last row and column of dx do not meet it.
  weight[0] = Number.NaN;
  const expected = run("reference", "convolveInput", one, dy, weight);
  for (const build of ["emitted plain", "emitted relaxed"] as const)
    expect([...run(build, "convolveInput", one, dy, weight)].map(Number.isNaN)).toEqual(
      [...expected].map(Number.isNaN),
    );
});
