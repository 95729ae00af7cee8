// The names of kernel sets, and how to resolve a choice on this thread. dispatch.ts builds the chosen set.
import { ValueError } from "../errors.ts";
import { heap } from "../memory/heap.ts";
import type { ProvidedName } from "./provide-kernels.ts";
import { providedKernels } from "./provide-kernels.ts";
import type { WasmBuild } from "./wasm.ts";
import { supportedBuild } from "./wasm.ts";

/**
 * What computes float32: a WebAssembly build, machine code on top of the best of them, a BLAS on top of the best of all
 * these, or plain TypeScript loops.
 */
export type KernelSet = WasmBuild | "native" | "blas" | "reference";

/** A choice of kernels: a set by name, the best WebAssembly build (`"wasm"`), or the best of all (`"auto"`). */
export type KernelChoice = KernelSet | "auto" | "wasm";

/** What is missing where a set was not provided. */
const missing: Record<ProvidedName, string> = {
  native:
    'no machine code was provided for "native" on this thread; install @shardgrad/native and call its useNative()',
  blas: 'no BLAS was provided for "blas" on this thread; install @shardgrad/blas and call its useBlas()',
};

/** The best set that needs no other package. */
export function builtInKernels(): WasmBuild | "reference" {
  return supportedBuild() ?? "reference";
}

/** The set that computes what a provided one lacks. */
export function kernelsBelow(set: ProvidedName): KernelSet {
  return set === "blas" && providedKernels("native") ? "native" : builtInKernels();
}

/**
 * The set that a choice selects on this thread.
 *
 * @throws ValueError if it does not run here
 */
export function resolveKernels(choice: KernelChoice): KernelSet {
  const set = choose(choice);
  if ((set === "wasm-plain" || set === "wasm-relaxed") && !heap().isWasm) {
    throw new ValueError(
      `useKernels: "${set}" cannot reach this thread's numbers, which a run with native kernels has moved out of WebAssembly's reach; use "native"`,
    );
  }
  return set;
}

function choose(choice: KernelChoice): KernelSet {
  const best = builtInKernels();
  if (choice === "auto") return (["native", "blas"] as const).find(providedKernels) ?? best;
  if (choice === "wasm" && best !== "reference") return best;
  if (choice === "reference" || choice === best || (choice === "wasm-plain" && best === "wasm-relaxed"))
    return choice;
  if (choice !== "native" && choice !== "blas")
    throw new ValueError(`useKernels: "${choice}" does not run here; the best that does is "${best}"`);
  if (providedKernels(choice)) return choice;
  throw new ValueError(`useKernels: ${missing[choice]}`);
}
