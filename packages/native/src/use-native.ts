// useNative: the package's main function.
import { useKernels } from "@shardgrad/core";
import { provideKernels } from "@shardgrad/core/engine";
import type { Native, NativeOptions } from "./find-native.ts";
import { findNative } from "./find-native.ts";

/**
 * Makes machine code compute the float32 kernels on this thread from now on. Each thread chooses its own kernels.
 *
 * @returns what was found
 * @throws NativeError if the processor or the system cannot run it, or with `SHARDGRAD_NATIVE=off`
 */
export function useNative(options: NativeOptions = {}): Native {
  const native = findNative(options);
  provideKernels("native", native.kernels);
  useKernels("native");
  return native;
}
