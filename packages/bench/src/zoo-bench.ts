// `bench`: the zoo, on shardgrad and on its alternatives. Finds the contenders, measures model after model, and
// reports.
import { availableKernels } from "@shardgrad/parallel/command";
import { usableCores } from "@shardgrad/parallel/engine";
import type { BlasFound } from "shardgrad/measure";
import { describeMachine } from "shardgrad/measure";
import { useBlasIfThere } from "./best-kernels.ts";
import type { Surroundings, Who } from "./contenders.ts";
import { listContenders } from "./contenders.ts";
import type { FoundPython, PythonLibrary } from "./find-python.ts";
import { findPython } from "./find-python.ts";
import { installRivals } from "./install-rivals.ts";
import { machineReport } from "./machine-report.ts";
import { measureModel } from "./measure-model.ts";
import type { ZooOptions } from "./options.ts";
import { announce, deliver } from "./output.ts";
import { modelReport, summaryReport, versionsReport } from "./zoo-report.ts";
import type { BenchRow } from "./zoo-rows.ts";
import { rowsOf } from "./zoo-rows.ts";

/** Looks only for the requested contenders. */
async function lookAround({ only }: ZooOptions, blas: BlasFound): Promise<Surroundings> {
  const { native } = await availableKernels(import.meta.url);
  const asked = (...names: Who[]) => names.some((name) => only.includes(name));
  const pythonIf = async (isAsked: boolean, library: PythonLibrary): Promise<FoundPython> =>
    isAsked ? findPython(library) : { reason: "not asked for" };
  return {
    cores: usableCores(),
    pytorch: await pythonIf(asked("pytorch-1t", "pytorch-nt", "pytorch-ddp", "pytorch-compile"), "PyTorch"),
    jax: await pythonIf(asked("jax"), "JAX"),
    noNative: "reason" in native ? native.reason : undefined,
    noBlas: "noBlas" in blas ? blas.noBlas : undefined,
    noRivals: asked("tfjs-wasm", "jax-js") ? await installRivals(announce) : "not asked for",
  };
}

export async function benchZoo(options: ZooOptions): Promise<void> {
  const blas = useBlasIfThere();
  const machine = describeMachine(blas);
  const surroundings = await lookAround(options, blas);
  const contenders = listContenders(options.only, options.workers, surroundings);
  const rows: BenchRow[] = [];
  const reports: string[] = [];
  for (const model of options.models) {
    const measured = await measureModel(model, contenders, surroundings.cores, {
      rounds: options.rounds,
      budgetMs: options.budget * 1000,
      announce,
    });
    const own = rowsOf(measured, machine);
    rows.push(...own);
    reports.push(modelReport(model.name, own));
  }
  const parts = [
    "# Benchmark",
    machineReport(machine),
    versionsReport(rows),
    summaryReport(rows),
    ...reports,
  ];
  deliver(parts.filter(Boolean).join("\n\n"), rows, options);
}
