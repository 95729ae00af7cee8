// One worker's shards that train separately: each has its own model and optimizer, and updates its weights by its own
// gradient in every step. At a synchronization point, every worker averages its slice of all shards' arrays into the
// run's own, in the order of the shards, and gives each shard the averages back.
//
//   step, step, … (each shard by itself) → barrier → average my slice, hand it out → barrier → step, step, …
//
// Weights belong to shards, not workers, so the bits do not depend on the number of workers. With Hogwild all shards
// read and write the run's own weights at any time, and only optimizer state is averaged. Like update-step.ts it knows
// no barrier: worker/round.ts has them in between.

import type { AnyModule, Optimizer, Tensor } from "@shardgrad/core";
import { manualSeed } from "@shardgrad/core";
import { heap, withoutFilling } from "@shardgrad/core/engine";
import type { StoredColumns } from "../data/columns.ts";
import { sampleShapes } from "../data/columns.ts";
import type { SamplingPlan } from "../data/sampling.ts";
import { JobError } from "../errors.ts";
import type { RunLength } from "../job/build-model.ts";
import { buildModel } from "../job/build-model.ts";
import type { RunJob } from "../job/define-job.ts";
import type { StepRules } from "../job/step-rules.ts";
import type { Brought, LocalMemory } from "../shared/arrays/local-memory.ts";
import { arraysToAverage, layoutOfShard, noteStep, sumOfStep } from "../shared/arrays/local-memory.ts";
import { trainedParameters } from "../shared/arrays/untrained.ts";
import { bindModel, checkModel } from "../shared/bind-model.ts";
import type { Digest } from "../shared/digest.ts";
import { compareModels, digestModel } from "../shared/digest.ts";
import type { Layout } from "../shared/layout.ts";
import { addToCell, writeCell } from "../shared/tables/float64-table.ts";
import { nextLearningRates } from "../shared/tables/step-records.ts";
import { SliceReducer, sumOverShards } from "./allreduce.ts";
import type { MachineSums } from "./gradient-sums.ts";
import { UpdateStep } from "./update-step.ts";

/** What it needs to know of a run, and of this worker. */
export interface LocalSetup {
  rank: number;
  layout: Layout;
  rules: StepRules;
  sampling: SamplingPlan;
  /** Where to begin. */
  state: { stepCount: number };
  train: StoredColumns;
  length: RunLength;
  /** The main thread's model as built; each shard's model must equal it. */
  built: readonly Digest[];
}

/** A shard that trains by itself. */
interface Learner {
  readonly layout: Layout;
  readonly model: AnyModule;
  readonly parameters: readonly Tensor[];
  readonly optimizer: Optimizer;
  readonly update: UpdateStep;
}

export class LocalSteps {
  readonly #layout: Layout;
  readonly #local: LocalMemory;
  readonly #slice: readonly [from: number, to: number];
  readonly #learners: Map<number, Learner>;
  readonly #averages: { own: number; average: number; reducer: SliceReducer }[];
  /** Parameters of all learners. */
  readonly #trained = new Set<Tensor>();
  /** Steps done at the last synchronization, and at the next one. */
  #metAt = 0;
  #meetsAt = 0;

  /**
   * Builds the learners of a worker's shards, and initializes them from the run's arrays, which nobody else may write
   * to yet.
   *
   * @param slice the part of each array that this worker averages
   */
  constructor(
    setup: LocalSetup,
    job: RunJob,
    { shards, slice }: { shards: readonly number[]; slice: readonly [from: number, to: number] },
  ) {
    const { layout } = setup;
    this.#layout = layout;
    this.#local = layout.local!;
    this.#slice = slice;
    this.#learners = new Map(shards.map((shard) => [shard, this.#learn(shard, setup, job)]));
    this.#averages = arraysToAverage(layout, this.#local).map(({ own, average }) => {
      const reducer = new SliceReducer({ ...layout, gradients: own, average }, slice);
      return { own, average, reducer };
    });
    this.#handOut(shards, [0, layout.flatSize]);
  }

  /** On several machines: adds up what this one's shards have, in this worker's slice, when all have finished. */
  addUp(sums: MachineSums): void {
    for (const { own } of this.#averages) sums.addUp(own, this.#slice);
  }

  /** The model and the parameters of a shard's pass. */
  learner(shard: number): Pick<Learner, "model" | "parameters"> {
    return this.#learners.get(shard)!;
  }

  /** The same for all shards of this worker. */
  get models(): AnyModule[] {
    return Array.from(this.#learners.values(), ({ model }) => model);
  }

  /** The shards' number of updates, the same for all: one per step. */
  get stepCount(): number {
    const [any] = this.#learners.values();
    return any!.optimizer.stepCount;
  }

  /**
   * Updates a shard's weights by its gradient, which must be ready. A shard without weight only counts the step.
   *
   * @param step counted from 0
   * @throws NonFiniteError if the shard's loss or gradient is not finite
   */
  update(step: number, shard: number, { loss, weight }: Pick<Brought, "loss" | "weight">): void {
    const { layout, optimizer, update } = this.#learners.get(shard)!;
    writeCell(layout.losses, 0, 0, loss);
    writeCell(layout.shardWeights, 0, 0, weight);
    addToCell(this.#layout.shardWeights, shard, 0, weight);
    const isRecorded = this.#layout.stepRecords !== undefined || step + 1 === this.#meetsAt;
    const measured = update.needsWholeAverage || isRecorded;
    if (weight === 0) optimizer.advance();
    else {
      if (measured) {
        update.measure();
        update.takeNorm();
      }
      update.admit(step + 1);
      update.apply(true);
    }
    const place = { index: step - this.#metAt, shard };
    noteStep(this.#layout, this.#local, place, {
      loss,
      weight,
      gradNorm: measured ? update.norm : Number.NaN,
    });
  }

  /** The learning rates of the next step, the same for all shards. */
  nextLearningRates(): number[] {
    const [any] = this.#learners.values();
    return nextLearningRates(any!.optimizer);
  }

  /** Begins a round of steps up to `end`, when all have read the last round's results. */
  begin(step: number, end: number): void {
    [this.#metAt, this.#meetsAt] = [step, end];
    for (const shard of this.#learners.keys()) writeCell(this.#layout.shardWeights, shard, 0, 0);
  }

  /**
   * Between the barriers of a synchronization: averages this worker's slice, weighted by the samples of each shard
   * since the last one, and gives it to all shards.
   *
   * @param step steps done
   * @param averaged whether the averages are there, as they are on several machines
   * @returns the record of each step since the last synchronization
   */
  synchronize(step: number, averaged: boolean): Brought[] {
    const { shards, slots } = this.#layout;
    // If no shard had any weight since the last synchronization, nothing has changed.
    if (sumOverShards(this.#layout, "shardWeights") > 0) {
      for (const { reducer } of averaged ? [] : this.#averages) {
        reducer.weighShards();
        reducer.average();
      }
      const here = [...Array(shards).keys()].filter((shard) => slots.slotOf[shard] !== undefined);
      this.#handOut(here, this.#slice);
    }
    return Array.from({ length: step - this.#metAt }, (_, index) =>
      sumOfStep(this.#layout, this.#local, index),
    );
  }

  #learn(shard: number, setup: LocalSetup, job: RunJob): Learner {
    const { rank, layout: whole, rules, sampling, state, train, length, built } = setup;
    const layout = layoutOfShard(whole, this.#local, shard);
    manualSeed(sampling.seed);
    const building = withoutFilling(() => buildModel(job, sampleShapes(train), length));
    const { model, optimizer } = building.result;
    const parameters = trainedParameters(model);
    if (this.#trained.has(parameters[0]!)) {
      throw new JobError(
        "train: the job's model() returns the same model each time, but with syncEvery each shard trains one of its own; build it in model()",
      );
    }
    for (const parameter of parameters) this.#trained.add(parameter);
    checkModel(model, layout);
    compareModels(digestModel(model), built, rank);
    bindModel(model, optimizer, layout, "adopt");
    building.fillRest();
    optimizer.stepCount = state.stepCount;
    const slice = [0, layout.flatSize] as const;
    const reducer = new SliceReducer(layout, slice);
    const update = new UpdateStep(rules, layout, { slice, reducer, optimizer, ema: undefined, shard });
    return { layout, model, parameters, optimizer, update };
  }

  /** Copies elements `from` … `to`-1 of the run's arrays to those of some shards. */
  #handOut(shards: Iterable<number>, [from, to]: readonly [from: number, to: number]): void {
    const bytes = heap().uint8;
    const flatBytes = 4 * this.#layout.flatSize;
    for (const shard of shards) {
      for (const { own, average } of this.#averages) {
        const at = own + flatBytes * this.#layout.slots.slotOf[shard]!;
        bytes.copyWithin(at + 4 * from, average + 4 * from, average + 4 * to);
      }
    }
  }
}
