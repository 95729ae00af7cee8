// Compiled kernels as functions with the signatures of core's table. Each has its own list and its own row of arguments in
// the heap, so that a call writes the arguments and nothing else. Arguments are float64, in which counts, addresses and
// float32 are exact; behind them stands the address of the thread's scratch memory. A result comes back in the first.
import type { Heap, Kernels } from "@shardgrad/core/engine";
import { scratchMemory } from "@shardgrad/core/engine";
import { convention } from "../code/convention.ts";
import { addressOf } from "../code/foreign.ts";
import type { EmbeddedKernel } from "../embedded.ts";

type KernelFunction = (...args: number[]) => number | undefined;

/** A list of one kernel: how many there are, its code, its arguments. */
const listBytes = 3 * 8;

/**
 * The kernels as functions over the numbers in `heap`.
 *
 * @param codeAt address of the code
 * @param run runs the list at an address
 */
export function bindKernels(
  compiled: readonly EmbeddedKernel[],
  codeAt: number,
  heap: Heap,
  run: (list: number) => void,
): Partial<Kernels> {
  const sizes = compiled.map(({ parameters }) => listBytes + 8 * (parameters.length + 1));
  let offset = heap.arena.allocate(
    sizes.reduce((sum, size) => sum + size, 0),
    "arguments of kernels",
  );
  const base = addressOf(heap.uint8);
  const scratch = base + scratchMemory(heap, Math.max(...compiled.map(({ scratchBytes }) => scratchBytes)));
  const bind = (kernel: EmbeddedKernel, at: number): KernelFunction => {
    const { parameters, returns } = kernel;
    const list = new BigInt64Array(heap.buffer, at, 3);
    const row = new Float64Array(heap.buffer, at + listBytes, parameters.length + 1);
    list.set([1n, BigInt(codeAt + kernel.entries[convention]), BigInt(base + at + listBytes)]);
    row[parameters.length] = scratch;
    const bases = parameters.map((type) => (type === "ptr" ? base : 0));
    return (...args) => {
      for (let i = 0; i < bases.length; i++) {
        const given = args[i]!;
        // Offset 0 means that there is no such array, and so does address 0.
        row[i] = given === 0 ? 0 : given + bases[i]!;
      }
      run(base + at);
      return returns ? row[0] : undefined;
    };
  };
  const bound = compiled.map((kernel, i) => {
    const at = offset;
    offset += sizes[i]!;
    return [kernel.name, bind(kernel, at)];
  });
  return Object.fromEntries(bound) as Partial<Kernels>;
}
