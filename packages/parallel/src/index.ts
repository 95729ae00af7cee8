// @shardgrad/parallel: everything that is public.
export { JobError, type Phase, WorkerError } from "./errors.ts";
export {
  type EndEvent,
  type EpochEvent,
  type ProgressEvent,
  type StartEvent,
  type TrainEvent,
  TrainingRun,
  type TrainResult,
} from "./events.ts";
export {
  type Batch,
  type Column,
  type Columns,
  type Dataset,
  defineJob,
  type Job,
  type JobDefinition,
  type Metric,
} from "./job.ts";
export type { TrainOptions } from "./options.ts";
export type { TimedPhase } from "./phase-clock.ts";
export type { ReduceMode } from "./protocol.ts";
export { train } from "./train.ts";
