// Where other packages plug in a native BLAS: this package has no native code and never looks for one. dispatch.ts
// selects the kernels.
import type { Heap } from "../memory/heap.ts";
import type { Kernels } from "./table.ts";

/** Kernels by the two dtypes that a BLAS computes. */
export interface FloatKernels<K = Kernels> {
  float32: K;
  float64: K;
}

/**
 * Makes the kernels that a BLAS has, over the numbers in `heap`. `otherwise` are the kernels without it, for everything
 * that the BLAS lacks, cannot do, or would do slower.
 */
export type BlasKernels = (heap: Heap, otherwise: FloatKernels) => FloatKernels<Partial<Kernels>>;

let provided: BlasKernels | undefined;

/** Makes `"blas"` available to `useKernels` on this thread; does not select it. */
export function provideBlas(kernels: BlasKernels): void {
  provided = kernels;
}

/** What this thread was given, if anything. */
export function providedBlas(): BlasKernels | undefined {
  return provided;
}
