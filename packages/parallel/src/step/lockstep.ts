// The passes over one worker's shards in lockstep with those of all others, for models that normalise over the whole
// batch: every pass is replayed up to the next meeting, then all wait, and each goes on with what all have brought.
//
//   gather → replay to meeting 1 (my shards) → barrier → merge → replay to meeting 2 → … → barrier → merge → to the end
//
// A meeting has cells of its own (shard-meetings.ts), which are written again in the next step at the earliest, behind
// that step's other barriers: one barrier is enough for each. Knows no op, and nothing of threads.
import { CaptureError, Generator, stream, Tensor, withGenerator } from "@shardgrad/core";
import type { Meeting, Rounds } from "@shardgrad/core/engine";
import { compileInRounds } from "@shardgrad/core/engine";
import type { Phase } from "../errors.ts";
import { JobError } from "../errors.ts";
import type { Barrier } from "../shared/barrier.ts";
import { writeCell } from "../shared/float64-table.ts";
import type { Layout } from "../shared/layout.ts";
import type { Pauses } from "../shared/pauses.ts";
import { agreeOnMeetings, ShardBlock, shareCells, sharesAt, takeHome } from "../shared/shard-meetings.ts";
import { sumOverShards } from "./allreduce.ts";
import type { BatchSource } from "./batches.ts";

/** What the passes need of the worker that they belong to. */
export interface LockstepHost {
  readonly layout: Layout;
  readonly seed: number;
  /** A source of batches for one shard. */
  newSource(): BatchSource;
  /** Loads a shard's samples of a step: how many there are, and what they weigh. */
  load(step: number, shard: number, source: BatchSource): { count: number; weight: number };
  /** The pass over the samples that are loaded: the mean loss goes to `loss`, gradients to the shard's slot. */
  computeGradients(shard: number, count: number, source: BatchSource, loss: Tensor): void;
  /** Of all workers. */
  readonly barrier: Barrier;
  /** The phase that the worker is in. */
  phase(): Phase;
}

/** A shard, with all that a pass over it needs while those over others are under way. */
interface OwnShard {
  readonly shard: number;
  readonly source: BatchSource;
  readonly loss: Tensor;
  readonly noise: Generator;
  readonly block: ShardBlock;
  readonly prepare: (count: number) => Rounds;
}

/** Phases in which passes are replayed. */
type PassPhase = "forward" | "backward";

/** A pass that is under way. */
interface Pass extends Rounds {
  readonly own: OwnShard;
  readonly count: number;
  readonly weight: number;
}

export class Lockstep {
  readonly #host: LockstepHost;
  readonly #shards: OwnShard[];
  /** What is to be done once for all shards when the step is complete; kept by the worker of the first one. */
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

  /** Forward and backward pass over all shards of the worker; the gradients land in the shards' slots. */
  *compute(step: number): Pauses {
    this.#step = step;
    this.#settlements = [];
    this.#weightless = undefined;
    const passes: Pass[] = [];
    for (const own of this.#shards) {
      yield "gather";
      const pass = this.#begin(own);
      if (pass) passes.push(pass);
    }
    let phase: PassPhase = "forward";
    let start = 0;
    let rounds = 1;
    for (let round = 0; ; round++) {
      const meetings: (Meeting | undefined)[] = [];
      for (const pass of passes) {
        yield phase;
        meetings.push(this.#advance(pass, start));
      }
      if (passes.length > 0) phase = this.#host.phase() as PassPhase;
      // Only behind the first barrier is it known how many there are to be.
      if (round < rounds) {
        yield this.#host.barrier;
        yield "reduce";
      }
      if (round === 0) rounds = this.#agree();
      if (round === rounds) break;
      meetings.forEach((meeting, i) => {
        this.#merge(meeting!, passes[i]!, start);
      });
      if (meetings[0]) start += shareCells(meetings[0]);
    }
    for (const { own, weight } of passes) {
      writeCell(this.#host.layout.losses, own.shard, 0, own.loss.item() * weight);
    }
  }

  /** Does what the passes left to be done once, such as moving running statistics, when all workers are through. */
  settle(): void {
    for (const settlement of this.#settlements) settlement();
    this.#settlements = [];
  }

  /** Behind the first barrier: how often the shards meet; not at all if no sample of the step has any weight. */
  #agree(): number {
    const { layout } = this.#host;
    if (this.#weightless !== undefined && sumOverShards(layout, "shardWeights") > 0) {
      throw new JobError(
        `train: the samples of shard ${this.#weightless} have no weight, but count in the statistics of BatchNorm; use fewer shards, larger batches, or LayerNorm or GroupNorm`,
      );
    }
    return agreeOnMeetings(layout);
  }

  /** Loads a shard, and gets its pass ready; undefined if it has no samples, or none with a weight. */
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
      own.block.announce(rounds.meetings);
      return { own, count, weight, ...rounds };
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      throw new JobError(
        `train: a model with BatchNorm is computed in steps that are replayed, and this one cannot be: ${error.message}`,
        { cause: error },
      );
    }
  }

  /** Replays a pass up to its next meeting, and brings what it has. Undefined if the pass is complete. */
  #advance({ own, count, replay }: Pass, start: number): Meeting | undefined {
    const next = own.source.during(count, () => withGenerator(own.noise, () => replay.next()));
    if (next.done) return undefined;
    own.block.bring(next.value, start);
    return next.value;
  }

  #merge(meeting: Meeting, { own }: Pass, start: number): void {
    const shares = sharesAt(this.#host.layout, meeting, start);
    const all = [...shares.values()];
    const merged = meeting.merge(all, shares.get(own.shard)!);
    takeHome(meeting, merged);
    const { settle } = meeting;
    const [first] = shares.keys();
    if (!settle || own.shard !== first) return;
    const count = all.reduce((sum, share) => sum + share.count, 0);
    this.#settlements.push(() => settle(merged, count));
  }
}
