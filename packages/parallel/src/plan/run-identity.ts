// What a checkpoint records of its run besides model and optimizer. The identity is what decided the steps so far: a
// run resumes only if all of it is the same. The settings affect the steps to come: they may change, and the run
// reports it. The number of workers belongs to neither.
import type { Optimizer } from "@shardgrad/core";
import { heap } from "@shardgrad/core/engine";
import type { RunSettings } from "../checkpoint/changes.ts";
import { paramPrefix } from "../checkpoint/changes.ts";
import type { RunIdentity } from "../checkpoint/fingerprint.ts";
import { describeColumns, hashBytes } from "../data/column-hash.ts";
import type { StoredColumns } from "../data/columns.ts";
import type { SampleOrder, SamplingPlan } from "../data/sampling.ts";
import type { RunJob } from "../job/define-job.ts";
import { describeGradient } from "../job/gradient-rule.ts";
import { encodeState } from "../state.ts";
import type { RunPlan } from "./run-plan.ts";

const hashAt = (address: number, bytes: number) =>
  hashBytes(heap().uint8.subarray(address, address + bytes)).slice(0, 16);

function describeOrder(order: SampleOrder): string {
  if (order.kind === "by shard") return `by shard, ${order.isShuffled ? "shuffled" : "as stored"}`;
  if (order.kind !== "weighted") return order.kind;
  return `by weights ${hashAt(order.sums, 8 * order.rows)}`;
}

/** Options as one line. Names only the kind of functions and arrays, as their contents show in the drawn samples. */
function describeOptions(options: unknown): string {
  return JSON.stringify(options, (_, value: unknown) =>
    typeof value === "function" || ArrayBuffer.isView(value) ? typeof value : value,
  );
}

/** How samples are held out, and which ones remain for training. */
function describeHoldOut({ validation }: RunJob, { samples, subset }: StoredColumns): string {
  if (validation === undefined || !subset) return "none";
  return `${describeOptions(validation)}, which leaves ${hashAt(subset.rows, 4 * samples)}`;
}

/** A job's state: as it is if short, else by its hash. */
function describeState(state: unknown): string {
  const text = encodeState(state);
  return text.length <= 80 ? text : hashBytes(new TextEncoder().encode(text)).slice(0, 16);
}

/** The identity of a run of a job on a training set. */
export function identifyRun(
  job: RunJob,
  { seed, batchSize, shards, samples, order }: SamplingPlan,
  train: StoredColumns,
): RunIdentity {
  const columns = [...describeColumns(train)].map(([name, text]) => [`column ${name}`, text]);
  return {
    seed,
    batchSize,
    shards,
    samples,
    details: {
      rows: train.samples,
      order: describeOrder(order),
      augment: job.augment !== undefined,
      // Absent in runs without it, like the last two.
      ...(job.afterStep && { afterStep: true }),
      ...(job.gradient && { gradient: describeGradient(job.gradient) }),
      sampleWeight: job.sampleWeight ?? "none",
      validation: describeHoldOut(job, train),
      ...(job.context.state !== undefined && { state: describeState(job.context.state) }),
      ...Object.fromEntries(columns),
    },
  };
}

/** Functions are compared at these numbers of updates: 0, 1, 4, 16, … */
const probes = [0, ...Array.from({ length: 11 }, (_, power) => 4 ** power)];

/**
 * `from 0.1 by a function (3fa2c1d0)`, or `by a function of 100 steps` for one that says so. Functions that return the same
 * values there have the same text.
 */
function describeFunction(of: ((updates: number) => unknown) & { steps?: unknown }): string {
  const values = probes.map((updates) => {
    try {
      return String(of(updates));
    } catch {
      // The function may accept only a limited number of updates.
      return "none";
    }
  });
  const hash = hashBytes(new TextEncoder().encode(values.join(" ")));
  const length = typeof of.steps === "number" ? ` of ${of.steps} steps` : "";
  return `from ${values[0]} by a function${length} (${hash.slice(0, 8)})`;
}

function describeSetting(value: unknown): RunSettings[string] {
  if (typeof value === "function") return describeFunction(value as (updates: number) => unknown);
  return typeof value === "number" || typeof value === "boolean" ? value : String(value);
}

/** The options of an optimizer, by group if there are several. */
function optimizerSettings({ paramGroups }: Optimizer): RunSettings {
  const entries = paramGroups.flatMap(({ params: _, ...options }, index) =>
    Object.entries(options).map(([name, value]) => {
      const where = paramGroups.length === 1 ? name : `${name} of parameter group ${index}`;
      return [where, describeSetting(value)] as const;
    }),
  );
  return Object.fromEntries(entries);
}

/** An evaluated set, whose columns are those of the training set. */
function describeTest(test: StoredColumns): string {
  const columns = [...describeColumns(test)].sort().join("; ");
  const hash = hashBytes(new TextEncoder().encode(columns));
  return `with ${test.samples} samples (${hash.slice(0, 8)})`;
}

/** The settings of a run; those that are "none" are absent. */
export function settingsOf(
  job: RunJob,
  optimizer: Optimizer,
  { rules, local, useEma }: Pick<RunPlan, "rules" | "local" | "useEma">,
  test: StoredColumns | undefined,
): RunSettings {
  const { clipGradNorm, clipGradValue, onNonFinite, earlyStopping } = rules;
  const params = Object.entries(job.context.params);
  return {
    ...Object.fromEntries(params.map(([name, value]) => [`${paramPrefix}${name}`, String(value)])),
    ...optimizerSettings(optimizer),
    ...(clipGradNorm !== undefined && { clipGradNorm }),
    ...(clipGradValue !== undefined && { clipGradValue }),
    ...(onNonFinite !== undefined && { onNonFinite }),
    ...(earlyStopping && { earlyStopping: describeOptions(earlyStopping) }),
    ...(job.ema && { "ema decay": describeSetting(job.ema.decay) }),
    ...(useEma && { useEma }),
    ...(local && { syncEvery: local.syncEvery }),
    ...(local?.hogwild && { hogwild: true }),
    // The held-out set follows from the training set, and is compared with it.
    ...(test && job.validation === undefined && { "test set": describeTest(test) }),
    ...Object.fromEntries(Object.keys(job.metrics).map((name) => [`metric ${name}`, true])),
  };
}
