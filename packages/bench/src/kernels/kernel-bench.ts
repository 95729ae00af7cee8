// `bench kernels`: every kernel by itself, without a model; and the cost of a barrier and of a native call.

import type { KernelSet } from "@shardgrad/core";
import { useKernels } from "@shardgrad/core";
import { kernelsFor } from "@shardgrad/core/engine";
import { usableCores } from "@shardgrad/parallel/engine";
import type { BlasFound } from "shardgrad/measure";
import { defaultWorkerCounts, describeMachine, spreadOf } from "shardgrad/measure";
import { useBlasIfThere } from "../best-kernels.ts";
import { machineReport } from "../machine-report.ts";
import type { OutputOptions } from "../options.ts";
import { announce, deliver } from "../output.ts";
import { startWaits } from "./barrier.ts";
import { gemmCases } from "./gemm-cases.ts";
import type { KernelCase } from "./kernel-case.ts";
import { kernelReport } from "./kernel-report.ts";
import type { KernelRow, NamedKernels } from "./measure-kernels.ts";
import { measureKernel } from "./measure-kernels.ts";
import { nativeCall } from "./native-call.ts";
import { callsPerStretch, msPerCall } from "./repeated.ts";
import { convolutionCases, memoryCases } from "./row-cases.ts";

export interface KernelOptions extends OutputOptions {
  /** Only cases whose name or shape contains it. */
  only: string;
}

/** The tables of all kernel sets that run here, with remarks on the others. */
function findKernels(): { wasm: NamedKernels[]; blas: NamedKernels[]; found: BlasFound; missing: string[] } {
  const missing: string[] = [];
  const tableOf = (who: KernelSet): NamedKernels[] => {
    try {
      useKernels(who);
      return [{ who, kernels: kernelsFor("float32") }];
    } catch (error) {
      missing.push(`${who}: ${(error as Error).message}`);
      return [];
    }
  };
  const wasm = [...tableOf("wasm-relaxed"), ...tableOf("wasm-plain")];
  const found = useBlasIfThere();
  if ("noBlas" in found) return { wasm, blas: [], found, missing: [...missing, `blas: ${found.noBlas}`] };
  return { wasm, blas: [{ who: "blas", kernels: kernelsFor("float32") }], found, missing };
}

/** A row for something that neither computes nor moves data. */
function callRow(kernel: string, shape: string, times: readonly number[]): KernelRow {
  const none = { gflops: null, gigabytesPerSecond: null, copyShare: null };
  return { kernel, shape, who: "shardgrad", msPerCall: spreadOf(times), rounds: times.length, ...none };
}

/** Alternates between spinning, if every thread can have a core, and sleeping. */
async function barrierRows(parties: number, rounds: number): Promise<KernelRow[]> {
  const ways = parties <= usableCores() ? [true, false] : [false];
  // One more stretch than measured, to compile everything.
  const groups = await Promise.all(ways.map((spin) => startWaits(parties, spin, rounds + 1)));
  const times = groups.map(({ stretch }) => [stretch()].slice(1));
  for (let round = 0; round < rounds; round++) {
    for (const [i, { stretch }] of groups.entries()) times[i]!.push(stretch());
  }
  await Promise.all(groups.map(({ ended }) => ended));
  return ways.map((spin, i) =>
    callRow("barrier", `${parties} threads, ${spin ? "spinning" : "sleeping"}`, times[i]!),
  );
}

function nativeCallRows(rounds: number, missing: string[]): KernelRow[] {
  const call = nativeCall();
  if (typeof call !== "function") {
    missing.push(`native call: ${call.reason}`);
    return [];
  }
  const count = callsPerStretch(call);
  return [
    callRow(
      "native call",
      "abs, through koffi",
      Array.from({ length: rounds }, () => msPerCall(call, count)),
    ),
  ];
}

export async function benchKernels(options: KernelOptions): Promise<void> {
  const { rounds, only } = options;
  const wanted = (kernel: string, shape: string) => `${kernel} ${shape}`.includes(only);
  const { wasm, blas, found, missing } = findKernels();
  const machine = describeMachine(found);
  const measure = (cases: readonly KernelCase[], sets: readonly NamedKernels[]) =>
    cases
      .filter(({ kernel, shape }) => wanted(kernel, shape))
      .flatMap((one) => {
        announce(`${one.kernel} ${one.shape}`);
        return measureKernel(one, sets, rounds);
      });
  const rows = [
    ...measure(gemmCases, [...wasm, ...blas]),
    ...measure(convolutionCases, wasm),
    ...measure(memoryCases, wasm),
  ];
  for (const parties of defaultWorkerCounts(Math.max(2, machine.cores)).filter((count) => count > 1)) {
    if (wanted("barrier", `${parties} threads`)) rows.push(...(await barrierRows(parties, rounds)));
  }
  if (wanted("native call", "koffi")) rows.push(...nativeCallRows(rounds, missing));
  const report = ["# Kernels", machineReport(machine), kernelReport(rows, missing)].join("\n\n");
  deliver(
    report,
    rows.map((row) => ({ ...row, machine })),
    options,
  );
}
