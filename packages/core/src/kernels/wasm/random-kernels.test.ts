// Random kernels: what WebAssembly computes, on both builds, is what the interpreter computes, to the bit. RANDOM_KERNELS
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
import { build32, emitModule, wasmTarget } from "./module.ts";

const count = Number(process.env.RANDOM_KERNELS ?? 300);
const first = Number(process.env.RANDOM_SEED ?? 1);
const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });

/** What a kernel returns, and the memory behind it. */
function results(seed: number, relaxed: boolean, found: Set<Operation>) {
  const build = build32(relaxed);
  const target = wasmTarget(build);
  const { definition, args } = randomKernel({ defineKernel, defineRoutine }, seed);
  const routine = definition.record(target);
  operationsIn(routine, found);
  const heap = new ArrayBuffer(heapBytes);
  fillHeap(heap, seed);
  new Uint8Array(memory.buffer).set(new Uint8Array(heap));
  const expected = interpret(routine, args, { heap, near: heap, scratch: scratchStart }, target);
  const module = new WebAssembly.Module(emitModule([definition], build));
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const { setScratch, [definition.name]: kernel } = exports as Record<string, (...args: number[]) => unknown>;
  setScratch!(scratchStart, regionBytes);
  const got = kernel!(...args);
  const words = new Int32Array(memory.buffer, 0, heapBytes / 4);
  const wrong = new Int32Array(heap).findIndex((word, i) => word !== words[i]);
  return { expected: [expected, -1], got: [got, wrong] };
}

test.each([false, true])("the results and the memory of random kernels, relaxed SIMD: %s", (relaxed) => {
  const found = new Set<Operation>();
  for (let seed = first; seed < first + count; seed++) {
    const { expected, got } = results(seed, relaxed, found);
    expect(got, `RANDOM_SEED=${seed}: the result, and the first word that is wrong`).toEqual(expected);
  }
  if (count >= 300)
    expect(Object.keys(operations).filter((name) => !found.has(name as Operation))).toEqual([]);
});
