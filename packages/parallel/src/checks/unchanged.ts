// Checks that a job changes nothing it must not. Inside loss, metrics, sample and augment, every tensor of the model
// must stay as it is; otherwise results would depend on who computes what. It compares hashes. Tensors that no step
// changes are compared with the start of the run; weights, and tensors that afterStep changes, with the moment before
// the passes. Each worker checks a part of the shared tensors and all of its own.
//
//   remember → barrier → passes of all → barrier → check
//
// This happens in the first and the last step, every few hundred steps, and in steps that are saved, as long as it
// costs almost nothing. See also probe.ts.
import type { AnyModule, Tensor } from "@shardgrad/core";
import { heap } from "@shardgrad/core/engine";
import { hashBytes } from "../data/column-hash.ts";
import { JobError } from "../errors.ts";
import {
  plainTensors,
  runningStatistics,
  untrainedTensors,
  watchTraining,
} from "../shared/arrays/untrained.ts";
import { hashTensor } from "../shared/digest.ts";
import type { Layout } from "../shared/layout.ts";
import type { Barrier } from "../shared/words/barrier.ts";
import type { Control } from "../shared/words/control.ts";
import type { Pauses } from "../shared/words/pauses.ts";

/** A range of shared memory that belongs to one tensor. */
interface Block {
  name: string;
  address: number;
  bytes: number;
  hash: string;
}

/** A tensor of this thread alone. */
interface Plain {
  name: string;
  x: Tensor;
  hash: string;
}

const blockBytes = 256 * 1024;
const everySteps = 256;
/** The largest share of time to spend on checks, without the steps that are always checked. */
const mostCost = 0.01;

/** What rank 0 asks of all workers, as bits of the control word `look`. */
const looks = { nextStep: 1, evaluation: 2, save: 4 } as const;

/** The error for a tensor that something other than `afterStep` changed. */
export function changedError(model: AnyModule, name: string, who: string, when: string): JobError {
  const isBuffer = model.namedBuffers().some(([other]) => other === name);
  const untrained = untrainedTensors(model).some(([other]) => other === name);
  const plain = plainTensors(model).some(([other]) => other === name);
  const kind = plain
    ? "a tensor that is neither a parameter nor a buffer"
    : isBuffer
      ? "a buffer"
      : untrained
        ? "a frozen parameter"
        : "a parameter";
  const first = plain ? "make it a buffer (buffer() of core), and " : "";
  return new JobError(
    `train: ${who} changed ${name}, ${kind}, ${when}; results would depend on the number of workers: ${first}change it in afterStep(model, { step }), which is called once a step for all of them`,
  );
}

/** The names of some of a model's tensors. */
function namesOf(model: AnyModule, tensors: ReadonlySet<Tensor>): string[] {
  return untrainedTensors(model).flatMap(([name, x]) => (tensors.has(x) ? [name] : []));
}

/** Splits a tensor's bytes into blocks. */
function blocksOf(name: string, address: number, bytes: number): Block[] {
  return Array.from({ length: Math.max(0, Math.ceil(bytes / blockBytes)) }, (_, i) => ({
    name,
    address: address + i * blockBytes,
    bytes: Math.min(blockBytes, bytes - i * blockBytes),
    hash: "",
  }));
}

const hashBlock = ({ address, bytes }: Block) => hashBytes(heap().uint8.subarray(address, address + bytes));

/** What it needs from its worker. */
export interface UnchangedHost {
  control: Control;
  share: readonly [rank: number, workers: number];
  /** The range of the flat arrays that the worker updates. */
  slice: readonly [from: number, to: number];
  /** Whether shards train separately, so that weights change from pass to pass. */
  apart: boolean;
  /** The job's functions that run in passes. */
  atWork: string;
  /** The number of workers. */
  barrier: Barrier;
}

/** One worker's share of the checks. */
export class Unchanged {
  readonly #host: UnchangedHost;
  readonly #model: AnyModule;
  /** Shared tensors that never change. */
  readonly #constants: Block[];
  /** Shared tensors that change between steps. */
  readonly #changing: Block[];
  readonly #plain: Plain[];
  readonly #checkTraining: (step: number) => void;
  /** The current step, counted from 1, and whether it is checked. */
  #step: number;
  #looks = false;
  /** Rank 0 only: the last step it checked, and when it may check again; and the same for evaluations. */
  #lookedAt: number;
  #nextMs = 0;
  #nextEvaluationMs = 0;

  /**
   * Hashes everything before the first step.
   *
   * @param own the models of this thread: the run's model, which is bound to the layout, and those of shards that train
   * separately
   * @param step steps done
   */
  constructor(layout: Layout, own: readonly [AnyModule, ...AnyModule[]], step: number, host: UnchangedHost) {
    const { share, slice, apart } = host;
    const [rank, workers] = share;
    const { parameters, weights, ema, untrained } = layout;
    const mine = (blocks: Block[]) => blocks.filter((_, index) => index % workers === rank);
    const statistics = new Set(namesOf(own[0], runningStatistics(own[0])));
    const blocksOfUntrained = (changing: boolean) =>
      untrained.places
        .filter(({ name, offset }) => !statistics.has(name) && offset < untrained.changingBytes === changing)
        .flatMap(({ name, offset, bytes }) => blocksOf(name, untrained.address + offset, bytes));
    // Only the weights that this worker updates: the others may already be updating theirs when it checks.
    const blocksOfSlice = (base: number) =>
      parameters.flatMap(({ name, start, size }) => {
        const [from, to] = [Math.max(start, slice[0]), Math.min(start + size, slice[1])];
        return blocksOf(name, base + from * 4, (to - from) * 4);
      });
    this.#host = host;
    this.#model = own[0];
    this.#checkTraining = watchTraining(own);
    this.#step = step;
    this.#constants = mine(blocksOfUntrained(false));
    // Weights of shards that train separately change from pass to pass.
    const arrays = apart ? [] : [weights, ...(ema === undefined ? [] : [ema])];
    this.#changing = [...arrays.flatMap(blocksOfSlice), ...mine(blocksOfUntrained(true))];
    this.#plain = own.flatMap((model) =>
      plainTensors(model).map(([name, x]) => ({ name, x, hash: hashTensor(x) })),
    );
    this.#lookedAt = step;
    for (const block of this.#constants) block.hash = hashBlock(block);
  }

  /** @param first whether this is the thread's first step */
  beginStep(step: number, first: boolean): void {
    this.#step = step;
    this.#looks = first || this.#isLookedAt("nextStep");
    this.checkTraining();
  }

  /** @throws JobError if a tensor has been frozen or unfrozen since the run began */
  checkTraining(): void {
    this.#checkTraining(this.#step);
  }

  /** Call after a barrier. */
  *beforePasses(): Pauses {
    if (this.#looks) yield* this.#remember();
  }

  /** Call after the barrier at the end of all passes. */
  afterPasses(): void {
    const { atWork, apart } = this.#host;
    if (this.#looks) this.#check(atWork, `in step ${this.#step}${apart ? " or before" : ""}`, true);
  }

  /** Call after `afterStep`, which may change everything but this thread's own tensors. */
  afterStep(): void {
    this.checkTraining();
    if (this.#looks) this.#checkPlain("afterStep()", `in step ${this.#step}`);
  }

  /** Call after a barrier. */
  *beforeEvaluation(): Pauses {
    if (this.#isLookedAt("evaluation")) yield* this.#remember();
  }

  /** Call after the barrier that ends the evaluation. */
  afterEvaluation(): void {
    if (!this.#isLookedAt("evaluation")) return;
    this.#check("a metric", `in the evaluation after step ${this.#step}`, true);
    this.#nextEvaluationMs = this.#nextMs;
  }

  beforeSave(): void {
    if (this.#isLookedAt("save")) this.#check("the job", `by the end of step ${this.#step}`, false);
  }

  atEnd(): void {
    this.#check("the job", "by the end of the run", false);
  }

  /**
   * Rank 0 decides, between the barriers of a step, what all will check.
   *
   * @param done steps that are done by then
   */
  decide(
    done: number,
    { last, saves, savesNext }: { last: number; saves: boolean; savesNext: boolean },
  ): void {
    const nowMs = performance.now();
    const isTime = done - this.#lookedAt >= everySteps && nowMs >= this.#nextMs;
    const nextStep = isTime || savesNext || done + 1 === last;
    const evaluation = nowMs >= this.#nextEvaluationMs || done === last;
    if (nextStep) this.#lookedAt = done;
    const bits = Object.entries({ nextStep, evaluation, save: saves }) as [keyof typeof looks, boolean][];
    this.#host.control.store(
      "look",
      bits.reduce((sum, [what, is]) => sum | (is ? looks[what] : 0), 0),
    );
  }

  /** Whether rank 0 asked for a check. All workers read it at the same step. */
  #isLookedAt(what: keyof typeof looks): boolean {
    return (this.#host.control.load("look") & looks[what]) !== 0;
  }

  /** Hashes what changes between steps, as it is now. */
  *#remember(): Pauses {
    const startedMs = performance.now();
    for (const block of this.#changing) block.hash = hashBlock(block);
    this.#noteCost(performance.now() - startedMs);
    yield this.#host.barrier;
  }

  /**
   * Compares with the recorded hashes.
   *
   * @param all whether what changes between steps was hashed after its last change
   * @throws JobError that names a changed tensor
   */
  #check(who: string, when: string, all: boolean): void {
    const startedMs = performance.now();
    this.checkTraining();
    this.#checkPlain(who, when);
    for (const block of all ? [...this.#constants, ...this.#changing] : this.#constants) {
      if (hashBlock(block) !== block.hash) throw changedError(this.#model, block.name, who, when);
    }
    this.#noteCost(performance.now() - startedMs);
  }

  #checkPlain(who: string, when: string): void {
    for (const { name, x, hash } of this.#plain) {
      if (x.alive && hashTensor(x) !== hash) throw changedError(this.#model, name, who, when);
    }
  }

  #noteCost(ms: number): void {
    this.#nextMs = Math.max(this.#nextMs, performance.now()) + ms / mostCost;
  }
}
