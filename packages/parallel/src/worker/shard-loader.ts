// Loads the samples of this worker's shards, and counts them: samples and time show who is slow.
import type { Sampler } from "../data/sampling.ts";
import type { RunJob } from "../job/define-job.ts";
import type { Float64Table } from "../shared/float64-table.ts";
import { addToCell } from "../shared/float64-table.ts";
import { paceColumns } from "../shared/layout.ts";
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

  constructor(
    job: RunJob,
    sampler: Sampler,
    where: Whereabouts,
    { paces, rank }: { paces: Float64Table; rank: number },
  ) {
    this.#job = job;
    this.#sampler = sampler;
    this.#where = where;
    this.#places = new Int32Array(sampler.largestShard);
    this.#paces = paces;
    this.#rank = rank;
  }

  /** Loads a shard's samples; returns their number and weight. */
  readonly load = (step: number, shard: number, source: BatchSource): { count: number; weight: number } => {
    const count = this.#sampler.shardSamples(step, shard, this.#places);
    const samples = this.#places.subarray(0, count);
    source.load(samples, this.#sampler.epochOf(step), this.#sampler.firstDraw(step, shard));
    addToCell(this.#paces, this.#rank, paceColumns.samples, count);
    return { count, weight: shardWeight(this.#job.sampleWeight, source, count) };
  };

  /** Adds the computing time since `begun`, a reading of `computingMs()`, to this worker's pace. */
  notePace(startedMs: number): void {
    addToCell(this.#paces, this.#rank, paceColumns.computeMs, this.#where.computingMs() - startedMs);
  }
}
