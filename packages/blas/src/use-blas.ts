// useBlas: the package's main function.
import { useKernels } from "@shardgrad/core";
import { provideBlas } from "@shardgrad/core/engine";
import type { Blas, BlasOptions } from "./find-blas.ts";
import { findBlas } from "./find-blas.ts";

/**
 * Has matrix products of float32 and float64 computed by the machine's BLAS from now on, on this thread. Each thread
 * chooses its own kernels; the library is loaded once per process.
 *
 * @returns what was found
 * @throws BlasError if there is none, if the named one cannot be used, or with `SHARDGRAD_BLAS=off`
 */
export function useBlas(options: BlasOptions = {}): Blas {
  const blas = findBlas(options);
  provideBlas(blas.kernels);
  useKernels("blas");
  return blas;
}
