// @shardgrad/core/wide-kernels: the WebAssembly kernels for a heap beyond 4 GiB, whose addresses have 64 bits. They are
// emitted on the thread that uses them, a family at its first use. An entry of its own, as it carries all definitions and
// the emitter: what fits into 4 GiB does not load it. For packages that build on core, as @shardgrad/core/engine is.
import type { Heap } from "../../memory/heap.ts";
import { kernelDefinitions } from "../definitions/index.ts";
import type { Definition } from "../language/definition.ts";
import type { WideFamilies } from "../provide-kernels.ts";
import type { Kernels } from "../table.ts";
import type { WasmBuild } from "../wasm.ts";
import { build64, emitModule, wasmTarget } from "./module.ts";

const pageBytes = 65536;
const defined: readonly Definition[] = Object.values(kernelDefinitions).flat();

/** The kernels of a build over a heap whose memory takes 64-bit addresses. */
export function wideKernels(heap: Heap, name: WasmBuild): WideFamilies {
  const build = build64(name === "wasm-relaxed");
  const scratchBytes = Math.max(...defined.map((definition) => definition.scratchBytes(wasmTarget(build))));
  // What kernels pack, and their sums, lie in a memory with 32-bit addresses, which is faster.
  const near = new WebAssembly.Memory({ initial: Math.ceil(scratchBytes / pageBytes) });
  const memories = { memory: heap.memory as WebAssembly.Memory, near };
  return (names) => {
    const family = defined.filter((definition) => names.includes(definition.name));
    const module = new WebAssembly.Module(emitModule(family, build));
    const instance = new WebAssembly.Instance(module, { env: memories });
    const { setScratch, scratchBytes: _, ...kernels } = instance.exports;
    (setScratch as (offset: number, bytes: number) => void)(0, near.buffer.byteLength);
    return kernels as Partial<Kernels>;
  };
}
