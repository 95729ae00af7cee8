// The names of kernel sets, and how to resolve a choice on this thread. dispatch.ts builds the chosen set.
import { ValueError } from "../errors.ts";
import { providedBlas } from "./provide-blas.ts";
import type { WasmBuild } from "./wasm.ts";
import { supportedBuild } from "./wasm.ts";

/** What computes float32: a WebAssembly build, a BLAS on top of the best of them, or plain TypeScript loops. */
export type KernelSet = WasmBuild | "blas" | "reference";

/** A choice of kernels: a set by name, the best WebAssembly build (`"wasm"`), or the best of all (`"auto"`). */
export type KernelChoice = KernelSet | "auto" | "wasm";

/** The best set here without a BLAS. */
export function withoutBlas(): WasmBuild | "reference" {
  return supportedBuild() ?? "reference";
}

/**
 * The set that a choice selects on this thread.
 *
 * @throws ValueError if it does not run here
 */
export function resolveKernels(choice: KernelChoice): KernelSet {
  const best = withoutBlas();
  const hasBlas = providedBlas() !== undefined;
  if (choice === "auto") return hasBlas ? "blas" : best;
  if (choice === "wasm" && best !== "reference") return best;
  if (choice === "reference" || choice === best || (choice === "wasm-plain" && best === "wasm-relaxed"))
    return choice;
  if (choice !== "blas")
    throw new ValueError(`useKernels: "${choice}" does not run here; the best that does is "${best}"`);
  if (hasBlas) return choice;
  throw new ValueError(
    'useKernels: no BLAS was provided for "blas" on this thread; install @shardgrad/blas and call its useBlas()',
  );
}
