// Checks the kernels before anything is trained with them: what a processor, or what imitates one, may do wrong, and what
// has happened to the code on its way. It takes the time of a few steps of a small network.
import type { Kernels } from "@shardgrad/core/engine";
import { Heap } from "@shardgrad/core/engine";
import { checkBytes, hashOf, prepareCheck } from "./check-memory.ts";
import { kernelChecks } from "./kernel-checks.ts";
import { checkProducts } from "./products.ts";

/** Address space for the check, of which the pages that it touches cost memory. */
const bytes = 64 * 2 ** 20;

/**
 * What is wrong with the kernels that `bind` makes; undefined if nothing is.
 *
 * @param expected what each of the checks leaves in memory
 */
export function selfCheck(
  bind: (heap: Heap) => Partial<Kernels>,
  expected: readonly number[],
): string | undefined {
  const heap = new Heap({ memory: { buffer: new SharedArrayBuffer(bytes) as unknown as ArrayBuffer } });
  const kernels = bind(heap);
  return checkProducts(heap, kernels) ?? checkOthers(heap, kernels, expected);
}

function checkOthers(heap: Heap, kernels: Partial<Kernels>, expected: readonly number[]): string | undefined {
  const start = heap.arena.allocate(checkBytes, "self-check");
  const byName = kernels as Readonly<Record<string, ((...args: number[]) => unknown) | undefined>>;
  for (const [i, check] of kernelChecks.entries()) {
    // Left over from another check, it might be right.
    heap.int32.fill(0, start / 4, (start + checkBytes) / 4);
    const { given, end } = prepareCheck(check, heap, start);
    const kernel = byName[check.kernel];
    if (!kernel) return `there is no ${check.kernel}`;
    kernel(...given);
    if (hashOf(heap, start, end) !== expected[i])
      return `${check.kernel} does not compute what its definition says`;
  }
  return undefined;
}
