// The kernels for 64-bit addresses, for tests that lay out their numbers in a heap with 32-bit ones: they are called as if
// they worked there. What is in use goes to a memory of their own, and comes back, with each call.
import { kernelDefinitions } from "../src/kernels/definitions/index.ts";
import type { Kernels } from "../src/kernels/table.ts";
import { wideKernels } from "../src/kernels/wasm/wide-kernels.ts";
import type { WasmBuild } from "../src/kernels/wasm.ts";
import { Heap } from "../src/memory/heap.ts";

/** A heap with 64-bit addresses, although a small one. */
export function smallWideHeap(bytes: number): Heap {
  const pages = BigInt(bytes / 65536);
  const limits = { address: "i64", initial: pages, maximum: pages, shared: true };
  // The types do not know 64-bit memory yet.
  return new Heap({ memory: new WebAssembly.Memory(limits as unknown as WebAssembly.MemoryDescriptor) });
}

/** @param used where the bytes in use begin and end */
export function mirroredKernels(
  heap: Heap,
  build: WasmBuild,
  used: () => readonly [from: number, to: number],
): Partial<Kernels> {
  const mirror = smallWideHeap(heap.buffer.byteLength);
  const makeFamily = wideKernels(mirror, build);
  const kernels = Object.values(kernelDefinitions).flatMap((family) =>
    Object.entries(makeFamily(family.map(({ name }) => name))),
  );
  const mirrored = (kernels as [string, (...args: number[]) => unknown][]).map(([name, kernel]) => [
    name,
    (...args: number[]) => {
      const [from, to] = used();
      mirror.uint8.set(heap.uint8.subarray(from, to), from);
      const result = kernel(...args);
      heap.uint8.set(mirror.uint8.subarray(from, to), from);
      return result;
    },
  ]);
  return Object.fromEntries(mirrored);
}
