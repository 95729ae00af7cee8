// What the step loop works with: the parts of a worker, as set-up.ts makes them. Types only.
import type { AnyModule, Optimizer } from "@shardgrad/core";
import type { Unchanged } from "../checks/unchanged.ts";
import type { Sampler } from "../data/sampling.ts";
import type { RunJob } from "../job/define-job.ts";
import type { EarlyStopping } from "../job/early-stopping.ts";
import type { Order } from "../machines/link.ts";
import type { WorkerSetup } from "../protocol.ts";
import type { SnapshotWriter } from "../shared/snapshots/snapshots.ts";
import type { Glances } from "../shared/tables/glances.ts";
import type { StepRecord } from "../shared/tables/step-records.ts";
import type { StepTimer } from "../shared/tables/step-times.ts";
import type { TrainingClock } from "../shared/tables/training-clock.ts";
import type { Barrier } from "../shared/words/barrier.ts";
import type { Control } from "../shared/words/control.ts";
import type { Pauses } from "../shared/words/pauses.ts";
import type { AfterStep } from "../step/after-step.ts";
import type { SliceReducer } from "../step/allreduce.ts";
import type { BatchSource } from "../step/batches.ts";
import type { BestEpoch } from "../step/best-epoch.ts";
import type { BucketSignals } from "../step/bucket-signals.ts";
import type { EpochSums } from "../step/epoch-sums.ts";
import type { EstimatePass } from "../step/estimate-pass.ts";
import type { Evaluated } from "../step/evaluate.ts";
import type { GradientSums, MachineSums } from "../step/gradient-sums.ts";
import type { LocalSteps } from "../step/local-steps.ts";
import type { Lockstep } from "../step/lockstep.ts";
import type { ShardPass } from "../step/shard-pass.ts";
import type { UpdateStep } from "../step/update-step.ts";
import type { KernelTrace } from "./kernel-trace.ts";
import type { ShardLoader } from "./shard-loader.ts";
import type { Whereabouts } from "./whereabouts.ts";

/** What the step loop works with. */
export interface Worker {
  readonly setup: WorkerSetup;
  readonly job: RunJob;
  readonly model: AnyModule;
  readonly optimizer: Optimizer;
  readonly control: Control;
  readonly where: Whereabouts;
  readonly sampler: Sampler;
  /** The shards of this worker. */
  readonly shards: readonly number[];
  readonly loader: ShardLoader;
  readonly train: BatchSource;
  readonly pass: ShardPass;
  /** For a job that estimates its gradient: does the passes in place of `pass`. */
  readonly estimate: EstimatePass | undefined;
  /** For models that normalize over the whole batch: does the passes of all shards in place of `pass`. */
  readonly lockstep: Lockstep | undefined;
  /** For shards that train separately: their models and optimizers. `model` then has the averages. */
  readonly local: LocalSteps | undefined;
  readonly barrier: Barrier;
  /** The barrier that includes who averages, if that is the coordinator or the link; else the same as `barrier`. */
  readonly reduceBarrier: Barrier;
  /** Adds up the gradients of this worker's shards, and those of all workers in its slice. */
  readonly gradientSums: GradientSums;
  /** Lets gradients leave for other machines as they come, if they do. */
  readonly signals: BucketSignals | undefined;
  readonly reducer: SliceReducer;
  /** The part of the flat arrays that this worker updates. */
  readonly slice: readonly [from: number, to: number];
  readonly update: UpdateStep;
  /** On the first worker only, if the job has it. */
  readonly afterStep: AfterStep | undefined;
  /** The evaluated set, if any, and the source of its samples. */
  readonly evaluated: (Evaluated & { source: BatchSource }) | undefined;
  readonly earlyStopping: EarlyStopping | undefined;
  readonly best: BestEpoch | undefined;
  readonly snapshots: SnapshotWriter | undefined;
  readonly unchanged: Unchanged;
  readonly sums: EpochSums;
  readonly training: TrainingClock;
  /** Rank 0 has one. */
  readonly timer: StepTimer | undefined;
  /** On several machines: the way to the others. */
  readonly others: Others | undefined;
  /** For a trace. */
  readonly kernelTrace: KernelTrace | undefined;
  /** If a page looks at some steps. */
  readonly glances: Glances | undefined;
  readonly done: Done;
  /** A line for the user, from one worker for all. */
  readonly report: (line: string) => void;
}

/** A worker's way to other machines. */
export interface Others {
  readonly sums: MachineSums;
  /** All workers call it, with the same order and the same number of steps done; afterwards it is carried out. */
  meet(order: Order, steps: number): Pauses;
}

/** How far a worker is. */
export interface Done {
  steps: number;
  /** Whether no step with any weight is done yet. */
  first: boolean;
  /** Whether early stopping has ended the run. */
  enough: boolean;
  /** The results of the last step, and whether its norm is final: computed, or not computable. */
  last: StepRecord;
  lastIsMeasured: boolean;
}
