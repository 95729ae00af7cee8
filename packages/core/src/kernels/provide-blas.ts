// Where a native BLAS is plugged in, from outside: this package has no native code and never looks for one.
// Which kernels run is decided in dispatch.ts.
import type { Heap } from "../memory/heap.ts";
import type { Kernels } from "./table.ts";

/** Kernels by the two dtypes that a BLAS computes. */
export interface FloatKernels<K = Kernels> {
  float32: K;
  float64: K;
}

/**
 * Makes the kernels that a BLAS has, over the numbers in `heap`. `otherwise` are those that run without it: for what
 * the BLAS lacks, cannot do, or would do slower.
 */
export type BlasKernels = (heap: Heap, otherwise: FloatKernels) => FloatKernels<Partial<Kernels>>;

let provided: BlasKernels | undefined;

/** Makes `"blas"` a set of kernels that `useKernels` can choose on this thread; chooses nothing itself. */
export function provideBlas(kernels: BlasKernels): void {
  provided = kernels;
}

/** What was provided on this thread, if anything. */
export function providedBlas(): BlasKernels | undefined {
  return provided;
}
