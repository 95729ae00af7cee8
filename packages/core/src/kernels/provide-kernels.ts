// Where other packages plug in native kernels: this package has no native code and never looks for any. dispatch.ts
// selects the kernels.
import type { Heap } from "../memory/heap.ts";
import type { Kernels } from "./table.ts";

/** Kernels by the two dtypes that native code may compute. */
export interface FloatKernels<K = Kernels> {
  float32: K;
  float64: K;
}

/**
 * Makes kernels over the numbers in `heap`. `otherwise` are the kernels without them, for everything that they lack,
 * cannot do, or would do slower.
 */
export type KernelsOver = (heap: Heap, otherwise: FloatKernels) => FloatKernels<Partial<Kernels>>;

/** Machine code for this processor (`@shardgrad/native`), or the matrix products of a BLAS (`@shardgrad/blas`). */
export type ProvidedName = "native" | "blas";

const provided = new Map<ProvidedName, KernelsOver>();

/** Makes a set of kernels available to `useKernels` on this thread; does not select it. */
export function provideKernels(name: ProvidedName, kernels: KernelsOver): void {
  provided.set(name, kernels);
}

/** What this thread was given, if anything. */
export function providedKernels(name: ProvidedName): KernelsOver | undefined {
  return provided.get(name);
}
