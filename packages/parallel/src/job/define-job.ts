// defineJob: what to train, as data and functions. Functions cannot cross threads, so a job is the default export of a
// module that every worker imports. Knows core only, nothing of threads.
import type { AnyModule, GradientEstimator, Optimizer, Tensor } from "@shardgrad/core";
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
import type { FittedDataset } from "../data/fitted.ts";
import type { Sampling } from "../data/sampling.ts";
import { checkSampling } from "../data/sampling.ts";
import type { HoldOut } from "../data/split.ts";
import { checkHoldOut } from "../data/split.ts";
import { JobError } from "../errors.ts";
import { frozenCopy } from "../frozen-copy.ts";
import { checkMetric } from "../metrics/check-metric.ts";
import type { Metric } from "../metrics/definition.ts";
import { testLoss } from "../metrics/definition.ts";
import type { JobContext, Params } from "../params.ts";
import { checkParams } from "../params.ts";
import type { SharedEstimator } from "./gradient-rule.ts";
import { checkGradientRule } from "./gradient-rule.ts";
import { noteOrigin } from "./job-origin.ts";
import type { StepRules } from "./step-rules.ts";
import { checkStepRules, stepRuleNames } from "./step-rules.ts";
import type { EvaluatedAt } from "./test-loss.ts";
import { lossMetric } from "./test-loss.ts";

/** The position in the run, for `loss`. `step` and `epoch` are int32 scalar tensors, which stay current in replays, too. */
export interface LossContext<P = Params, S = unknown> extends JobContext<P, S> {
  /** Steps done before this one. Use tensor operations on it: it is not a JavaScript number. */
  readonly step: Tensor;
  /** Epochs done before this one. */
  readonly epoch: Tensor;
}

/** The context of `afterStep`. */
export interface AfterStepContext<P = Params, S = unknown> extends JobContext<P, S> {
  /** Steps done before this one: an int32 scalar, as in `loss`. */
  readonly step: Tensor;
}

/** The context of `optimizer`. */
export interface OptimizerContext<M extends AnyModule = AnyModule, P = Params, S = unknown>
  extends JobContext<P, S> {
  /** The model. Its `namedParameters()` give the names for parameter groups. */
  readonly model: M;
  /**
   * Steps of the whole run, for learning-rate schedules. A resumed run includes the steps done before, and one that the
   * option `steps` ends early those that it leaves out.
   */
  readonly steps: number;
  readonly stepsPerEpoch: number;
}

/** What a job answers: a tensor with a row for each sample, or several by name. */
export type Predicted = Tensor | Readonly<Record<string, Tensor>>;

export interface JobDefinition<
  C extends AnyColumns,
  M extends AnyModule,
  P extends Params = Params,
  S = unknown,
  R extends string = never,
  O extends Predicted = Tensor,
> extends StepRules {
  /**
   * Hyperparameters with their defaults: finite numbers, strings, booleans, or arrays of these. A run may override them
   * (option `params`, flag `--set`). Every function of the job gets them.
   */
  params?: P;
  /**
   * The samples. A function here, for all of it or for a part, runs once, on the main thread only. Workers import the
   * module without loading data. Put a `computed` set here directly, so that workers find its function. `state` holds
   * what else the job's functions must know about the data, such as the size of a vocabulary. Rows of raw values need
   * `fit`, which learns the state from those that train, and `encode`, which makes columns of any rows with it.
   */
  dataset:
    | DatasetParts<C, P, S>
    | FittedDataset<S, C & Columns, R>
    | ((context: {
        readonly params: P;
      }) =>
        | Dataset<C, S>
        | FittedDataset<S, C & Columns, R>
        | Promise<Dataset<C, S> | FittedDataset<S, C & Columns, R>>);
  /**
   * Holds out some training samples and evaluates on them, in place of a `test` set. Give a fraction, or `{ fraction }`
   * or `{ folds, fold }`; add `stratify` to keep the share of each class; it may name a raw column, also of words. The
   * seed decides which. A function may choose by `params` and `state`; rows are held out before there is a state.
   */
  validation?:
    | HoldOut<(keyof C & string) | NoInfer<R>>
    | ((context: JobContext<P, S>) => HoldOut<(keyof C & string) | NoInfer<R>>);
  /**
   * How training samples are drawn. By default each comes exactly once an epoch, reshuffled every epoch. A function may
   * choose by `params` and `state`.
   */
  sampling?: Sampling<keyof C & string> | ((context: JobContext<P, S>) => Sampling<keyof C & string>);
  /** Changes a training sample each time it is drawn. Runs on the worker that trains on it, never for evaluations. */
  augment?: Augment<C, P, S>;
  /**
   * A column with the weight of each sample in the mean loss. Return the weighted mean, `div(sum(mul(losses, w)),
   * sum(w))`. Shards then count by the sum of their weights instead of their number of samples.
   */
  sampleWeight?: keyof C & string;
  /** Builds the model for samples of these shapes. Runs on every thread, with the same random stream. */
  model: (shapes: SampleShapes<C>, context: JobContext<P, S>) => M;
  /**
   * A scalar: the mean over the samples of the batch, weighted if the job names `sampleWeight`. This code runs in the
   * first steps, and when they are checked. Later steps replay its kernels, so compute with the tensor `step`.
   */
  loss: (model: M, batch: Batch<C>, context: LossContext<P, S>) => Tensor;
  /**
   * Estimates the gradient without backpropagation: `spsa`, `evolutionStrategies`, `forwardGradient` or
   * `finiteDifferences` of core. Shards exchange losses or slopes instead of gradients, and the loss need not be
   * differentiable (but for `forwardGradient`). Random directions depend on the estimator's seed and on the step. A
   * function may choose by `params` and `state`; undefined is backpropagation.
   */
  gradient?: GradientEstimator | ((context: JobContext<P, S>) => GradientEstimator | undefined);
  /**
   * What `loss` averages over; default "samples". Use "shard" for a loss that compares the samples of a shard with each
   * other (contrastive losses, correlation, a ratio of sums). Results then depend on `shards`.
   */
  lossOver?: "samples" | "shard";
  /**
   * Changes what no gradient trains: a teacher that follows the weights, a target network, a codebook. Runs once after
   * each update, on one thread for all, with gradients off. It may change parameters, also frozen ones, and buffers in
   * place (`copyFrom`); besides it only the optimizer may. Skipped steps do not call it.
   */
  afterStep?: (model: M, context: AfterStepContext<P, S>) => void;
  /** Any optimizer of core, over the given parameters: those of the model that are not frozen. */
  optimizer: (parameters: readonly Tensor[], context: OptimizerContext<M, P, S>) => Optimizer;
  /**
   * Evaluated on the test samples after each epoch. A function returns one number per sample, and the run reports the
   * mean. For anything that is not a mean, write a definition; it also says which direction is better.
   */
  metrics?: Readonly<Record<string, Metric<C, M, P, S>>>;
  /**
   * What a new row is answered with: a tensor with a row for each sample, or several by name. Default: the model's output
   * for its one input column. Gets the columns that are given, so that those to be predicted may be missing.
   */
  predict?: (model: M, batch: Batch<C>, context: JobContext<P, S>) => O;
  /** Turns what `predict` returned into one value for each row: the name of a class, a price in money. */
  decode?: (output: O, state: S) => ArrayLike<unknown>;
  /**
   * False leaves out the loss over the test samples, `testLoss`, which is the job's `loss` in evaluation mode and without
   * gradients. For a loss that needs gradients of its own, or whose evaluation would take too long. Default true.
   */
  testLoss?: boolean;
  /** Samples per optimizer step, or per micro-batch with `accumulate`, however many workers share it. */
  batchSize: number;
  /** Passes over the training samples. */
  epochs: number;
  /** Decides the initial weights and the order of samples. Default 0. */
  seed?: number;
  /** Parts of a batch; default: the number of workers. If you pin it, results do not depend on the number of workers. */
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
  gradient: true,
  lossOver: true,
  afterStep: true,
  optimizer: true,
  metrics: true,
  predict: true,
  decode: true,
  testLoss: true,
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
  R extends string = never,
  O extends Predicted = Tensor,
> extends JobDefinition<C, M, P, S, R, O> {
  readonly [brand]: true;
}

export function isJob(value: unknown): value is Job {
  return typeof value === "object" && value !== null && brand in value;
}

/** A job with the context that its functions get in a run. */
export interface RunJob extends Omit<Job, "sampling" | "validation" | "gradient"> {
  readonly context: JobContext;
  readonly sampling?: Sampling | undefined;
  readonly validation?: HoldOut | undefined;
  readonly gradient?: SharedEstimator | undefined;
  /** The job's own, and the loss over the evaluated set. */
  readonly metrics: Readonly<Record<string, Metric<Columns, AnyModule>>>;
  readonly evaluatedAt: EvaluatedAt;
}

/** Gives a job its context, and resolves what its functions choose before the run. */
export function configureJob(job: Job, context: JobContext): RunJob {
  let { sampling } = job;
  const gradient = typeof job.gradient === "function" ? job.gradient(context) : job.gradient;
  if (gradient !== undefined) checkGradientRule("train: gradient()", gradient);
  if (typeof sampling === "function") {
    sampling = sampling(context);
    checkSampling("train: sampling()", sampling);
  }
  const evaluatedAt = { step: 0, epoch: 0 };
  const metrics = {
    ...job.metrics,
    ...(job.testLoss !== false && { [testLoss]: lossMetric(job, evaluatedAt) }),
  };
  return { ...job, sampling, validation: holdOutFor(job, context), gradient, metrics, context, evaluatedAt };
}

/** What a job holds out in this context. */
export function holdOutFor({ validation }: Job, context: JobContext): HoldOut | undefined {
  if (typeof validation !== "function") return validation;
  const chosen = validation(context);
  checkHoldOut("train: validation()", chosen);
  return chosen;
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
 * Declares a job. Export it as the default of its own module.
 *
 * @throws JobError if a field is missing or of the wrong type
 */
export function defineJob<
  C extends AnyColumns,
  M extends AnyModule,
  P extends Params = Params,
  S = undefined,
  R extends string = never,
  O extends Predicted = Tensor,
>(definition: JobDefinition<C, M, P, S, R, O>): Job<C, M, P, S, R, O> {
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
  const { gradient } = definition;
  if (gradient !== undefined && typeof gradient !== "function")
    checkGradientRule("defineJob: gradient", gradient);
  if (definition.afterStep !== undefined) requireFunction("afterStep", definition.afterStep);
  if (definition.testLoss !== undefined && typeof definition.testLoss !== "boolean") {
    throw new JobError(`defineJob: testLoss is ${typeof definition.testLoss}, expected true or false`);
  }
  requireFunction("optimizer", definition.optimizer);
  if (definition.predict !== undefined) requireFunction("predict", definition.predict);
  if (definition.decode !== undefined) requireFunction("decode", definition.decode);
  for (const [name, metric] of Object.entries(metrics)) checkMetric(name, metric);
  requireCount("defineJob", "batchSize", definition.batchSize);
  requireCount("defineJob", "epochs", definition.epochs);
  for (const name of ["shards", "accumulate"] as const) {
    if (definition[name] !== undefined) requireCount("defineJob", name, definition[name]);
  }
  checkStepRules(definition, metrics);
  // Everything but the data, which may be large, is copied now, so that later changes reach no thread.
  const job: Job<C, M, P, S, R, O> = Object.freeze({
    ...frozenCopy({ ...definition, dataset: null }),
    dataset,
    [brand]: true as const,
  });
  noteOrigin(job as unknown as Job);
  return job;
}
