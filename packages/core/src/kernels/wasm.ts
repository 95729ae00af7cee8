// Loads the embedded WebAssembly kernels of a family on the memory of the heap. Families with kernels that fuse where they
// can are there twice: for plain SIMD128, and for relaxed SIMD (fused multiply-add) where the engine has it.
import { FormatError } from "../errors.ts";
import type { Heap } from "../memory/heap.ts";
import type { EmbeddedModules } from "./family.ts";
import { scratchMemory } from "./scratch.ts";
import type { Kernels } from "./table.ts";
import { checksumOf, unpack } from "./unpack.ts";
import { probe } from "./wasm-modules.generated.ts";

/** The two builds of the WebAssembly kernels: plain SIMD128, and relaxed SIMD. */
export type WasmBuild = "wasm-plain" | "wasm-relaxed";

interface WasmExports extends Partial<Kernels> {
  scratchBytes(): number;
  setScratch(offset: number, bytes: number): void;
}

/**
 * The bytes of a build's module.
 *
 * @throws FormatError if they are not those that were embedded
 */
export function moduleOf(
  { packed, sizes, checksums }: EmbeddedModules,
  build: WasmBuild,
): Uint8Array<ArrayBuffer> {
  const [first, second] = sizes as readonly [number, number?];
  const index = build === "wasm-relaxed" || second === undefined ? 0 : 1;
  const bytes = index === 0 ? unpack(packed, first) : unpack(packed, first + second!).subarray(first);
  if (checksumOf(bytes) === checksums[index]) return bytes;
  throw new FormatError(
    "kernels: what @shardgrad/core has unpacked is not what its build has packed: install it anew, or try another version of the JavaScript engine",
  );
}

/** The best build that this engine runs, or undefined if it has no WebAssembly SIMD. */
export function supportedBuild(): WasmBuild | undefined {
  if (typeof WebAssembly === "undefined") return undefined;
  return (["wasm-relaxed", "wasm-plain"] as const).find((build) =>
    WebAssembly.validate(moduleOf(probe, build)),
  );
}

/** The kernels of one build; missing ones are absent from the result. */
export function wasmKernels(heap: Heap, modules: EmbeddedModules, build: WasmBuild): Partial<Kernels> {
  return instantiate(heap, moduleOf(modules, build));
}

/** The kernels of a module, on the memory of a heap. */
export function instantiate(heap: Heap, bytes: Uint8Array<ArrayBuffer>): Partial<Kernels> {
  const module = new WebAssembly.Module(bytes);
  const instance = new WebAssembly.Instance(module, { env: { memory: heap.memory as WebAssembly.Memory } });
  const { scratchBytes, setScratch, ...kernels } = instance.exports as unknown as WasmExports;
  const needed = scratchBytes();
  if (needed > 0) setScratch(scratchMemory(heap, needed), needed);
  return kernels;
}
