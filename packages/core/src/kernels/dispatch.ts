// Which kernels run: one table per dtype, chosen once. Ops ask here and know nothing of WebAssembly.
import type { DType } from "../dtype.ts";
import { ValueError } from "../errors.ts";
import { heap } from "../memory/heap.ts";
import { referenceKernels } from "./reference/index.ts";
import type { KernelName, Kernels } from "./table.ts";
import type { WasmBuild } from "./wasm.ts";
import { supportedBuild, wasmKernels } from "./wasm.ts";

/** What computes float32: a WebAssembly build, or the plain TypeScript loops. */
export type KernelSet = WasmBuild | "reference";

interface Tables extends Record<DType, Kernels> {
  set: KernelSet;
}

/** Kernels that move four bytes without looking at them, or work on indices: int32 shares them with float32. */
const sharedByInt32: readonly KernelName[] = [
  "copy",
  "band",
  "gather",
  "pick",
  "place",
  "checkIndex",
  "flatIndex",
];

let tables: Tables | undefined;

function build(set: KernelSet): Tables {
  const memory = heap();
  // A kernel without a WebAssembly version is one where the reference is fast enough.
  const fast: Partial<Kernels> = set === "reference" ? {} : wasmKernels(memory, set);
  const moves = Object.fromEntries(sharedByInt32.flatMap((name) => (fast[name] ? [[name, fast[name]]] : [])));
  return {
    set,
    float32: { ...referenceKernels(memory, memory.float32), ...fast },
    float64: referenceKernels(memory, memory.float64),
    int32: { ...referenceKernels(memory, memory.int32), ...moves },
    uint8: referenceKernels(memory, memory.uint8),
  };
}

/** The kernels for elements of `dtype`. */
export function kernelsFor(dtype: DType): Kernels {
  tables ??= build(supportedBuild() ?? "reference");
  return tables[dtype];
}

/** Which kernels compute float32 on this thread. */
export function kernelSet(): KernelSet {
  kernelsFor("float32");
  return tables!.set;
}

/**
 * Chooses the kernels of this thread; `"auto"` takes the best that the engine runs.
 *
 * @throws ValueError if the engine cannot run them
 */
export function useKernels(set: KernelSet | "auto"): KernelSet {
  const best = supportedBuild();
  const runs = set === "auto" || set === "reference" || set === best || (set === "wasm-plain" && best);
  if (!runs)
    throw new ValueError(
      `useKernels: "${set}" does not run here; the best that does is "${best ?? "reference"}"`,
    );
  tables = build(set === "auto" ? (best ?? "reference") : set);
  return tables.set;
}
