// Loads the embedded WebAssembly kernels on the memory of the heap. Those that fuse where they can are there twice: for
// plain SIMD128, and for relaxed SIMD (fused multiply-add) where the engine has it.
import type { Heap } from "../memory/heap.ts";
import { scratchMemory } from "./scratch.ts";
import type { Kernels } from "./table.ts";
import { commonBase64, plainBase64, relaxedBase64 } from "./wasm-bytes.generated.ts";

/** The two builds of the WebAssembly kernels: plain SIMD128, and relaxed SIMD. */
export type WasmBuild = "wasm-plain" | "wasm-relaxed";

interface WasmExports extends Partial<Kernels> {
  scratchBytes(): number;
  setScratch(offset: number, bytes: number): void;
}

function decode(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** The best build that this engine runs, or undefined if it has no WebAssembly SIMD. */
export function supportedBuild(): WasmBuild | undefined {
  if (typeof WebAssembly === "undefined") return undefined;
  if (WebAssembly.validate(decode(relaxedBase64))) return "wasm-relaxed";
  if (WebAssembly.validate(decode(plainBase64))) return "wasm-plain";
  return undefined;
}

/** The kernels of one build; missing ones are absent from the result. */
export function wasmKernels(heap: Heap, build: WasmBuild): Partial<Kernels> {
  const texts = [commonBase64, build === "wasm-relaxed" ? relaxedBase64 : plainBase64];
  return Object.assign({}, ...texts.map((text) => instantiate(heap, decode(text))));
}

/** The kernels of a module, on the memory of a heap. */
export function instantiate(heap: Heap, bytes: Uint8Array<ArrayBuffer>): Partial<Kernels> {
  const module = new WebAssembly.Module(bytes);
  const instance = new WebAssembly.Instance(module, { env: { memory: heap.memory as WebAssembly.Memory } });
  const { scratchBytes, setScratch, ...kernels } = instance.exports as unknown as WasmExports;
  const needed = scratchBytes();
  setScratch(scratchMemory(heap, needed), needed);
  return kernels;
}
