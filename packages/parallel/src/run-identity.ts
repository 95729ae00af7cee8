// What decides the bits of a run besides model and optimizer, as a checkpoint keeps it: a run goes on from a checkpoint
// only if all of it is the same. The number of workers is not among it.
import { createHash } from "node:crypto";
import { heap } from "@shardgrad/core/engine";
import type { RunIdentity } from "./checkpoint/fingerprint.ts";
import type { Job } from "./job.ts";
import type { RunPlan } from "./options.ts";
import type { SampleOrder, SamplingPlan } from "./sampling.ts";

function describeOrder(order: SampleOrder): string {
  if (order.kind !== "weighted") return order.kind;
  const sums = heap().float64.slice(order.sums / 8, order.sums / 8 + order.rows);
  const hash = createHash("sha256").update(new Uint8Array(sums.buffer)).digest("hex");
  return `by weights ${hash.slice(0, 16)}`;
}

/** Options as one line; functions and arrays of a job by their kind, as their contents show in what is drawn. */
function describeOptions(options: unknown): string {
  return JSON.stringify(options, (_, value: unknown) =>
    typeof value === "function" || ArrayBuffer.isView(value) ? typeof value : value,
  );
}

/** The identity of a run of a job on `rows` training samples. */
export function identifyRun(
  job: Job,
  { seed, batchSize, shards, samples, order }: SamplingPlan,
  { rows, rules, local }: { rows: number } & Pick<RunPlan, "rules" | "local">,
): RunIdentity {
  // When to end is no matter of what a step computes.
  const { earlyStopping: _, ...steps } = rules;
  return {
    seed,
    batchSize,
    shards,
    samples,
    details: {
      rows,
      order: describeOrder(order),
      steps: describeOptions(steps),
      ema: job.ema === undefined ? "none" : String(job.ema.decay),
      augment: job.augment !== undefined,
      // Absent in runs without it, as the two at the end.
      ...(job.afterStep && { afterStep: true }),
      sampleWeight: job.sampleWeight ?? "none",
      // What epochs came to is kept by their order.
      metrics: Object.keys(job.metrics ?? {}).join(" "),
      validation: job.validation === undefined ? "none" : describeOptions(job.validation),
      // Absent in runs without it, whose checkpoints stay what they were.
      ...(local && { syncEvery: local.syncEvery }),
      ...(local?.hogwild && { hogwild: true }),
    },
  };
}
