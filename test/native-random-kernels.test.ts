// Random kernels on this processor, for each of its instruction sets: what they compute is what the interpreter of the
// kernel language computes, to the bit. RANDOM_KERNELS says how many (200 if absent), RANDOM_SEED which is the first.
import { Heap, scratchMemory } from "@shardgrad/core/engine";
import type { Definition } from "@shardgrad/core/kernels";
import { describe, expect, test } from "vitest";
import { defineKernel, defineRoutine, interpret } from "../packages/core/src/kernels.ts";
import {
  fillHeap,
  heapBytes,
  randomKernel,
  regionBytes,
  scratchStart,
} from "../packages/core/testing/random-kernel.ts";
import { bindKernels } from "../packages/native/src/call/bind-kernels.ts";
import type { Run } from "../packages/native/src/call/runner.ts";
import { installRunner } from "../packages/native/src/call/runner.ts";
import { installCode } from "../packages/native/src/code/executable-memory.ts";
import { compileLibrary } from "../packages/native/src/x64/library.ts";
import type { Machine } from "../packages/native/src/x64/machine.ts";
import { machines } from "../packages/native/src/x64/machine.ts";

const count = Number(process.env.RANDOM_KERNELS ?? 200);
const first = Number(process.env.RANDOM_SEED ?? 1);

/** What the language lets a backend refuse: more lanes at a time than the machine has registers. */
const refusal = /: needs \d+ more vector registers than the \d+ there are$/;

/** The code, or undefined if the backend refuses the kernel. */
function compile(definition: Definition, machine: Machine) {
  try {
    return compileLibrary([definition], machine);
  } catch (error) {
    if (refusal.test((error as Error).message)) return undefined;
    throw error;
  }
}

/** Runs a kernel over a heap of its own; the memory is that of `fillHeap`, with the scratch memory behind the gap. */
function runNative(
  run: Run,
  definition: Definition,
  machine: Machine,
  args: readonly number[],
  seed: number,
) {
  const library = compile(definition, machine);
  if (!library) return undefined;
  const heap = new Heap({ memory: { buffer: new SharedArrayBuffer(4 << 20) as unknown as ArrayBuffer } });
  const start = heap.arena.allocate(heapBytes, "test");
  const scratch = scratchMemory(heap, definition.scratchBytes(machine.target));
  const image = new ArrayBuffer(heapBytes);
  fillHeap(image, seed);
  const bytes = new Uint8Array(image);
  heap.uint8.set(bytes, start);
  const ofScratch = bytes.subarray(scratchStart, scratchStart + regionBytes);
  heap.uint8.set(ofScratch, scratch);
  const entries = {
    sysv: library.entries.sysv.get(definition.name)!,
    win64: library.entries.win64.get(definition.name)!,
  };
  const { name, parameters } = definition;
  const embedded = { name, parameters, entries, scratchBytes: regionBytes, returns: seed % 2 === 0 };
  const { kernels } = bindKernels([embedded], installCode(library.code), heap, run);
  const bound = kernels as unknown as Record<string, ((...args: number[]) => unknown) | undefined>;
  const result = bound[name]!(...args.map((arg, i) => (parameters[i] === "ptr" ? arg + start : arg)));
  const after = heap.uint8.slice(start, start + heapBytes);
  after.set(heap.uint8.subarray(scratch, scratch + regionBytes), scratchStart);
  return { result, after: new Int32Array(after.buffer) };
}

const runner = process.arch === "x64" ? installRunner() : undefined;
const best = runner?.best;
const here = Object.values(machines).filter(({ set }) => best && (set === best || set === "avx2"));

describe.skipIf(here.length === 0)("random kernels", () => {
  test.each(here)("$set: their results and what they write", (machine) => {
    let compared = 0;
    for (let seed = first; seed < first + count; seed++) {
      const { definition, args } = randomKernel({ defineKernel, defineRoutine }, seed);
      const routine = definition.record(machine.target);
      const native = runNative(runner!.run, definition, machine, args, seed);
      if (!native) continue;
      compared++;
      const heap = new ArrayBuffer(heapBytes);
      fillHeap(heap, seed);
      const result = interpret(routine, args, { heap, near: heap, scratch: scratchStart }, machine.target);
      const wrong = new Int32Array(heap).findIndex((word, i) => word !== native.after[i]);
      expect(
        [native.result, wrong],
        `RANDOM_SEED=${seed}: the result, and the first word that is wrong`,
      ).toEqual([result, -1]);
    }
    expect(compared).toBeGreaterThan(0.9 * count);
  });
});
