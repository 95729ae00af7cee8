// Loads the samples of this worker's shards, and counts them: samples and time show who is slow. If the job reads ahead,
// the samples of the next step are read while this one is computed.
import type { Sampler } from "../data/sampling.ts";
import type { RunJob } from "../job/define-job.ts";
import { paceColumns } from "../shared/layout.ts";
import type { Float64Table } from "../shared/tables/float64-table.ts";
import { addToCell } from "../shared/tables/float64-table.ts";
import type { BatchSource } from "../step/batches.ts";
import { shardWeight } from "../step/sample-weights.ts";
import type { Whereabouts } from "./whereabouts.ts";

export class ShardLoader {
  readonly #job: RunJob;
  readonly #sampler: Sampler;
  readonly #where: Whereabouts;
  /** Numbers of the samples of a shard. */
  readonly #places: Int32Array;
  /** The table of all workers' paces. */
  readonly #paces: Float64Table;
  readonly #rank: number;
  /** Of the run. */
  readonly #steps: number;
  /** What is being read, by shard. */
  readonly #reading = new Map<number, { step: number; reading: Promise<void> }>();

  constructor(
    job: RunJob,
    sampler: Sampler,
    where: Whereabouts,
    { paces, rank, steps }: { paces: Float64Table; rank: number; steps: number },
  ) {
    this.#job = job;
    this.#sampler = sampler;
    this.#where = where;
    this.#places = new Int32Array(sampler.largestShard);
    this.#paces = paces;
    this.#rank = rank;
    this.#steps = steps;
  }

  /** What a shard's samples of a step wait for; undefined if the job does not read ahead. */
  readonly read = (step: number, shard: number, source: BatchSource): Promise<void> | undefined => {
    if (!source.readsAhead) return undefined;
    const begun = this.#reading.get(shard);
    return begun?.step === step ? begun.reading : this.#begin(step, shard, source);
  };

  /** Begins to read a shard's samples of a step. */
  #begin(step: number, shard: number, source: BatchSource): Promise<void> {
    const count = this.#sampler.shardSamples(step, shard, this.#places);
    const reading = source.ahead(this.#places.slice(0, count));
    // A run that ends before the step does not wait for it.
    reading.catch(() => undefined);
    this.#reading.set(shard, { step, reading });
    return reading;
  }

  /** Loads a shard's samples; returns their number and weight. */
  readonly load = (step: number, shard: number, source: BatchSource): { count: number; weight: number } => {
    const count = this.#sampler.shardSamples(step, shard, this.#places);
    const samples = this.#places.subarray(0, count);
    source.load(samples, this.#sampler.epochOf(step), this.#sampler.firstDraw(step, shard));
    addToCell(this.#paces, this.#rank, paceColumns.samples, count);
    const weight = shardWeight(this.#job.sampleWeight, source, count);
    if (source.readsAhead && step + 1 < this.#steps) this.#begin(step + 1, shard, source);
    return { count, weight };
  };

  /** Adds the computing time since `begun`, a reading of `computingMs()`, to this worker's pace. */
  notePace(startedMs: number): void {
    addToCell(this.#paces, this.#rank, paceColumns.computeMs, this.#where.computingMs() - startedMs);
  }
}
