// Random kernels as machine code for arm64, where a processor or qemu runs it: what they compute is what the interpreter of the
// kernel language computes, to the bit. RANDOM_KERNELS says how many (100 if absent), RANDOM_SEED which is the first.
import type { Definition } from "@shardgrad/core/kernels";
import { expect, test } from "vitest";
import { defineKernel, defineRoutine, interpret } from "../packages/core/src/kernels.ts";
import {
  fillHeap,
  heapBytes,
  randomKernel,
  regionBytes,
  scratchStart,
} from "../packages/core/testing/random-kernel.ts";
import { compileArm64 } from "../packages/native/src/arm64/library.ts";
import { neon } from "../packages/native/src/arm64/machine.ts";
import { runArm64, runsArm64 } from "../packages/native/testing/arm64-program.ts";

const count = Number(process.env.RANDOM_KERNELS ?? 100);
const first = Number(process.env.RANDOM_SEED ?? 1);

/** What the language lets a backend refuse: more lanes at a time than the machine has registers. */
const refusal = /: needs \d+ more vector registers than the \d+ there are$/;

function fits(definition: Definition): boolean {
  try {
    compileArm64([definition]);
    return true;
  } catch (error) {
    if (refusal.test((error as Error).message)) return false;
    throw error;
  }
}

/** The memory of a kernel before it runs: that of `fillHeap`, of which a part is scratch memory. */
function memoryOf(seed: number): [heap: Uint8Array, scratch: Uint8Array] {
  const image = new ArrayBuffer(heapBytes);
  fillHeap(image, seed);
  const bytes = new Uint8Array(image);
  return [bytes, bytes.slice(scratchStart, scratchStart + regionBytes)];
}

interface Kernel {
  readonly seed: number;
  readonly definition: Definition;
  readonly args: readonly number[];
}

/** Runs kernels in one program, and compares each. */
function compare(kernels: readonly Kernel[]): void {
  const { code, entries } = compileArm64(kernels.map(({ definition }) => definition));
  const calls = kernels.map(({ definition: { name, parameters }, args, seed }) => ({
    entry: entries.get(name)!,
    arrays: memoryOf(seed),
    args: args.map((arg, i) => (parameters[i] === "ptr" ? { array: 0, offset: arg } : arg)),
    scratch: 1,
    atEnd: false,
  }));
  const results = runArm64(code, calls);
  for (const [i, { definition, args, seed }] of kernels.entries()) {
    const heap = new ArrayBuffer(heapBytes);
    fillHeap(heap, seed);
    const memory = { heap, near: heap, scratch: scratchStart };
    const result = interpret(definition.record(neon), args, memory, neon);
    const { arrays, first: returned } = results[i]!;
    const after = arrays[0]!.slice();
    after.set(arrays[1]!, scratchStart);
    const got = new Int32Array(after.buffer);
    const wrong = new Int32Array(heap).findIndex((word, at) => word !== got[at]);
    expect(
      [result === undefined ? undefined : returned, wrong],
      `RANDOM_SEED=${seed}: the result, and the first word that is wrong`,
    ).toEqual([result, -1]);
  }
}

test.skipIf(!runsArm64)("random kernels on arm64: their results and what they write", () => {
  // Constants behind the code must be within its reach: a program has some of the kernels.
  const atOnce = 100;
  let compared = 0;
  for (let seed = first; seed < first + count; seed += atOnce) {
    const seeds = Array.from({ length: Math.min(atOnce, first + count - seed) }, (_, i) => seed + i);
    const kernels = seeds
      .map((one) => ({ seed: one, ...randomKernel({ defineKernel, defineRoutine }, one) }))
      .filter(({ definition }) => fits(definition));
    compare(kernels);
    compared += kernels.length;
  }
  expect(compared).toBeGreaterThan(0.9 * count);
});
