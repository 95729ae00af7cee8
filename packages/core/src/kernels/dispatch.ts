// Which kernels run: one table per dtype, chosen once. Ops ask here and know nothing of WebAssembly.
import type { DType } from "../dtype.ts";
import type { Heap } from "../memory/heap.ts";
import { heap } from "../memory/heap.ts";
import { providedBlas } from "./provide-blas.ts";
import { referenceKernels } from "./reference/index.ts";
import type { KernelChoice, KernelSet } from "./resolve-kernels.ts";
import { resolveKernels, withoutBlas } from "./resolve-kernels.ts";
import type { KernelName, Kernels } from "./table.ts";
import { wasmKernels } from "./wasm.ts";

export type { KernelChoice, KernelSet } from "./resolve-kernels.ts";

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
  if (set === "blas") return overlayBlas(build(withoutBlas()), memory);
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

function overlayBlas(below: Tables, memory: Heap): Tables {
  const { float32, float64 } = providedBlas()!(memory, below);
  return {
    ...below,
    set: "blas",
    float32: { ...below.float32, ...float32 },
    float64: { ...below.float64, ...float64 },
  };
}

/** The kernels for elements of `dtype`. */
export function kernelsFor(dtype: DType): Kernels {
  tables ??= build(resolveKernels("auto"));
  return tables[dtype];
}

/** Which kernels compute float32 on this thread. */
export function kernelSet(): KernelSet {
  kernelsFor("float32");
  return tables!.set;
}

/**
 * Chooses the kernels of this thread; `"auto"` takes a BLAS if one was provided, else the best that the engine runs.
 *
 * @throws ValueError if the engine cannot run them
 */
export function useKernels(choice: KernelChoice): KernelSet {
  tables = build(resolveKernels(choice));
  return tables.set;
}
