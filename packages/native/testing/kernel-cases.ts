// Calls of kernels whose loops have all kinds of edges, and what the interpreter of the kernel language makes of them.
import type { Definition, Target } from "@shardgrad/core/kernels";
import { interpret, kernelDefinitions } from "@shardgrad/core/kernels";
import { machines } from "../src/x64/machine.ts";

const definitions: readonly Definition[] = Object.values(kernelDefinitions).flat();

/** An argument: a number, an array, or none. */
export type Argument = number | Float32Array | Int32Array | null;

/** A kernel, its arguments, and how many of its last arrays say nothing. */
export type KernelCase = [name: string, args: Argument[], ignored: number];

/** Numbers in ±1, with a strange one here and there. */
function numbers(length: number, seed: number, strange: readonly number[] = []): Float32Array {
  return Float32Array.from({ length }, (_, i) => {
    const place = Math.imul(i + 1, 0x9e3779b1) ^ Math.imul(seed + 1, 0x85ebca6b);
    if (strange.length > 0 && (place >>> 3) % 17 === 0) return strange[i % strange.length]!;
    return ((place >>> 8) % 2001) / 1000 - 1;
  });
}

/** All NaN are alike, but for integers. */
export const plain = (words: Int32Array) =>
  Array.from(words, (word) => ((word & 0x7fffffff) > 0x7f800000 && word !== -1 ? 0x7fc00000 : word));

/** What the arrays are after a kernel has run, operation by operation. */
export function interpreted(definition: Definition, args: readonly Argument[]): number[][] {
  const heap = new ArrayBuffer(1 << 20);
  const places: [number, number][] = [];
  let next = 64;
  const given = args.map((arg) => {
    if (arg === null) return 0;
    if (typeof arg === "number") return arg;
    const at = next;
    new Uint8Array(heap).set(new Uint8Array(arg.buffer, arg.byteOffset, arg.byteLength), at);
    next = (next + arg.byteLength + 127) & -64;
    places.push([at, arg.byteLength]);
    return at;
  });
  const { target } = machines.avx512;
  interpret(definition.record(target), given, { heap, near: heap, scratch: 1 << 19 }, target);
  return places.map(([at, length]) => plain(new Int32Array(heap.slice(at, at + length))));
}

export const definitionOf = (name: string) => definitions.find((one) => one.name === name)!;
const blank = (length: number) => new Int32Array(length).fill(-1);
const strange = [Number.NaN, Number.POSITIVE_INFINITY, -0, 1e-42];

/** Sizes of convolutions, with samples and groups in front. */
const convolutions = [
  [1, 1, ...[2, 5, 4, 5, 3, 3, 5, 4, 1, 1, 1, 1, 1, 1]],
  [18, 2, ...[1, 3, 3, 3, 2, 2, 2, 2, 1, 1, 0, 0, 1, 1]],
  [5, 1, ...[3, 5, 4, 6, 2, 3, 2, 2, 2, 3, 0, 1, 1, 1]],
  [3, 1, ...[1, 7, 6, 1, 2, 2, 5, 4, 1, 1, 0, 0, 2, 2]],
];

function* convolutionCases(target: Target): Generator<KernelCase> {
  for (const [i, sizes] of convolutions.entries()) {
    const [n, groups, c, h, w, o, kh, kw, oh, ow] = sizes as number[];
    const x = numbers(n! * groups! * c! * h! * w!, 1, i % 2 ? strange : []);
    const weight = numbers(groups! * o! * c! * kh! * kw!, 2);
    const dy = numbers(n! * groups! * o! * oh! * ow!, 3, i % 2 ? strange : []);
    const bias = i % 2 ? null : numbers(groups! * o!, 4);
    const room = (direction: number) => {
      const scratch = definitionOf("convolveScratch");
      const none = new ArrayBuffer(0);
      const args = [direction, ...sizes.slice(2)];
      return blank(
        interpret(scratch.record(target), args, { heap: none, near: none, scratch: 0 }, target)! / 4,
      );
    };
    yield ["convolve", [...sizes, x, weight, bias, blank(dy.length), room(0)], 1];
    yield ["convolveInput", [...sizes, dy, weight, blank(x.length), room(1)], 1];
    yield ["convolveWeight", [...sizes, x, dy, blank(weight.length), room(2)], 1];
    const [sh, sw, ph, pw, dh, dw] = sizes.slice(10);
    const columns = numbers(c! * kh! * kw! * (oh! - 1) * ow!, 5);
    const block = [c, h, w, kh, kw, 1, oh! - 1, ow, sh, sw, ph, pw, dh, dw] as number[];
    const plane = x.slice(0, c! * h! * w!);
    yield ["im2col", [...block, plane, blank(columns.length)], 0];
    yield ["col2im", [...block, columns, plane], 0];
  }
}

/** Products of all tails of a tile, and of both layouts, that begin from each kind of D. */
function* productCases(): Generator<KernelCase> {
  for (const [m, n, k, isTransposed] of [
    [1, 1, 3, 0],
    [15, 31, 5, 1],
    [16, 48, 7, 0],
    [29, 65, 4, 1],
    [5, 17, 0, 0],
  ] as [number, number, number, 0 | 1][]) {
    const [a, b, d] = [numbers(m * k, 1, strange), numbers(k * n, 2), numbers(m * n, 3, strange)];
    const left = [a, 0, ...(isTransposed ? [1, m] : [k, 1])];
    const right = [b, 0, ...(isTransposed ? [1, k] : [n, 1])];
    for (const origin of [
      [null, 0, 0],
      [d, 0, n],
      [d.slice(0, n), 0, 0],
    ])
      yield ["gemm", [1, m, n, k, ...left, ...right, blank(m * n), 0, n, ...origin], 0];
  }
}

function* otherCases(): Generator<KernelCase> {
  for (const [h, w, kh, kw, oh, ow, sh, sw, ph, pw] of [
    [6, 44, 2, 2, 3, 22, 2, 2, 0, 0],
    [5, 23, 3, 3, 5, 23, 1, 1, 1, 1],
    [4, 37, 2, 3, 2, 18, 2, 2, 0, 0],
    [7, 8, 3, 2, 2, 2, 3, 4, 0, 1],
  ] as const) {
    const sizes = [2, h, w, kh, kw, oh, ow, sh, sw, ph, pw];
    const [x, dy] = [numbers(2 * h * w, 6, strange), numbers(2 * oh * ow, 7)];
    const places = Int32Array.from(dy, (_, i) => ((7 * i) % (h * w + 1)) - 1);
    yield ["maxPool", [...sizes, 1, 1, x, blank(dy.length), blank(dy.length)], 0];
    yield ["gatherPlane", [2, h * w, oh * ow, x, places, blank(dy.length)], 0];
    yield ["scatterPlane", [2, h * w, oh * ow, dy, places, blank(x.length)], 0];
    yield ["avgPool", [...sizes, 1, 0, x, blank(dy.length)], 0];
    yield ["avgPoolGrad", [...sizes, 0, 0, dy, blank(x.length)], 0];
  }
  for (const sizes of [
    [3, 19, 1],
    [2, 5, 7],
    [2, 2, 150],
  ] as [number, number, number][]) {
    const size = sizes[0] * sizes[1] * sizes[2];
    const [a, b] = [numbers(size, 8, strange), numbers(size, 9)];
    const [p, q, r, s] = [1, 2, 3, 4].map((seed) => numbers(sizes[1], seed)) as [
      ...[Float32Array, Float32Array, Float32Array, Float32Array],
    ];
    const each = () => blank(sizes[1]);
    yield ["channelMoments", [...sizes, a, each(), each(), each()], 0];
    yield ["channelAffine", [...sizes, a, null, p, q, blank(size)], 0];
    yield ["channelDot", [...sizes, a, b, p, null, each()], 0];
    yield ["channelDot", [...sizes, a, null, null, null, each()], 0];
    yield ["channelCombine", [...sizes, a, b, p, q, r, s, blank(size)], 0];
  }
}

/** Kernels that read or write bytes. */
function* byteCases(): Generator<KernelCase> {
  const [rows, cols] = [3, 37];
  const size = rows * cols;
  const x = numbers(size, 10);
  const bytes = new Int32Array(Uint8Array.from({ length: size + 1 }, (_, i) => (7 * i) % 3).buffer);
  const mask = [2, bytes, 0, cols, 1];
  yield ["maskedSoftmax", [1, rows, cols, 0.5, 0, x, ...mask, blank(size)], 0];
  for (const scale of [0.5, -0.5, 0, Number.POSITIVE_INFINITY])
    for (const causal of [0, 1])
      yield ["maskedSoftmax", [1, rows, cols, scale, causal, x, 0, null, 0, 0, 0, blank(size)], 0];
  yield ["dropout", [size, 2, x, bytes, blank(size)], 0];
  yield ["gatherUint8", [rows, cols, bytes, Int32Array.of(2, 0, 1), 0.5, 1, blank(size)], 0];
  const cells = Int32Array.from({ length: 16 }, (_, i) => Math.imul(i + 1, 0x9e3779b1));
  yield ["dropoutMask", [size, 2 ** 23, cells, 8, blank(size + 1)], 0];
}

/** The calls, whose workspaces are those of a target. */
export function* kernelCases(target: Target): Generator<KernelCase> {
  yield* convolutionCases(target);
  yield* productCases();
  yield* otherCases();
  yield* byteCases();
}

/** The interpreter has lanes of its own, so its workspace is another one. */
export const withOwnWorkspace = (args: readonly Argument[], ignored: number): readonly Argument[] =>
  ignored === 0 ? args : [...args.slice(0, -1), blank(1 << 16)];
