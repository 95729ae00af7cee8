// @shardgrad/core/wide-kernels: the WebAssembly kernels for a heap beyond 4 GiB, whose addresses have 64 bits. They are
// emitted on the thread that uses them, by family at first use. An entry of its own, as it carries all definitions and the
// emitter: what fits into 4 GiB does not load it. For packages that build on core, as @shardgrad/core/engine is.
import type { Heap } from "../../memory/heap.ts";
import { kernelDefinitions } from "../definitions/index.ts";
import type { Definition } from "../language/definition.ts";
import type { Kernels } from "../table.ts";
import type { WasmBuild } from "../wasm.ts";
import { build64, emitModule, wasmTarget } from "./module.ts";
import type { Build } from "./site.ts";

type Kernel = (...args: number[]) => unknown;

const pageBytes = 65536;

/** The memory in which a thread's kernels pack matrices and keep sums. Its addresses have 32 bits, which is faster. */
function reserveNear(build: Build): WebAssembly.Memory {
  const all: readonly Definition[] = Object.values(kernelDefinitions).flat();
  const bytes = Math.max(...all.map((definition) => definition.scratchBytes(wasmTarget(build))));
  return new WebAssembly.Memory({ initial: Math.ceil(bytes / pageBytes) });
}

function emitFamily(
  family: readonly Definition[],
  build: Build,
  memories: { memory: WebAssembly.Memory; near: WebAssembly.Memory },
): Record<string, Kernel> {
  const module = new WebAssembly.Module(emitModule(family, build));
  const instance = new WebAssembly.Instance(module, { env: memories });
  const kernels = instance.exports as Record<string, Kernel>;
  kernels.setScratch!(0, memories.near.buffer.byteLength);
  return kernels;
}

/** The kernels of a build over a heap whose memory takes 64-bit addresses. */
export function wideKernels(heap: Heap, name: WasmBuild): Partial<Kernels> {
  const build = build64(name === "wasm-relaxed");
  const memories = { memory: heap.memory as WebAssembly.Memory, near: reserveNear(build) };
  const kernels: Record<string, Kernel> = {};
  for (const family of Object.values(kernelDefinitions)) {
    let emitted: Record<string, Kernel> | undefined;
    for (const { name: kernel } of family) {
      kernels[kernel] = (...args) => {
        emitted ??= emitFamily(family, build, memories);
        return emitted[kernel]!(...args);
      };
    }
  }
  return kernels as Partial<Kernels>;
}
