// The sets of kernels that run here, and what limits them.
import type { KernelSet } from "@shardgrad/core";
import { useKernels } from "@shardgrad/core";
import { allKernels } from "@shardgrad/core/engine";
import { useNative } from "@shardgrad/native";
import type { FmaLoop } from "@shardgrad/native/measure";
import { fmaLoop } from "@shardgrad/native/measure";
import type { BlasFound } from "shardgrad/measure";
import { useBlasIfThere } from "../best-kernels.ts";
import type { NamedKernels } from "./kernel-case.ts";

export interface FoundKernels {
  /** Those that compute everything, and a BLAS, which has matrix products only. */
  readonly all: readonly NamedKernels[];
  readonly blas: readonly NamedKernels[];
  readonly found: BlasFound;
  /** Multiply-adds as fast as they go; undefined where there is no machine code. */
  readonly fma: FmaLoop | undefined;
  /** Why others are missing. */
  readonly missing: readonly string[];
}

/** Looks for kernels on this thread, and leaves it with a BLAS, if there is one. */
export function findKernels(): FoundKernels {
  const missing: string[] = [];
  let fma: FmaLoop | undefined;
  const tableOf = (who: string, choose: () => unknown): NamedKernels[] => {
    try {
      choose();
      return [{ who, kernels: allKernels((family) => family("float32")) }];
    } catch (error) {
      missing.push(`${who}: ${(error as Error).message.replace(`${who}: `, "")}`);
      return [];
    }
  };
  const wasm = (who: KernelSet) => tableOf(who, () => useKernels(who));
  const native = tableOf("native", () => {
    useNative();
    fma = fmaLoop();
  });
  const all = [...native, ...wasm("wasm-relaxed"), ...wasm("wasm-plain")];
  const found = useBlasIfThere();
  if ("noBlas" in found) return { all, blas: [], found, fma, missing: [...missing, `blas: ${found.noBlas}`] };
  return {
    all,
    blas: [{ who: "blas", kernels: allKernels((family) => family("float32")) }],
    found,
    fma,
    missing,
  };
}
