// The memory layout of everything that the threads of a run share. The coordinator makes it and sends it to every
// worker.
//
//   weights   one flat array; each trained parameter starts on a cache line
//   untrained frozen parameters and buffers, one after another
//   average   the averaged gradient, laid out like the weights
//   gradients such arrays for the shards, see gradient-slots.ts
//   state     one such array per optimizer state name (velocity, or m and v)
//   ema       the average of the weights, if the job has one, laid out like them
//   local     weights and state of each shard, if shards train separately
import type { AnyModule, Optimizer } from "@shardgrad/core";
import { blockSize } from "@shardgrad/core/engine";
import type { Bucket } from "./arrays/buckets.ts";
import { bucketWordBytes, planBuckets } from "./arrays/buckets.ts";
import type { GradientSlots } from "./arrays/gradient-slots.ts";
import { noSlots, planSlots } from "./arrays/gradient-slots.ts";
import type { LocalMemory } from "./arrays/local-memory.ts";
import { planLocalMemory } from "./arrays/local-memory.ts";
import type { Machines } from "./arrays/machines.ts";
import { isShared } from "./arrays/machines.ts";
import type { ParameterPlace, UntrainedPlaces } from "./arrays/model-places.ts";
import { bytesPerFloat, placeParameters, placeUntrained } from "./arrays/model-places.ts";
import { exchangeColumns } from "./arrays/shard-exchanges.ts";
import { blockCount } from "./arrays/slices.ts";
import type { Allocate } from "./tables/allocate.ts";
import { epochColumns } from "./tables/epoch-records.ts";
import type { Float64Table } from "./tables/float64-table.ts";
import { planTable } from "./tables/float64-table.ts";
import { planGlances } from "./tables/glances.ts";
import { callColumns } from "./tables/kernel-calls.ts";
import { phaseColumns } from "./tables/phase-clock.ts";
import { markColumns } from "./tables/phase-marks.ts";
import { stepColumns } from "./tables/step-records.ts";
import { timeColumns } from "./tables/step-times.ts";
import { throughputSize } from "./tables/training-clock.ts";
import { controlBytes } from "./words/control.ts";

export interface Layout {
  parameters: ParameterPlace[];
  /** Elements of one flat array: whole cache lines. */
  flatSize: number;
  shards: number;
  /** Samples of a full shard: the unit of a shard's weight in an average. */
  shardSize: number;
  control: number;
  weights: number;
  average: number;
  gradients: number;
  /** Which of these arrays holds what. */
  slots: GradientSlots;
  state: { name: string; address: number }[];
  /** The average of the weights, laid out like them, if the job has one. */
  ema: number | undefined;
  /** The shards' own arrays, if they train separately. */
  local: LocalMemory | undefined;
  /** A row per block of the average: the sum of its squares, see `gradient-norm.ts`. */
  squares: Float64Table;
  /** On several machines: the parts of the gradients that leave early, and the workers' words about them; or none. */
  buckets: Bucket[];
  bucketWords: number;
  /** One byte per shard and parameter, see `first-step.ts`. */
  reached: number;
  /** Records of each step, if requested, and of the last step of each epoch, see `step-records.ts`. */
  stepRecords: Float64Table | undefined;
  lastSteps: Float64Table;
  /** Numbers of some steps for a page, if requested, see `glances.ts`. */
  glances: Float64Table | undefined;
  /** Times of each step, if requested, and the share of waiting in each epoch, see `step-times.ts`. */
  stepTimes: Float64Table | undefined;
  epochWaits: Float64Table;
  untrained: UntrainedPlaces & { address: number };
  /** Where each shard's part of an exchange lies, see `shard-exchanges.ts`. */
  exchanges: Float64Table;
  /** A row per shard: its loss times its weight. */
  losses: Float64Table;
  /** A row per shard: 0 if its gradient was not looked at, -1 if it is finite, 1 + the number of the first parameter where it is not. */
  notFinite: Float64Table;
  /** A row per shard: its weight in the step, see `sample-weights.ts`. */
  shardWeights: Float64Table;
  /** A row per shard: what it brings instead of a gradient, if the job estimates that, see `estimate-pass.ts`. */
  numbers: Float64Table | undefined;
  /** The metrics' values and their parts: a block that `metrics/plan.ts` divides. */
  metrics: number;
  /** A row per worker: milliseconds in barriers. */
  waits: Float64Table;
  /** When rank 0 began to train, in milliseconds since 1970; 0 before. */
  begun: Float64Table;
  /** A row per worker, see `paceColumns`. */
  paces: Float64Table;
  /** Training speed, see `training-clock.ts`. */
  throughput: Float64Table;
  /** A row per worker: the time of its phases, see `phase-clock.ts`. */
  phases: Float64Table;
  /** A row per worker, if requested, see `phase-marks.ts`. */
  marks: Float64Table | undefined;
  /** A row per worker, if requested, see `kernel-calls.ts`. */
  kernelCalls: Float64Table | undefined;
  /** A row per epoch, see `epoch-records.ts`. */
  epochs: Float64Table;
}

/** A worker's work since the run began: milliseconds in passes, without barriers, and samples; see `stragglers.ts`. */
export const paceColumns = { computeMs: 0, samples: 1 } as const;

/** The sizes of a layout. */
export interface LayoutSizes {
  /** Of this machine. */
  workers: number;
  machines: Machines;
  shards: number;
  /** Samples of a full shard. */
  shardSize: number;
  /** Whether workers add up the gradients of their shards as they go. */
  addsUp: boolean;
  /** Whether gradients leave for other machines as they come. */
  overlaps: boolean;
  /** Bytes for the metrics. */
  metricBytes: number;
  /** Epochs with a record, and numbers of metrics in each. */
  epochs: number;
  cells: number;
  /** Steps with a record; default none. */
  recordedSteps?: number;
  /** Whether these also have their times; default false. */
  timesSteps?: boolean;
  /** Whether a page looks at some steps; default false. */
  glances?: boolean;
  /** Whether workers note when they enter each phase, and the kernels of one step; default false. */
  marksPhases?: boolean;
  /** Whether anything besides BatchNorm changes untrained tensors; default false. */
  untrainedChanges?: boolean;
  /** Whether there is an average of the weights; default false. */
  ema?: boolean;
  /** How many numbers each shard brings instead of a gradient; absent for gradients. */
  numbers?: number | undefined;
  /**
   * For shards that train separately: the most steps between synchronizations, and whether they share weights. Absent
   * for lockstep.
   */
  local?: { steps: number; hogwild: boolean } | undefined;
}

/** Where the shards' gradients go, if they bring any. */
export function slotsOf({ shards, machines, addsUp, numbers }: LayoutSizes): GradientSlots {
  return numbers === undefined ? planSlots(shards, machines, addsUp) : noSlots(shards);
}

/** Lays out the shared memory of a run. */
export function planLayout(
  model: AnyModule,
  optimizer: Optimizer,
  sizes: LayoutSizes,
  allocate: Allocate,
): Layout {
  const { parameters, flatSize } = placeParameters(model);
  const flatBytes = flatSize * bytesPerFloat;
  const untrained = placeUntrained(model, sizes.untrainedChanges ?? false);
  // Parameter groups may differ in their state; a name that any parameter has gets an array.
  const stateNames = [...new Set(optimizer.state.flatMap((state) => Object.keys(state)))];
  const { workers, machines, shards } = sizes;
  const table = (rows: number, columns = 1) => planTable(allocate, rows, columns);
  // Written before it is read.
  const records = (rows: number, columns: number) => planTable(allocate, rows, columns, "any");
  const slots = slotsOf(sizes);
  const perStep = stepColumns(optimizer.paramGroups.length);
  const buckets = sizes.overlaps ? planBuckets(parameters, flatSize, machines.workers.length) : [];
  return {
    parameters,
    flatSize,
    shards,
    shardSize: sizes.shardSize,
    control: allocate(controlBytes(workers + (isShared(machines) ? 1 : 0))).offset,
    weights: allocate(flatBytes).offset,
    average: allocate(flatBytes).offset,
    gradients: allocate(flatBytes * slots.count).offset,
    slots,
    state: stateNames.map((name) => ({ name, address: allocate(flatBytes).offset })),
    ema: sizes.ema ? allocate(flatBytes).offset : undefined,
    local:
      sizes.local &&
      planLocalMemory(
        { flatSize, shards, slots: slots.count, states: stateNames.length },
        sizes.local,
        allocate,
      ),
    squares: table(blockCount(flatSize)),
    buckets,
    bucketWords: allocate(bucketWordBytes(buckets.length)).offset,
    reached: allocate(shards * parameters.length).offset,
    stepRecords: sizes.recordedSteps ? records(sizes.recordedSteps, perStep) : undefined,
    lastSteps: records(sizes.epochs, perStep),
    glances: sizes.glances ? planGlances(allocate, optimizer.paramGroups.length) : undefined,
    stepTimes:
      sizes.recordedSteps && sizes.timesSteps ? records(sizes.recordedSteps, timeColumns) : undefined,
    epochWaits: records(sizes.epochs, 1),
    untrained: { ...untrained, address: untrained.bytes > 0 ? allocate(untrained.bytes).offset : 0 },
    exchanges: table(shards, exchangeColumns),
    losses: table(shards),
    notFinite: table(shards),
    shardWeights: table(shards),
    numbers: sizes.numbers === undefined ? undefined : table(shards, sizes.numbers),
    metrics: allocate(Math.max(8, sizes.metricBytes)).offset,
    waits: table(workers),
    begun: table(1),
    paces: table(workers, Object.keys(paceColumns).length),
    throughput: table(throughputSize.rows, throughputSize.columns),
    phases: table(workers, phaseColumns),
    // Zeros: the counts.
    marks: sizes.marksPhases ? table(workers, markColumns) : undefined,
    kernelCalls: sizes.marksPhases ? table(workers, callColumns) : undefined,
    epochs: records(sizes.epochs, epochColumns(sizes.cells)),
  };
}

/** Whether the time of phases is measured: in all steps from one on, or where a page looks. */
export function timesPhases(
  { timePhasesFrom }: { timePhasesFrom: number | undefined },
  layout: Layout,
): boolean {
  return timePhasesFrom !== undefined || layout.glances !== undefined;
}

/** Bytes of everything that it would lay out. */
export function layoutBytes(model: AnyModule, optimizer: Optimizer, sizes: LayoutSizes): number {
  let total = 0;
  planLayout(model, optimizer, sizes, (bytes) => {
    total += blockSize(bytes);
    return { offset: 0 };
  });
  return total;
}
