// The best kernels that a thread can have here: the machine's BLAS, or else the best WebAssembly build.
import { BlasError, useBlas } from "@shardgrad/blas";
import { useKernels } from "@shardgrad/core";

/** The BLAS that this thread computes on from now on, or why there is none. */
export type BlasFound = { blas: string } | { noBlas: string };

/** Has the machine's BLAS compute on this thread, if there is one. */
export function useBlasIfThere(): BlasFound {
  try {
    return { blas: useBlas().description };
  } catch (error) {
    if (error instanceof BlasError) return { noBlas: error.message.replace(/^blas: /, "") };
    throw error;
  }
}

/** Chooses the kernels of this thread, and says which they are. */
export function useBestKernels(): string {
  const found = useBlasIfThere();
  return "blas" in found ? found.blas : useKernels("wasm");
}
