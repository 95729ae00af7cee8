// The memory of a check: what lies in it before a kernel is called, and 32 bits that stand for what lies in it then. The
// same when the package is built and when it starts.
import type { CheckArgument, KernelCheck } from "./kernel-checks.ts";

/** Bytes for the arrays of any check. */
export const checkBytes = 2 ** 16;

export interface CheckMemory {
  readonly float32: Float32Array;
  readonly int32: Int32Array;
}

/** Numbers that look random, by their place behind the start of the memory. */
const spread = (place: number) => Math.imul(place + 1, 0x9e3779b1) >>> 8;

/** Fills an array that begins at word `at`, and returns its length. */
function fill(
  { float32, int32 }: CheckMemory,
  argument: Exclude<CheckArgument, number>,
  at: number,
  start: number,
): number {
  if ("workspace" in argument) return argument.workspace;
  const seed = at - start;
  if ("numbers" in argument) {
    const { numbers } = argument;
    for (let i = 0; i < numbers; i++) float32[at + i] = (spread(seed + i) % 2001) / 1000 - 1;
    return numbers;
  }
  if ("positive" in argument) {
    const { positive } = argument;
    for (let i = 0; i < positive; i++) float32[at + i] = ((spread(seed + i) % 1000) + 1) / 1000;
    return positive;
  }
  const { integers, below } = argument;
  for (let i = 0; i < integers; i++) int32[at + i] = spread(seed + i) % below;
  return integers;
}

/** Fills the memory from byte `start` on, and returns the call's arguments and the byte where its results end. */
export function prepareCheck(
  { args }: KernelCheck,
  memory: CheckMemory,
  start: number,
): { given: number[]; end: number } {
  let at = start / 4;
  let end = start;
  const given = args.map((argument) => {
    if (typeof argument === "number") return argument;
    const address = 4 * at;
    // Arrays lie on 64 bytes, and not next to each other.
    at = (at + fill(memory, argument, at, start / 4) + 31) & -16;
    if (!("workspace" in argument)) end = 4 * at;
    return address;
  });
  return { given, end };
}

/** 32 bits of all words from one byte to another. */
export function hashOf({ int32 }: CheckMemory, start: number, end: number): number {
  let hash = 0;
  for (let i = start / 4; i < end / 4; i++) hash = Math.imul(hash ^ int32[i]!, 0x01000193) + (hash >>> 15);
  return hash | 0;
}
