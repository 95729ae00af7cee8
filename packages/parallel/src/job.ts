// defineJob: what to train, as data and functions. Functions cannot cross threads, so a job is the default export
// of a module, and every worker imports that module. Knows core only, nothing of threads.
import { AsyncLocalStorage } from "node:async_hooks";
import { pathToFileURL } from "node:url";
import { getCallSites } from "node:util";
import type { AnyModule, Tensor } from "@shardgrad/core";
import { MemoryError, Module, Optimizer } from "@shardgrad/core";
import type { AnyColumns, Augment, Batch, Columns, Dataset, DatasetParts, SampleShapes } from "./dataset.ts";
import { JobError } from "./errors.ts";
import { frozenCopy } from "./frozen-copy.ts";
import type { Metric } from "./metrics/definition.ts";
import { checkMetric } from "./metrics/definition.ts";
import type { Sampling } from "./sampling.ts";
import { checkSampling } from "./sampling.ts";
import type { HoldOut } from "./split.ts";
import { checkHoldOut } from "./split.ts";
import type { StepRules } from "./step-rules.ts";
import { checkStepRules, stepRuleNames } from "./step-rules.ts";
import { checkUntrained } from "./untrained.ts";

export interface JobDefinition<C extends AnyColumns, M extends AnyModule> extends StepRules {
  /**
   * The samples. A function, of all or of a part, is called once, on the main thread only: workers import the module
   * without loading. A `computed` set stands here itself, where workers find its function.
   */
  dataset: DatasetParts<C> | (() => Dataset<C> | Promise<Dataset<C>>);
  /**
   * Holds a part of the training samples out, to be evaluated in place of a `test` set: a fraction of them, or
   * `{ fraction }` or `{ folds, fold }` with `stratify` for as large a share of every class. Keyed by the seed.
   */
  validation?: HoldOut<keyof C & string>;
  /** How training samples are drawn; each exactly once an epoch, in a new order each time, if absent. */
  sampling?: Sampling<keyof C & string>;
  /**
   * Alters training samples, each time that one is drawn: called by the worker that computes with it. Never called for
   * samples that are evaluated.
   */
  augment?: Augment<C>;
  /**
   * A column with the weight of each sample in the mean loss. The loss is then the mean with these weights,
   * `div(sum(mul(losses, w)), sum(w))`, and shards count by the sums of their weights instead of their samples.
   */
  sampleWeight?: keyof C & string;
  /** Builds the model for samples of these shapes. Called on every thread with the same random stream. */
  model: (shapes: SampleShapes<C>) => M;
  /** A scalar: the mean over the samples of the batch, with their weights if the job names `sampleWeight`. */
  loss: (model: M, batch: Batch<C>) => Tensor;
  /**
   * Changes what no gradient trains: a teacher that follows the weights, a target network, a codebook. Called once after
   * each update, on one thread for all, with gradients off. It may change parameters, frozen ones too, and buffers, in
   * place (`copyFrom`); nothing else may change these but the optimizer. Not called for steps that are skipped.
   */
  afterStep?: (model: M, context: { step: Tensor }) => void;
  /** Any optimizer of core, over the given parameters (those of the model). */
  optimizer: (parameters: readonly Tensor[]) => Optimizer;
  /**
   * Evaluated on the test samples after each epoch: functions that return one number per sample, whose mean is reported, or
   * definitions of what is no mean, with the direction that is better.
   */
  metrics?: Readonly<Record<string, Metric<C, M>>>;
  /** Samples per optimizer step, or per micro-batch if it has several (`accumulate`), however many workers share it. */
  batchSize: number;
  /** Passes over the training samples. */
  epochs: number;
  /** Decides the initial weights and the order of samples; 0 if absent. */
  seed?: number;
  /** Parts that a batch is split into; as many as workers if absent. Pinned, it makes results independent of them. */
  shards?: number;
}

const parts = [
  "dataset",
  "validation",
  "sampling",
  "augment",
  "sampleWeight",
  "model",
  "loss",
  "afterStep",
  "optimizer",
  "metrics",
  "batchSize",
  "epochs",
  "seed",
  "shards",
  ...stepRuleNames,
];

const brand = Symbol.for("shardgrad.job");

/** A checked job definition, as `defineJob` returns it. */
export interface Job<C extends AnyColumns = Columns, M extends AnyModule = AnyModule>
  extends JobDefinition<C, M> {
  readonly [brand]: true;
}

function requireFunction(name: string, value: unknown): void {
  if (typeof value !== "function") {
    throw new JobError(`defineJob: ${name} is ${typeof value}, expected a function`);
  }
}

/** Throws unless `value` is an integer of at least 1. */
export function requireCount(operation: string, name: string, value: unknown): void {
  if (!(Number.isSafeInteger(value) && (value as number) >= 1)) {
    const got = typeof value === "string" ? `"${value}"` : String(value);
    throw new JobError(`${operation}: ${name} is ${got}, expected an integer of at least 1`);
  }
}

/**
 * Jobs by the URL of the module that defined them. A module that awaits `train(import.meta.url)` at its top level is
 * not done loading while it trains: importing it would wait for itself for ever.
 */
const defined = new Map<string, Job>();

/**
 * Declares a job, to be exported as default from a module of its own.
 *
 * @throws JobError if a part is missing or of the wrong kind
 */
export function defineJob<C extends AnyColumns, M extends AnyModule>(
  definition: JobDefinition<C, M>,
): Job<C, M> {
  const { dataset, validation, sampling, augment, sampleWeight, metrics = {} } = definition;
  const unknown = Object.keys(definition).find((name) => !parts.includes(name));
  if (unknown) throw new JobError(`defineJob: there is no part "${unknown}"; a job has ${parts.join(", ")}`);
  if (typeof dataset !== "function" && (typeof dataset !== "object" || dataset === null)) {
    throw new JobError(
      `defineJob: dataset is ${typeof dataset}, expected { train, test } or a function that returns it`,
    );
  }
  if (validation !== undefined) checkHoldOut("defineJob: validation", validation);
  if (sampling !== undefined) checkSampling(sampling);
  if (augment !== undefined) requireFunction("augment", augment);
  if (sampleWeight !== undefined && typeof sampleWeight !== "string") {
    throw new JobError(
      `defineJob: sampleWeight is ${typeof sampleWeight}, expected the name of a column; put the weights into one`,
    );
  }
  requireFunction("model", definition.model);
  requireFunction("loss", definition.loss);
  if (definition.afterStep !== undefined) requireFunction("afterStep", definition.afterStep);
  requireFunction("optimizer", definition.optimizer);
  for (const [name, metric] of Object.entries(metrics)) checkMetric(name, metric);
  requireCount("defineJob", "batchSize", definition.batchSize);
  requireCount("defineJob", "epochs", definition.epochs);
  for (const name of ["shards", "accumulate"] as const) {
    if (definition[name] !== undefined) requireCount("defineJob", name, definition[name]);
  }
  checkStepRules(definition, metrics);
  // Not the data, which may be large: all else is as it is now, in every thread.
  const job: Job<C, M> = Object.freeze({
    ...frozenCopy({ ...definition, dataset: null }),
    dataset,
    [brand]: true as const,
  });
  const module = getCallSites(2)[1]?.scriptName;
  if (module) defined.set(module, job as unknown as Job);
  return job;
}

/**
 * The URL of a job module that is given as one, or as a path.
 *
 * @throws JobError if it is something else, such as the job itself
 */
export function jobUrlOf(operation: string, job: unknown): string {
  if (typeof job !== "string" && !(job instanceof URL)) {
    const isJob = typeof job === "object" && job !== null && brand in job;
    const got = isJob ? "a job" : job instanceof Promise ? "a promise" : job === null ? "null" : typeof job;
    throw new JobError(
      `${operation}: got ${got}, expected the URL or the path of the module that exports the job, as workers import it themselves; write ${operation}(import.meta.url) in that module, or ${operation}(new URL("./job.ts", import.meta.url)) in another`,
    );
  }
  const text = String(job);
  return /^[a-z][a-z0-9+.-]+:/i.test(text) ? text : pathToFileURL(text).href;
}

/** Set for what a job module does while it is imported, and for nobody else: other runs may start meanwhile. */
const importing = new AsyncLocalStorage<{ done: boolean }>();

/**
 * Throws if a job module that is being imported calls: one that trains whenever it is imported would do so in every
 * worker, whose workers would import it in their turn, without end.
 */
export function refuseWhileLoading(): void {
  // What it started, such as a timer, may go on when it is imported.
  if (importing.getStore()?.done !== false) return;
  throw new JobError(
    "train: called by a job module while it is imported; every worker imports it, so write: if (import.meta.main) { await train(import.meta.url) }",
  );
}

/**
 * The job that a module exports.
 *
 * @throws JobError if the module cannot be loaded, or its default export is not a job
 */
export async function loadJob(url: string): Promise<Job> {
  const known = defined.get(url);
  if (known) return known;
  let module: { default?: unknown };
  const state = { done: false };
  try {
    module = await importing.run(state, () => import(url));
  } catch (error) {
    if (error instanceof JobError) throw error;
    throw new JobError(`train: cannot load the job ${url}: ${describeLoadError(error, url)}`, {
      cause: error,
    });
  } finally {
    state.done = true;
  }
  const job = module.default;
  if (typeof job !== "object" || job === null || !(brand in job)) {
    throw new JobError(
      `train: ${url} has no job as its default export; write: export default defineJob({ … })`,
    );
  }
  return job as Job;
}

/** `SyntaxError: … (file:line)`: Node puts the place of a syntax error in the first line of the stack. */
function describeLoadError(error: unknown, url: string): string {
  if (!(error instanceof Error)) return `it threw ${String(error)}`;
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ERR_UNSUPPORTED_DIR_IMPORT") return "it is a folder; name a file";
  if (code === "ERR_UNKNOWN_FILE_EXTENSION") return "expected a .ts or .js module that exports a job";
  if ((error as { url?: string }).url === url) return "there is no such file";
  const place = error.name === "SyntaxError" ? /^(\S+:\d+)$/m.exec(error.stack ?? "")?.[1] : undefined;
  return `${error.name}: ${error.message.split("\n")[0]}${place ? ` (${place})` : ""}`;
}

function callModel(job: Job, shapes: SampleShapes<Columns>): unknown {
  try {
    return job.model(shapes);
  } catch (error) {
    if (!(error instanceof MemoryError)) throw error;
    throw new MemoryError(
      `train: there is no room for what model() makes; use a smaller model: ${error.message}`,
      {
        cause: error,
      },
    );
  }
}

/** Builds a job's model and optimizer, and checks what came out. */
export function buildModel(
  job: Job,
  shapes: SampleShapes<Columns>,
): { model: AnyModule; optimizer: Optimizer } {
  const model = callModel(job, shapes);
  if (!(model instanceof Module)) {
    throw new JobError(
      "train: the job's model() did not return a Module of this copy of @shardgrad/core; return a Module, and install core once",
    );
  }
  checkUntrained(model);
  const parameters = model.namedParameters();
  if (parameters.length === 0) {
    throw new JobError("train: the model has no parameters; hold them in properties, with requiresGrad");
  }
  for (const [name, parameter] of parameters) {
    if (parameter.dtype !== "float32") {
      throw new JobError(
        `train: parameter ${name} is ${parameter.dtype}; only float32 models can be trained in parallel`,
      );
    }
  }
  const optimizer: unknown = job.optimizer(model.parameters());
  if (!(optimizer instanceof Optimizer)) {
    throw new JobError(
      `train: the job's optimizer() returned ${typeof optimizer}, expected an optimizer of core, such as new Adam(parameters)`,
    );
  }
  const own = new Set(model.parameters());
  if (optimizer.parameters.some((parameter) => !own.has(parameter))) {
    throw new JobError(
      "train: the job's optimizer() has tensors that are no parameters of the model, and would never be trained; pass it those that it is given, and hold all in the model",
    );
  }
  return { model, optimizer };
}
