// useBlas: the package's main function.
import { useKernels } from "@shardgrad/core";
import { provideKernels } from "@shardgrad/core/engine";
import type { Blas, BlasOptions } from "./find-blas.ts";
import { findBlas } from "./find-blas.ts";

/**
 * Makes the machine's BLAS compute float32 and float64 matrix products on this thread from now on. Each thread chooses
 * its own kernels; the library is loaded once per process.
 *
 * @returns the library found
 * @throws BlasError if there is none, if the named one does not work, or with `SHARDGRAD_BLAS=off`
 */
export function useBlas(options: BlasOptions = {}): Blas {
  const blas = findBlas(options);
  provideKernels("blas", blas.kernels);
  useKernels("blas");
  return blas;
}
