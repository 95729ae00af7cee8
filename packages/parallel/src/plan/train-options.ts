// The one table of the options of a run: for each its type, its values and its flag. The checks below and the command's
// flags (cli/option-flags.ts) follow from it. run-plan.ts turns the options into numbers.
import type { KernelChoice } from "@shardgrad/core";
import { checkParts } from "../check-parts.ts";
import { JobError } from "../errors.ts";
import type { Callbacks } from "../events.ts";
import type { NonFiniteRule } from "../job/step-rules.ts";
import type { NamesChoice } from "../job/torch-names.ts";
import type { ParamSettings } from "../params.ts";
import type { SnapshotsChoice } from "../shared/snapshots/snapshot-slots.ts";
import type { ReduceMode } from "../step/allreduce.ts";
import type { CheckpointOptions } from "./checkpoint-options.ts";

/** Whether the processes of a launcher train together. */
export type MachinesChoice = "auto" | "off";

export interface TrainOptions extends Callbacks {
  /** Threads that compute. By default as many as the cores, or as the container or control group allows. */
  workers?: number;
  /** Parts of a batch. Results depend on it, not on `workers`. Default: the number of workers. */
  shards?: number;
  epochs?: number;
  /**
   * Stops after so many steps, or, with `syncEvery`, at the next synchronization point. Schedules of the learning rate keep
   * the length that the epochs give, so that a resume goes on as if nothing had been. Without `epochs`, it may exceed the
   * job's epochs.
   */
  steps?: number;
  batchSize?: number;
  /** Micro-batches of `batchSize` samples in one optimizer step. */
  accumulate?: number;
  seed?: number;
  /**
   * Local SGD: each shard trains its own weights, which are averaged after every so many steps of an epoch and at its
   * end. Only then can a run stop, save and report. With `hogwild`: how often workers wait for each other; default 100.
   */
  syncEvery?: number;
  /** All shards update the same weights at any time, without waiting for each other. No two runs are equal. */
  hogwild?: boolean;
  /** Who averages the gradients. Default "workers". */
  reduce?: ReduceMode;
  /**
   * Whether this process is one of several that a launcher (mpirun, srun) has started, and which train one job together,
   * by `@shardgrad/mpi`. The default, "auto", asks the launcher's variables; "off" trains here alone.
   */
  machines?: MachinesChoice;
  /**
   * What the workers compute with. The default, "auto", uses machine code (`@shardgrad/native`) where it runs, else the
   * machine's BLAS if there is one, else WebAssembly; on a Mac, the system's BLAS comes first.
   */
  kernels?: KernelChoice;
  /**
   * Records each kind of pass in its first two steps, and then replays its kernels. Default true. Turn it off if the
   * loss depends on something outside of tensors that changes during training, such as a counter.
   */
  capture?: boolean;
  /** From this step (counted from 0) on, measures where the workers' time goes; adds `phaseMs` to the `end` event. */
  timePhasesFrom?: number;
  /** Saves checkpoints during the run, and one of its last step. */
  checkpoint?: CheckpointOptions;
  /**
   * Continues from the newest checkpoint in `checkpoint.directory`, exactly where it was; without one, starts from the
   * beginning, or, with "must", fails.
   */
  resume?: boolean | "must";
  /** How often a run may restart from its last snapshot after a worker fails. Default 3; 0 for never. */
  restarts?: number;
  /**
   * A worker that gives no sign of life for so many seconds counts as failed. Default 300; Infinity for never. A sign
   * of life is each shard's forward and backward pass, each sample that the job computes or augments, and each 256
   * evaluated samples.
   */
  stallSeconds?: number;
  /** Steps between snapshots. By default as often as they cost less than 1 % of the time. */
  snapshotEvery?: number;
  /**
   * Where a run keeps what it restarts from and writes checkpoints from. The default, "memory", takes two to four copies
   * of all that is trained. "disk" has them in a file in the system's temporary folder. "off" has none: a failing worker
   * ends the run, and workers wait while a checkpoint is written.
   */
  snapshots?: SnapshotsChoice;
  /**
   * Overrides the job's `params` by name, as in `{ lr: 0.1 }`. Also takes settings such as "lr=0.1" from a command
   * line, which get the type of the default.
   */
  params?: ParamSettings;
  /** Overrides how the job handles a loss or gradient that is not finite. */
  onNonFinite?: NonFiniteRule;
  /** Evaluates, returns and writes the average of the weights (the job's `ema`) in place of the last weights. */
  useEma?: boolean;
  /** File for the final weights, in the safetensors format. */
  out?: string;
  /** Whose names `out` has for tensors: those of this library, or PyTorch's (`running_mean`). Default "shardgrad". */
  names?: NamesChoice;
  /**
   * When it aborts, the run stops as by `stop()`: it finishes the current step, saves if it has checkpoints, and
   * rejects with the signal's reason. If it has aborted before, the run does not begin.
   */
  signal?: AbortSignal;
}

/** The values that an option may have. */
export interface OptionValues {
  /** What an error says of them. */
  expected: string;
  fits: (value: unknown) => boolean;
  /**
   * What a flag passes on: true ("yes") or false ("no") if it is there, a text, a number, or one of a few words; "yes or
   * integer": a number if it has one.
   */
  flagGives?: "yes" | "no" | "text" | "integer" | "yes or integer" | "number" | readonly string[];
}

export interface OptionRow {
  values: OptionValues;
  /** The flag's line in `--help`, and the name of its value there. An option without `help` has no flag. */
  help?: string;
  placeholder?: string;
}

const wholeFrom = (least: number): OptionValues => ({
  expected: `an integer of at least ${least}`,
  fits: (value) => Number.isSafeInteger(value) && (value as number) >= least,
  flagGives: "integer",
});

const ofType = (type: string, expected: string): OptionValues => ({
  expected,
  fits: (value) => typeof value === type && value !== null,
});

/** @param words as keys, so that the compiler notices a missing one */
function oneOf<T extends string>(words: Readonly<Record<T, true>>): OptionValues {
  const names = Object.keys(words);
  const quoted = names.map((name) => JSON.stringify(name));
  return {
    expected: `${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1)}`,
    fits: (value) => names.includes(value as string),
    flagGives: names,
  };
}

const count = wholeFrom(1);
const yes: OptionValues = { ...ofType("boolean", "true or false"), flagGives: "yes" };
const callback = ofType("function", "a function");

/** Every option. `--help` lists the flags in this order. */
export const trainOptions: Readonly<Record<keyof TrainOptions, OptionRow>> = {
  workers: { values: count, help: "threads that compute (default: one per core)" },
  shards: {
    values: count,
    help: "parts of a batch; pinned, the result is the same bits for any --workers",
  },
  epochs: { values: count, help: "passes over the training samples" },
  steps: { values: count, help: "stop after so many steps" },
  batchSize: { values: count, help: "samples per step, over all workers" },
  accumulate: {
    values: count,
    help: "micro-batches of --batch-size samples in one step",
    placeholder: "<k>",
  },
  seed: {
    values: { ...wholeFrom(0), expected: "an integer from 0 to 2^53 - 1" },
    help: "decides initial weights and order of samples",
  },
  params: { values: ofType("object", 'an object, such as { lr: 0.1 }, or settings, such as ["lr=0.1"]') },
  syncEvery: {
    values: count,
    help: "Local SGD: each shard by itself, averaged every k steps",
    placeholder: "<k>",
  },
  hogwild: {
    values: yes,
    help: "all shards update the same weights without waiting: no run is like another",
  },
  reduce: {
    values: oneOf<ReduceMode>({ workers: true, coordinator: true }),
    help: "who averages gradients",
    placeholder: "<who>",
  },
  machines: {
    values: oneOf<MachinesChoice>({ auto: true, off: true }),
    help: "whether mpirun's or srun's processes train together (default: auto)",
    placeholder: "<whether>",
  },
  kernels: {
    values: oneOf<KernelChoice>({
      auto: true,
      native: true,
      blas: true,
      wasm: true,
      "wasm-relaxed": true,
      "wasm-plain": true,
      reference: true,
    }),
    help: "what computes (default: machine code; else the machine's BLAS, else WASM)",
    placeholder: "<set>",
  },
  capture: {
    values: { ...yes, flagGives: "no" },
    help: "run every step anew instead of replaying recorded kernels",
  },
  timePhasesFrom: { values: { ...wholeFrom(0), expected: "the number of a step, from 0 on" } },
  checkpoint: { values: ofType("object", "an object, such as { directory }") },
  resume: {
    values: {
      expected: 'true, false or "must"',
      fits: (value) => typeof value === "boolean" || value === "must",
      flagGives: "yes",
    },
    help: "go on from the newest checkpoint, if there is one",
  },
  restarts: { values: wholeFrom(0), help: "how often to go on after a worker failed (default: 3)" },
  stallSeconds: {
    values: {
      expected: "a number above 0, or Infinity for never",
      fits: (value) => typeof value === "number" && value > 0,
      flagGives: "number",
    },
    help: "a worker that is still for so long has failed (default: 300)",
  },
  snapshotEvery: { values: count },
  snapshots: {
    values: oneOf<SnapshotsChoice>({ memory: true, disk: true, off: true }),
    help: "where copies for restarts are kept (default: memory); disk and off save it",
    placeholder: "<where>",
  },
  onNonFinite: {
    values: oneOf<NonFiniteRule>({ stop: true, skip: true }),
    help: "what to do about a step whose loss or gradient is infinite or NaN",
    placeholder: "<what>",
  },
  useEma: { values: yes, help: "evaluate and write the average of the weights that the job keeps" },
  out: {
    values: { ...ofType("string", "the path of a file"), flagGives: "text" },
    help: "write the final weights to a safetensors file",
    placeholder: "<file>",
  },
  names: {
    values: oneOf<NamesChoice>({ shardgrad: true, torch: true }),
    help: "whose names --out has for tensors: torch's load there with strict=True",
    placeholder: "<whose>",
  },
  signal: {
    values: {
      expected: "an AbortSignal, such as controller.signal or AbortSignal.timeout(ms)",
      fits: (value) => value instanceof AbortSignal,
    },
  },
  onStepEnd: { values: callback },
  onEpochEnd: { values: callback },
  onEvaluate: { values: callback },
  onCheckpoint: { values: callback },
};

function shown(value: unknown): string {
  if (value instanceof AbortController) return "an AbortController";
  return typeof value === "number" ? String(value) : (JSON.stringify(value) ?? `a ${typeof value}`);
}

/** Rows of options by name. */
export type OptionRows = Readonly<Record<string, OptionRow>>;

/**
 * Checks each option by itself before anything else happens.
 *
 * @throws JobError for an unknown name or a wrong value
 */
export function checkOptions(options: object, rows: OptionRows = trainOptions): void {
  const names = Object.fromEntries(Object.keys(rows).map((name) => [name, true as const]));
  checkParts("train", options, names, "option");
  checkValues("train", options, rows);
}

/** Checks values only. Skips names that are no options of a run. */
export function checkValues(operation: string, options: object, rows: OptionRows = trainOptions): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || !Object.hasOwn(rows, name)) continue;
    const { fits, expected } = rows[name]!.values;
    if (!fits(value)) throw new JobError(`${operation}: ${name} is ${shown(value)}, expected ${expected}`);
  }
}
