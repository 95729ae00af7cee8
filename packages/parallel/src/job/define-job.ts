// defineJob: what to train, as data and functions. Functions cannot cross threads, so a job is the default export
// of a module, and every worker imports that module. Knows core only, nothing of threads.
import type { AnyModule, Optimizer, Tensor } from "@shardgrad/core";
import { optionNames } from "@shardgrad/core/engine";
import { checkParts } from "../check-parts.ts";
import type {
  AnyColumns,
  Augment,
  Batch,
  Columns,
  Dataset,
  DatasetParts,
  SampleShapes,
} from "../data/dataset.ts";
import type { Sampling } from "../data/sampling.ts";
import { checkSampling } from "../data/sampling.ts";
import type { HoldOut } from "../data/split.ts";
import { checkHoldOut } from "../data/split.ts";
import { JobError } from "../errors.ts";
import { frozenCopy } from "../frozen-copy.ts";
import { checkMetric } from "../metrics/check-metric.ts";
import type { Metric } from "../metrics/definition.ts";
import type { JobContext, Params } from "../params.ts";
import { checkParams } from "../params.ts";
import { noteOrigin } from "./job-origin.ts";
import type { StepRules } from "./step-rules.ts";
import { checkStepRules, stepRuleNames } from "./step-rules.ts";

/** What `loss` is given besides: where the run is, as int32 scalars that follow it, also in passes that are replayed. */
export interface LossContext<P = Params, S = unknown> extends JobContext<P, S> {
  /** Steps done before this one. Compute with it by tensor operations: it is no JavaScript number. */
  readonly step: Tensor;
  /** Epochs done before this one. */
  readonly epoch: Tensor;
}

/** What `afterStep` is given besides. */
export interface AfterStepContext<P = Params, S = unknown> extends JobContext<P, S> {
  /** Steps done before this one: an int32 scalar, as in `loss`. */
  readonly step: Tensor;
}

/** What `optimizer` is given besides. */
export interface OptimizerContext<M extends AnyModule = AnyModule, P = Params, S = unknown>
  extends JobContext<P, S> {
  /** The model, whose `namedParameters()` tell names, for groups. */
  readonly model: M;
  /** Steps of the whole run, for schedules of the learning rate; one that is resumed counts those done before, too. */
  readonly steps: number;
  readonly stepsPerEpoch: number;
}

export interface JobDefinition<
  C extends AnyColumns,
  M extends AnyModule,
  P extends Params = Params,
  S = unknown,
> extends StepRules {
  /**
   * Hyperparameters and their defaults: finite numbers, strings, booleans, or arrays of these. A run may set others
   * (option `params`, flag `--set`); every function of the job is given them.
   */
  params?: P;
  /**
   * The samples. A function, of all or of a part, is called once, on the main thread only: workers import the module
   * without loading. A `computed` set stands here itself, where workers find its function. What else functions of the
   * job must know of the data, such as the size of a vocabulary, is its `state`.
   */
  dataset:
    | DatasetParts<C, P, S>
    | ((context: { readonly params: P }) => Dataset<C, S> | Promise<Dataset<C, S>>);
  /**
   * Holds a part of the training samples out, to be evaluated in place of a `test` set: a fraction of them, or
   * `{ fraction }` or `{ folds, fold }` with `stratify` for as large a share of every class. Keyed by the seed. A function
   * may choose by `params` and `state`.
   */
  validation?: HoldOut<keyof C & string> | ((context: JobContext<P, S>) => HoldOut<keyof C & string>);
  /**
   * How training samples are drawn; each exactly once an epoch, in a new order each time, if absent. A function may choose
   * by `params` and `state`.
   */
  sampling?: Sampling<keyof C & string> | ((context: JobContext<P, S>) => Sampling<keyof C & string>);
  /**
   * Alters training samples, each time that one is drawn: called by the worker that computes with it. Never called for
   * samples that are evaluated.
   */
  augment?: Augment<C, P, S>;
  /**
   * A column with the weight of each sample in the mean loss. The loss is then the mean with these weights,
   * `div(sum(mul(losses, w)), sum(w))`, and shards count by the sums of their weights instead of their samples.
   */
  sampleWeight?: keyof C & string;
  /** Builds the model for samples of these shapes. Called on every thread with the same random stream. */
  model: (shapes: SampleShapes<C>, context: JobContext<P, S>) => M;
  /**
   * A scalar: the mean over the samples of the batch, with their weights if the job names `sampleWeight`. Its code runs in
   * the first steps, and when these are checked; later its kernels are replayed. Compute with `step`, which is a tensor.
   */
  loss: (model: M, batch: Batch<C>, context: LossContext<P, S>) => Tensor;
  /**
   * What `loss` is a mean over: "samples" if absent. "shard" is for one that compares the samples of a shard with each other
   * (contrast, correlation, a ratio of sums): results then depend on `shards`.
   */
  lossOver?: "samples" | "shard";
  /**
   * Changes what no gradient trains: a teacher that follows the weights, a target network, a codebook. Called once after
   * each update, on one thread for all, with gradients off. It may change parameters, frozen ones too, and buffers, in
   * place (`copyFrom`); nothing else may change these but the optimizer. Not called for steps that are skipped.
   */
  afterStep?: (model: M, context: AfterStepContext<P, S>) => void;
  /** Any optimizer of core, over the given parameters: those of the model that are not frozen. */
  optimizer: (parameters: readonly Tensor[], context: OptimizerContext<M, P, S>) => Optimizer;
  /**
   * Evaluated on the test samples after each epoch: functions that return one number per sample, whose mean is reported, or
   * definitions of what is no mean, with the direction that is better.
   */
  metrics?: Readonly<Record<string, Metric<C, M, P, S>>>;
  /** Samples per optimizer step, or per micro-batch if it has several (`accumulate`), however many workers share it. */
  batchSize: number;
  /** Passes over the training samples. */
  epochs: number;
  /** Decides the initial weights and the order of samples; 0 if absent. */
  seed?: number;
  /** Parts that a batch is split into; as many as workers if absent. Pinned, it makes results independent of them. */
  shards?: number;
}

const parts = optionNames<JobDefinition<Columns, AnyModule>>({
  params: true,
  dataset: true,
  validation: true,
  sampling: true,
  augment: true,
  sampleWeight: true,
  model: true,
  loss: true,
  lossOver: true,
  afterStep: true,
  optimizer: true,
  metrics: true,
  batchSize: true,
  epochs: true,
  seed: true,
  shards: true,
  ...stepRuleNames,
});

const brand = Symbol.for("shardgrad.job");

/** A checked job definition, as `defineJob` returns it. */
export interface Job<
  C extends AnyColumns = Columns,
  M extends AnyModule = AnyModule,
  P extends Params = Params,
  S = unknown,
> extends JobDefinition<C, M, P, S> {
  readonly [brand]: true;
}

export function isJob(value: unknown): value is Job {
  return typeof value === "object" && value !== null && brand in value;
}

/** A job with all that its functions are given in a run. */
export interface RunJob extends Omit<Job, "sampling" | "validation"> {
  readonly context: JobContext;
  readonly sampling?: Sampling | undefined;
  readonly validation?: HoldOut | undefined;
}

/** Gives a job its context, and with it what its functions choose before the run. */
export function configureJob(job: Job, context: JobContext): RunJob {
  let { sampling, validation } = job;
  if (typeof sampling === "function") {
    sampling = sampling(context);
    checkSampling("train: sampling()", sampling);
  }
  if (typeof validation === "function") {
    validation = validation(context);
    checkHoldOut("train: validation()", validation);
  }
  return { ...job, sampling, validation, context };
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
 * Declares a job, to be exported as default from a module of its own.
 *
 * @throws JobError if a part is missing or of the wrong kind
 */
export function defineJob<
  C extends AnyColumns,
  M extends AnyModule,
  P extends Params = Params,
  S = undefined,
>(definition: JobDefinition<C, M, P, S>): Job<C, M, P, S> {
  checkParts("defineJob", definition, parts);
  const { params, dataset, validation, sampling, augment, sampleWeight, metrics = {} } = definition;
  if (typeof metrics !== "object" || metrics === null) {
    throw new JobError(
      `defineJob: metrics is ${String(metrics)}, expected metrics by name, such as { accuracy }`,
    );
  }
  if (typeof dataset !== "function" && (typeof dataset !== "object" || dataset === null)) {
    throw new JobError(
      `defineJob: dataset is ${typeof dataset}, expected { train, test } or a function that returns it`,
    );
  }
  if (params !== undefined) checkParams(params);
  if (validation !== undefined && typeof validation !== "function")
    checkHoldOut("defineJob: validation", validation);
  if (sampling !== undefined && typeof sampling !== "function")
    checkSampling("defineJob: sampling", sampling);
  if (augment !== undefined) requireFunction("augment", augment);
  if (sampleWeight !== undefined && typeof sampleWeight !== "string") {
    throw new JobError(
      `defineJob: sampleWeight is ${typeof sampleWeight}, expected the name of a column; put the weights into one`,
    );
  }
  requireFunction("model", definition.model);
  requireFunction("loss", definition.loss);
  const { lossOver }: { lossOver?: unknown } = definition;
  if (lossOver !== undefined && lossOver !== "samples" && lossOver !== "shard") {
    throw new JobError(`defineJob: lossOver is ${JSON.stringify(lossOver)}, expected "samples" or "shard"`);
  }
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
  const job: Job<C, M, P, S> = Object.freeze({
    ...frozenCopy({ ...definition, dataset: null }),
    dataset,
    [brand]: true as const,
  });
  noteOrigin(job as unknown as Job);
  return job;
}
