// WebAssembly beyond 4 GiB: whether the engine can do that, and the kernels for it, which are loaded only then.
import { provideWideKernels } from "@shardgrad/core/engine";

/** Two memories: one with 32-bit addresses, and one that threads share, of up to 16 GiB, with 64-bit ones. */
const module = new Uint8Array([
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  // Imports without names.
  ...[0x02, 0x0e, 0x02],
  ...[0x00, 0x00, 0x02, 0x00, 0x01],
  ...[0x00, 0x00, 0x02, 0x07, 0x01, 0x80, 0x80, 0x10],
]);

/** Whether WebAssembly takes 64-bit addresses here. Node.js does from version 24 on. */
export function hasWideMemory(): boolean {
  // Node.js 22 accepts the module, but cannot make such a memory.
  const limits = { address: "i64", initial: 1n } as unknown as WebAssembly.MemoryDescriptor;
  try {
    return WebAssembly.validate(module) && new WebAssembly.Memory(limits).buffer.byteLength > 0;
  } catch {
    return false;
  }
}

/** Prepares this thread for a heap beyond 4 GiB that WebAssembly reaches. */
export async function loadWideKernels(): Promise<void> {
  const { wideKernels } = await import("@shardgrad/core/wide-kernels");
  provideWideKernels(wideKernels);
}
