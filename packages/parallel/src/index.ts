// @shardgrad/parallel: the public API.
import "./node-version.ts";

export type { RunChange, RunSettings } from "./checkpoint/changes.ts";
export {
  type CheckpointContent,
  type CheckpointParts,
  checkpointParts,
  encodeCheckpoint,
  loadCheckpoint,
  type Resumed,
  type RunPosition,
  type Trained,
} from "./checkpoint/content.ts";
export type { Disk, Kind, ReadableFile, WritableFile } from "./checkpoint/disk.ts";
export {
  type Checkpoint,
  findNewest,
  type NewestCheckpoint,
  readCheckpoint,
} from "./checkpoint/find-newest.ts";
export type { JobFingerprint, RunIdentity, TensorSignature } from "./checkpoint/fingerprint.ts";
export type { Processes } from "./checkpoint/processes.ts";
export type { BestBy, Retention } from "./checkpoint/retention.ts";
export type { CheckpointState, Plain, TensorFile } from "./checkpoint/state-file.ts";
export {
  type CheckpointStore,
  openCheckpoints,
  type SavedCheckpoint,
  type StoreEnvironment,
} from "./checkpoint/store.ts";
export {
  type Computed,
  type ComputedColumn,
  type ComputedColumns,
  type ComputedDefinition,
  computed,
  type SampleValues,
} from "./data/computed.ts";
export type {
  AnyColumns,
  Augment,
  Batch,
  Column,
  ColumnData,
  Columns,
  Dataset,
  DatasetParts,
  PerSample,
  Sample,
  SampleShapes,
} from "./data/dataset.ts";
export { type FittedDataset, type Rows, registerEncoder } from "./data/fitted.ts";
export type { SampleRandom } from "./data/sample-random.ts";
export type { Sampling } from "./data/sampling.ts";
export { type HoldOut, splitColumns } from "./data/split.ts";
export {
  CheckpointError,
  type Committed,
  JobError,
  MachineError,
  NonFiniteError,
  OutputError,
  type Phase,
  SnapshotError,
  UnendingThreadError,
  WorkerError,
} from "./errors.ts";
export { type EvaluateOptions, type EvaluationResult, evaluate } from "./evaluate.ts";
export type * from "./events.ts";
export { type GraphJobOptions, graphJob } from "./graph-job.ts";
export {
  type AfterStepContext,
  defineJob,
  type Job,
  type JobDefinition,
  type LossContext,
  type OptimizerContext,
  type Predicted,
} from "./job/define-job.ts";
export type { EarlyStoppingRule } from "./job/early-stopping.ts";
export type { EMARule, NonFiniteRule, StepRules } from "./job/step-rules.ts";
export type { NamesChoice } from "./job/torch-names.ts";
export { type LoadedJob, type LoadJobOptions, load, type PredictOptions } from "./load.ts";
export type {
  Collected,
  CollectedOutputs,
  Direction,
  Metric,
  MetricFunction,
  MetricValue,
  OutputsMetric,
  PerSampleMetric,
  Score,
  ScoreInfo,
  SumsMetric,
} from "./metrics/definition.ts";
export {
  type AverageOptions,
  accuracyScore,
  confusionMatrix,
  f1Score,
  precisionScore,
  recallScore,
  topKAccuracyScore,
} from "./metrics/label-scores.ts";
export { logLoss, perplexity } from "./metrics/likelihood-scores.ts";
export { averagePrecisionScore, rocAucScore } from "./metrics/ranking-scores.ts";
export type { PredictionOptions, ProbabilityOptions } from "./metrics/readings.ts";
export {
  meanAbsoluteError,
  meanSquaredError,
  r2Score,
  residuals,
  rootMeanSquaredError,
} from "./metrics/regression-scores.ts";
export type { JobContext, ParamSettings, Params, ParamValue } from "./params.ts";
export type { BestOption, CheckpointOptions } from "./plan/checkpoint-options.ts";
export type { MemoryBudget, MemoryRow } from "./plan/memory-budget.ts";
export type { TrainOptions } from "./plan/train-options.ts";
export type { Given } from "./predict/given-columns.ts";
export { type PredictRowsOptions, predict } from "./predict-rows.ts";
export { type JobProfile, type ProfileJobOptions, profileJob } from "./profile-job.ts";
export type { SnapshotsChoice } from "./shared/snapshots/snapshot-slots.ts";
export type { TimedPhase } from "./shared/tables/phase-clock.ts";
export type { ReduceMode } from "./step/allreduce.ts";
export { train } from "./train.ts";
export { TrainingRun } from "./training-run.ts";
