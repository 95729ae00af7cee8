// One worker's passes in lockstep with those of all others, for models that normalize over the whole batch. Every pass
// is replayed up to the next exchange, then all wait, and each continues with the merged result.
//
//   gather → replay to exchange 1 (my shards) → barrier → merge → replay to exchange 2 → … → barrier → merge → to the end
//
// Each exchange has its own cells (shard-exchanges.ts). They are rewritten in the next step at the earliest, after that
// step's other barriers, so each exchange needs only one barrier (on several machines, another once its cells are shared). Knows no op, and nothing of threads.
import { CaptureError, Generator, stream, Tensor, withGenerator } from "@shardgrad/core";
import type { Exchange, Rounds } from "@shardgrad/core/engine";
import { compileInRounds } from "@shardgrad/core/engine";
import type { Phase } from "../errors.ts";
import { JobError } from "../errors.ts";
import {
  agreeOnExchanges,
  ShardBlock,
  shareCells,
  sharesAt,
  storeMerged,
} from "../shared/arrays/shard-exchanges.ts";
import type { Layout } from "../shared/layout.ts";
import { writeCell } from "../shared/tables/float64-table.ts";
import type { Pauses } from "../shared/words/pauses.ts";
import { sumOverShards } from "./allreduce.ts";
import type { BatchSource } from "./batches.ts";

/** What the passes need from their worker. */
export interface LockstepHost {
  readonly layout: Layout;
  readonly seed: number;
  /** A source of batches for one shard. */
  newSource(): BatchSource;
  /** What the shard's samples of a step wait for, if they are read ahead. */
  read(step: number, shard: number, source: BatchSource): Promise<void> | undefined;
  /** Loads a shard's samples of a step; returns their number and weight. */
  load(step: number, shard: number, source: BatchSource): { count: number; weight: number };
  /** The pass over the loaded samples: the mean loss goes to `loss`, gradients to the shard's slot. */
  computeGradients(shard: number, count: number, source: BatchSource, loss: Tensor): void;
  /** Waits for all workers, until all shards' parts of an exchange are there. */
  meet(order: "announce" | "exchange"): Pauses;
  /** The worker's current phase. */
  phase(): Phase;
}

/** A shard, with everything that its pass needs while others' passes are in progress. */
interface OwnShard {
  readonly shard: number;
  readonly source: BatchSource;
  readonly loss: Tensor;
  readonly noise: Generator;
  readonly block: ShardBlock;
  readonly prepare: (count: number) => Rounds;
}

/** Phases that replay passes. */
type PassPhase = "forward" | "backward";

/** A pass in progress. */
interface Pass extends Rounds {
  readonly own: OwnShard;
  readonly count: number;
  readonly weight: number;
}

export class Lockstep {
  readonly #host: LockstepHost;
  readonly #shards: OwnShard[];
  /** What to do once for all shards when the step is complete; the worker of the first shard with samples keeps it. */
  #settlements: (() => void)[] = [];
  #step = 0;
  /** A shard of the worker that has samples, but no weight in this step. */
  #weightless: number | undefined;

  constructor(host: LockstepHost, shards: Iterable<number>) {
    this.#host = host;
    this.#shards = Array.from(shards, (shard) => this.#own(shard));
  }

  #own(shard: number): OwnShard {
    const { layout, seed } = this.#host;
    const source = this.#host.newSource();
    const loss = Tensor.allocate([], "float32", "loss").keep();
    const noise = new Generator(seed, stream.noise);
    const pass = (count: number) => this.#host.computeGradients(shard, count, source, loss);
    const prepare = compileInRounds(pass, { before: () => void noise.restart(this.#step, shard) });
    return { shard, source, loss, noise, block: new ShardBlock(layout, shard), prepare };
  }

  /** Forward and backward pass over all shards of the worker; the gradients go to the shards' slots. */
  *compute(step: number): Pauses {
    this.#step = step;
    this.#settlements = [];
    this.#weightless = undefined;
    const passes: Pass[] = [];
    for (const own of this.#shards) {
      yield "gather";
      const reading = this.#host.read(step, own.shard, own.source);
      if (reading) yield reading;
      const pass = this.#begin(own);
      if (pass) passes.push(pass);
    }
    let phase: PassPhase = "forward";
    let start = 0;
    let rounds = 1;
    for (let round = 0; ; round++) {
      const exchanges: (Exchange | undefined)[] = [];
      for (const pass of passes) {
        yield phase;
        exchanges.push(this.#advance(pass, start));
      }
      if (passes.length > 0) phase = this.#host.phase() as PassPhase;
      // Their number is known only after the first barrier.
      if (round < rounds) {
        yield* this.#host.meet(round === 0 ? "announce" : "exchange");
        yield "reduce";
      }
      if (round === 0) rounds = this.#agree();
      if (round === rounds) break;
      exchanges.forEach((exchange, i) => {
        this.#merge(exchange!, passes[i]!, start);
      });
      if (exchanges[0]) start += shareCells(exchanges[0]);
    }
    for (const { own, weight } of passes) {
      writeCell(this.#host.layout.losses, own.shard, 0, own.loss.item() * weight);
    }
  }

  /** After all workers' passes: does what happens once, such as updates of running statistics. */
  settle(): void {
    for (const settlement of this.#settlements) settlement();
    this.#settlements = [];
  }

  /** After the first barrier: the number of exchanges; none if no sample of the step has any weight. */
  #agree(): number {
    const { layout } = this.#host;
    if (this.#weightless !== undefined && sumOverShards(layout, "shardWeights") > 0) {
      throw new JobError(
        `train: the samples of shard ${this.#weightless} have no weight, but count in the statistics of BatchNorm; use fewer shards, larger batches, or LayerNorm or GroupNorm`,
      );
    }
    return agreeOnExchanges(layout);
  }

  /** Loads a shard, and prepares its pass; undefined if it has no samples, or none with weight. */
  #begin(own: OwnShard): Pass | undefined {
    const { layout } = this.#host;
    const { shard } = own;
    const { count, weight } = this.#host.load(this.#step, shard, own.source);
    if (count > 0 && weight === 0) this.#weightless = shard;
    writeCell(layout.shardWeights, shard, 0, weight);
    writeCell(layout.losses, shard, 0, 0);
    if (weight === 0) {
      own.block.announce([]);
      return undefined;
    }
    try {
      const rounds = own.source.during(count, () => withGenerator(own.noise, () => own.prepare(count)));
      own.block.announce(rounds.exchanges);
      return { own, count, weight, ...rounds };
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      throw new JobError(
        `train: a model with BatchNorm is computed in steps that are replayed, and this one cannot be: ${error.message}`,
        { cause: error },
      );
    }
  }

  /** Replays a pass up to its next exchange, and writes its numbers. Undefined if the pass is complete. */
  #advance({ own, count, replay }: Pass, start: number): Exchange | undefined {
    const next = own.source.during(count, () => withGenerator(own.noise, () => replay.next()));
    if (next.done) return undefined;
    own.block.contribute(next.value, start);
    return next.value;
  }

  #merge(exchange: Exchange, { own }: Pass, start: number): void {
    const shares = sharesAt(this.#host.layout, exchange, start);
    const all = [...shares.values()];
    const merged = exchange.merge(all, shares.get(own.shard)!);
    storeMerged(exchange, merged);
    const { settle } = exchange;
    const [first] = shares.keys();
    if (!settle || own.shard !== first) return;
    const count = all.reduce((sum, share) => sum + share.count, 0);
    this.#settlements.push(() => settle(merged, count));
  }
}
