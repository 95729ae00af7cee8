// Random kernels: what WebAssembly computes, in each build, is what the interpreter computes, to the bit. RANDOM_KERNELS
// says how many (300 if absent), RANDOM_SEED which is the first.
import { expect, test } from "vitest";
import {
  fillHeap,
  heapBytes,
  operationsIn,
  randomKernel,
  regionBytes,
  scratchStart,
} from "../../../testing/random-kernel.ts";
import { defineKernel, defineRoutine } from "../language/definition.ts";
import { interpret } from "../language/interpret.ts";
import type { Operation } from "../language/values.ts";
import { operations } from "../language/values.ts";
import { build32, build64, emitModule, wasmTarget } from "./module.ts";
import type { Build } from "./site.ts";

const count = Number(process.env.RANDOM_KERNELS ?? 300);
const first = Number(process.env.RANDOM_SEED ?? 1);
/** The heap of a build, and the memory of `near` addresses, which is the same one where addresses have 32 bits. */
function memoriesFor({ wide, maximumPages }: Build) {
  const [initial, maximum] = wide ? [1n, BigInt(maximumPages)] : [1, maximumPages];
  // The types do not know 64-bit memory yet.
  const limits = {
    initial,
    maximum,
    shared: true,
    ...(wide && { address: "i64" }),
  } as WebAssembly.MemoryDescriptor;
  const memory = new WebAssembly.Memory(limits);
  return { memory, near: wide ? new WebAssembly.Memory({ initial: 1 }) : memory };
}

/** Whether relaxed SIMD fuses on this machine. */
function doesFuse(): boolean {
  const kernel = defineKernel("fuse", ["ptr"], (k, at) =>
    k.storeFirst(at, k.madd(k.add(1, k.splat(at)), k.k(1 - 2 ** -23), k.k(-1))),
  );
  const memories = memoriesFor(build32(true));
  new Float32Array(memories.memory.buffer)[0] = 2 ** -23;
  const module = new WebAssembly.Module(emitModule([kernel], build32(true)));
  const { exports } = new WebAssembly.Instance(module, { env: memories });
  (exports.fuse as (at: number) => void)(0);
  return new Float32Array(memories.memory.buffer)[0] !== 0;
}
const fuses = doesFuse();

/** What a kernel returns, and the first words of the heap and of `near` memory that are wrong. */
function results(
  seed: number,
  build: Build,
  memories: ReturnType<typeof memoriesFor>,
  found: Set<Operation>,
) {
  const target = { ...wasmTarget(build), fuses: build.relaxed && fuses };
  const { definition, args } = randomKernel({ defineKernel, defineRoutine }, seed);
  const routine = definition.record(target);
  operationsIn(routine, found);
  const heap = new ArrayBuffer(heapBytes);
  fillHeap(heap, seed);
  const near = build.wide ? heap.slice(0) : heap;
  for (const { buffer } of [memories.memory, memories.near]) new Uint8Array(buffer).set(new Uint8Array(heap));
  const expected = interpret(routine, args, { heap, near, scratch: scratchStart }, target);
  const module = new WebAssembly.Module(emitModule([definition], build));
  const { exports } = new WebAssembly.Instance(module, { env: memories });
  const { setScratch, [definition.name]: kernel } = exports as Record<string, (...args: number[]) => unknown>;
  setScratch!(scratchStart, regionBytes);
  const got = kernel!(...args);
  const firstWrong = (mine: ArrayBufferLike, theirs: ArrayBufferLike) => {
    const words = new Int32Array(theirs, 0, heapBytes / 4);
    return new Int32Array(mine).findIndex((word, i) => word !== words[i]);
  };
  const wrong = [firstWrong(heap, memories.memory.buffer), firstWrong(near, memories.near.buffer)];
  return { expected: [expected, -1, -1], got: [got, ...wrong] };
}

test.each([
  ["plain SIMD", build32(false)],
  ["relaxed SIMD", build32(true)],
  ["64-bit memory", build64(true)],
])("random kernels: their results and what they write, %s", (_name, build) => {
  const found = new Set<Operation>();
  const memories = memoriesFor(build);
  for (let seed = first; seed < first + count; seed++) {
    const { expected, got } = results(seed, build, memories, found);
    const what = `RANDOM_SEED=${seed}: the result, and the first words that are wrong`;
    expect(got, what).toEqual(expected);
  }
  if (count >= 300)
    expect(Object.keys(operations).filter((name) => !found.has(name as Operation))).toEqual([]);
});
