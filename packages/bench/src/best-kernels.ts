// The best kernels that a thread can have here: the machine's BLAS, or else the best WebAssembly build.
import { kernelSet } from "@shardgrad/core";

/** What of @shardgrad/blas is used. The package is optional, and so is a BLAS. */
interface BlasPackage {
  useBlas(): { description: string };
}

export interface BlasFound {
  /** `"OpenBLAS 0.3.21 (Haswell)"`, or undefined if there is none. */
  description: string | undefined;
  /** Why there is none. */
  reason: string;
}

/** Has the BLAS compute on this thread, if there is one. */
export async function useBlasIfThere(): Promise<BlasFound> {
  const name: string = "@shardgrad/blas";
  try {
    const { useBlas } = (await import(name)) as BlasPackage;
    return { description: useBlas().description, reason: "" };
  } catch (error) {
    return { description: undefined, reason: (error as Error).message };
  }
}

/** Chooses the kernels of this thread, and says which they are. */
export async function useBestKernels(): Promise<string> {
  return (await useBlasIfThere()).description ?? kernelSet();
}
