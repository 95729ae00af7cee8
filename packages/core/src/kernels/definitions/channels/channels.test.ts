// The kernels of channels, from their definitions: within rounding of the reference, and the same bits for 4, 8 and 16
// lanes, in both builds; nothing else is touched.
import { expect, test } from "vitest";
import { Heap } from "../../../memory/heap.ts";
import { allKernels } from "../../all-kernels.ts";
import { interpret } from "../../language/interpret.ts";
import type { Target } from "../../language/values.ts";
import type { Kernels } from "../../table.ts";
import { build32, emitModule, wasmTarget } from "../../wasm/module.ts";
import { instantiate } from "../../wasm.ts";
import { channels } from "./channels.ts";

const heap = new Heap({ memory: new WebAssembly.Memory({ initial: 64, maximum: 64, shared: true }) });
const start = heap.arena.allocate(1 << 20, "test") / 4;
const reference = allKernels(({ reference }) => reference(heap.float32, heap));
const emitted = [false, true].map((relaxed) => instantiate(heap, emitModule(channels, build32(relaxed))));

/** The kernels, operation by operation, on a machine with so many lanes. */
function interpreted(lanes: Target["lanes"]): Partial<Kernels> {
  const target = { ...wasmTarget(build32(false)), lanes };
  const memory = { heap: heap.buffer, near: new ArrayBuffer(1 << 16), scratch: 64 };
  const entries = channels.map((kernel) => {
    const routine = kernel.record(target);
    return [kernel.name, (...args: number[]) => interpret(routine, args, memory, target)];
  });
  return Object.fromEntries(entries) as Partial<Kernels>;
}

const guard = 0x7f812345; // A NaN: what is read past an end shows in the results.
const strange = [Number.NaN, Number.POSITIVE_INFINITY, -0, 1e-40];

/** x, then a and b of as many elements, then six arrays with a number for each channel, three of them for results. */
function layOut(size: number, channelCount: number, isStrange: boolean): number[] {
  const lengths = [size, size, size, ...new Array<number>(6).fill(channelCount)];
  let next = start + 3;
  return lengths.map((length, array) => {
    heap.int32.fill(guard, next - 3, next + length + 3);
    for (let i = 0; i < length; i++) {
      const wave = Math.fround(2 * Math.sin(i * 1.7 + array) + array / 3);
      heap.float32[next + i] = isStrange && (7 * i + array) % 23 === 0 ? strange[i % 4]! : wave;
    }
    next += length + 3;
    return 4 * (next - length - 3);
  });
}

type Call = (kernels: Kernels, sizes: [number, number, number], at: number[]) => void;
const calls: [string, Call][] = [
  ["moments", (k, n, [x, , , , , , mean, rest, spread]) => k.channelMoments(...n, x!, mean!, rest!, spread!)],
  ["affine", (k, n, [x, y, , center, p, q]) => k.channelAffine(...n, x!, center!, p!, q!, y!)],
  ["affine, alone", (k, n, [x, y, , , p]) => k.channelAffine(...n, x!, 0, p!, 0, y!)],
  ["dot", (k, n, [a, b, , center, rest, , y]) => k.channelDot(...n, a!, b!, center!, rest!, y!)],
  ["dot, no center", (k, n, [a, b, , , , , y]) => k.channelDot(...n, a!, b!, 0, 0, y!)],
  ["sum", (k, n, [a, , , , , , y]) => k.channelDot(...n, a!, 0, 0, 0, y!)],
  ["combine", (k, n, [a, b, y, c, p, q, r]) => k.channelCombine(...n, a!, b!, c!, p!, q!, r!, y!)],
];

const sizes: [outer: number, channels: number, inner: number][] = [
  ...([
    [3, 17, 1],
    [2, 5, 7],
    [1, 3, 128],
    [2, 2, 129],
    [0, 3, 4],
  ] as [number, number, number][]),
  ...([
    [140, 2, 1],
    [1, 1100, 1],
    [2, 1, 290],
  ] as [number, number, number][]),
];

test.each(calls)("%s", (name, call) => {
  for (const size of sizes)
    for (const isStrange of [false, true]) {
      const [outer, count, inner] = size;
      if (outer === 0 && name === "moments") continue;
      const run = (kernels: Partial<Kernels>) => {
        const at = layOut(outer * count * inner, count, isStrange);
        call(kernels as Kernels, size, at);
        return heap.float32.slice(start, at.at(-1)! / 4 + count + 3);
      };
      const expected = run(reference as Partial<Kernels>);
      const [first, ...others] = [...emitted, interpreted(8), interpreted(16)].map(run);
      for (const other of others) expect(other, `${size}`).toEqual(first);
      const tolerance = 3e-6 * (4 + Math.sqrt(outer * inner));
      const isNear = (x: number, y: number) =>
        Object.is(x, y) || Math.abs(x - y) <= tolerance * Math.max(1, Math.abs(y));
      const wrong = first!.findIndex(
        (x, i) =>
          !isNear(x, expected[i]!) && (!isStrange || Number.isFinite(x) || Number.isFinite(expected[i]!)),
      );
      expect(first![wrong], `${size}, element ${wrong}`).toBe(expected[wrong]);
    }
});
