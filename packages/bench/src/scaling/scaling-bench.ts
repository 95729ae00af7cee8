// `bench scaling`: what shardgrad gains from more workers, by the function behind `shardgrad scale`.
import type { ScaleRow } from "shardgrad";
import { scale } from "shardgrad";
import { describeMachine, scaleLines } from "shardgrad/measure";
import { useBlasIfThere } from "../best-kernels.ts";
import { machineReport } from "../machine-report.ts";
import type { OutputOptions } from "../options.ts";
import { announce, deliver } from "../output.ts";
import type { ZooModel } from "../zoo.ts";

export interface ScalingOptions extends OutputOptions {
  models: readonly ZooModel[];
  workers: readonly number[];
  /** Default: the best available. */
  kernels?: "blas" | "wasm" | "wasm-plain";
}

/** The width of the reports. */
const columns = 120;

export async function benchScaling(options: ScalingOptions): Promise<void> {
  const { models, workers, rounds, kernels = "auto" } = options;
  const rows: (ScaleRow & { model: string })[] = [];
  const reports: string[] = [];
  for (const { name, batches } of models) {
    const job = new URL(`../jobs/${name}.ts`, import.meta.url);
    // With a batch for every worker, a step has as many samples.
    job.searchParams.set("batches", String(batches * Math.max(...workers)));
    const onProgress = (what: string) => announce(`${name}: ${what}`);
    const result = await scale(job, { workers, rounds, kernels, weak: true, onProgress });
    rows.push(...result.rows.map((row) => ({ model: name, ...row })));
    reports.push(`## ${name}\n\n\`\`\`text\n${scaleLines(result, columns).join("\n")}\n\`\`\``);
  }
  const machine = describeMachine(useBlasIfThere());
  const report = ["# Scaling", machineReport(machine), ...reports].join("\n\n");
  deliver(
    report,
    rows.map((row) => ({ ...row, machine })),
    options,
  );
}
