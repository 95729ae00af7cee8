// Times the kernels of one step of this worker, call by call, for a trace. A step is one whose passes over all of the
// worker's shards are replayed; the steps before and after it are untouched.
import type { TimedCall } from "@shardgrad/core/engine";
import type { Float64Table } from "../shared/tables/float64-table.ts";
import { hasCalls, writeCalls } from "../shared/tables/kernel-calls.ts";
import type { ShardPass } from "../step/shard-pass.ts";

/** The first steps record passes, and the next ones warm up. */
const firstStep = 8;

export class KernelTrace {
  readonly #table: Float64Table;
  readonly #rank: number;
  readonly #pass: ShardPass;
  readonly #shards: number;
  #steps = 0;
  #done: boolean;
  #passes: TimedCall[][] = [];

  constructor(table: Float64Table, rank: number, pass: ShardPass, shards: number) {
    this.#table = table;
    this.#rank = rank;
    this.#pass = pass;
    this.#shards = shards;
    // An attempt before this one may have done it.
    this.#done = hasCalls(table, rank);
  }

  beginStep(): void {
    if (this.#done || ++this.#steps < firstStep) return;
    this.#passes = [];
    this.#pass.timeKernels((calls) => void this.#passes.push(calls));
  }

  /** Ends a step, counted from 1. */
  endStep(step: number): void {
    if (this.#done || this.#steps < firstStep) return;
    this.#pass.timeKernels(undefined);
    if (this.#passes.length < this.#shards) return;
    this.#done = true;
    writeCalls(this.#table, this.#rank, { step, calls: this.#passes.flat() });
  }
}
