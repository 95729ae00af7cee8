// The machine's BLAS, if it has one.
import { BlasError, useBlas } from "@shardgrad/blas";
import type { BlasFound } from "shardgrad/measure";

/** Makes this thread use the machine's BLAS, if there is one. */
export function useBlasIfThere(): BlasFound {
  try {
    return { blas: useBlas().description };
  } catch (error) {
    if (error instanceof BlasError) return { noBlas: error.message.replace(/^blas: /, "") };
    throw error;
  }
}
