// The best kernels for a thread here: the machine's BLAS, or else the best WebAssembly build.
import { BlasError, useBlas } from "@shardgrad/blas";
import { useKernels } from "@shardgrad/core";

/** The BLAS that this thread now uses, or why there is none. */
export type BlasFound = { blas: string } | { noBlas: string };

/** Makes this thread use the machine's BLAS, if there is one. */
export function useBlasIfThere(): BlasFound {
  try {
    return { blas: useBlas().description };
  } catch (error) {
    if (error instanceof BlasError) return { noBlas: error.message.replace(/^blas: /, "") };
    throw error;
  }
}

/** Selects the kernels of this thread, and returns their name. */
export function useBestKernels(): string {
  const found = useBlasIfThere();
  return "blas" in found ? found.blas : useKernels("wasm");
}
