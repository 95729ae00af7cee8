// `bench scaling`: what shardgrad gains from more workers.
import { usableCores } from "@shardgrad/parallel/engine";
import { useBlasIfThere } from "../best-kernels.ts";
import { shardgradLaunch } from "../contenders.ts";
import { describeMachine } from "../machine.ts";
import { machineReport } from "../machine-report.ts";
import type { OutputOptions } from "../options.ts";
import { announce, deliver } from "../output.ts";
import type { ZooModel } from "../zoo.ts";
import type { ScalingRow } from "./measure-scaling.ts";
import { measureScaling } from "./measure-scaling.ts";
import { scalingReport } from "./scaling-report.ts";

export interface ScalingOptions extends OutputOptions {
  models: readonly ZooModel[];
  workers: readonly number[];
  /** Default: the best available. */
  kernels?: "blas" | "wasm" | "wasm-plain";
  /** Seconds that one number of workers may spend on one model. */
  budget: number;
}

/** Every number up to eight, then doubled; and all cores. */
export function scalingWorkerCounts(cores = usableCores()): number[] {
  const counts: number[] = [];
  for (let count = 1; count < cores; count = count < 8 ? count + 1 : count * 2) counts.push(count);
  return [...counts, cores];
}

export async function benchScaling(options: ScalingOptions): Promise<void> {
  const { models, workers, rounds, budget } = options;
  const found = useBlasIfThere();
  const machine = describeMachine(found);
  const kernels = options.kernels ?? ("blas" in found ? "blas" : "wasm");
  const rows: ScalingRow[] = [];
  const reports: string[] = [];
  for (const model of models) {
    const measure = { rounds, budgetMs: budget * 1000, announce };
    const measured = await measureScaling(model, workers, shardgradLaunch(kernels), measure);
    rows.push(...measured.rows);
    reports.push(scalingReport(model.name, measured.rows, measured.kernels));
  }
  const head = ["# Scaling", machineReport(machine), `- kernels of shardgrad: ${kernels}`];
  deliver(
    [...head, ...reports].join("\n\n"),
    rows.map((row) => ({ ...row, kernels, machine })),
    options,
  );
}
