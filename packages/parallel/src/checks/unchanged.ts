// Whether a job leaves alone what is not its own to change: inside of loss, metrics, sample and augment every tensor of the
// model must stay as it is, or results depend on who computes what. Found by hashes: what no step changes is compared with
// how it was at the start of the run; weights, and what afterStep changes, with how they were just before. Of what is
// shared each worker looks at a part, of its own tensors at all.
//
//   remember → barrier → passes of all → barrier → check
//
// In the first step, some hundred steps apart, in steps that are saved and in the last one, as long as it costs next to nothing.
// See also probe.ts.
import type { AnyModule, Tensor } from "@shardgrad/core";
import { heap } from "@shardgrad/core/engine";
import { hashBytes } from "../data/column-hash.ts";
import { JobError } from "../errors.ts";
import type { Barrier } from "../shared/barrier.ts";
import type { Control } from "../shared/control.ts";
import { hashTensor } from "../shared/digest.ts";
import type { Layout } from "../shared/layout.ts";
import type { Pauses } from "../shared/pauses.ts";
import { plainTensors, runningStatistics, untrainedTensors, watchTraining } from "../shared/untrained.ts";

/** A stretch of shared memory, all of one tensor. */
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
/** At most this share of the time goes into looking, but for steps that are looked at anyway. */
const mostCost = 0.01;

/** What rank 0 wants of all, as bits of the control word `look`. */
const looks = { nextStep: 1, evaluation: 2, save: 4 } as const;

/** The error about a tensor that something other than `afterStep` changed. */
export function changedError(model: AnyModule, name: string, who: string, when: string): JobError {
  const isBuffer = model.namedBuffers().some(([other]) => other === name);
  const untrained = untrainedTensors(model).some(([other]) => other === name);
  const plain = plainTensors(model).some(([other]) => other === name);
  const kind = plain
    ? "a tensor that is no parameter and no buffer"
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

/** Names of some of a model's tensors. */
function namesOf(model: AnyModule, tensors: ReadonlySet<Tensor>): string[] {
  return untrainedTensors(model).flatMap(([name, x]) => (tensors.has(x) ? [name] : []));
}

/** Cuts a tensor's bytes into blocks. */
function blocksOf(name: string, address: number, bytes: number): Block[] {
  return Array.from({ length: Math.max(0, Math.ceil(bytes / blockBytes)) }, (_, i) => ({
    name,
    address: address + i * blockBytes,
    bytes: Math.min(blockBytes, bytes - i * blockBytes),
    hash: "",
  }));
}

const hashBlock = ({ address, bytes }: Block) => hashBytes(heap().uint8.subarray(address, address + bytes));

/** What it needs of the worker that it belongs to. */
export interface UnchangedHost {
  control: Control;
  share: readonly [rank: number, workers: number];
  /** Elements of the flat arrays that the worker updates. */
  slice: readonly [from: number, to: number];
  /** Whether shards train apart from each other, so that weights change from pass to pass. */
  apart: boolean;
  /** Functions of the job that are at work in passes. */
  atWork: string;
  /** Of all workers. */
  barrier: Barrier;
}

/** One worker's part. */
export class Unchanged {
  readonly #host: UnchangedHost;
  readonly #model: AnyModule;
  /** Shared, and never changed. */
  readonly #constants: Block[];
  /** Shared, and changed between steps. */
  readonly #changing: Block[];
  readonly #plain: Plain[];
  readonly #checkTraining: (step: number) => void;
  /** The step that is under way, counted from 1, and whether it is looked at. */
  #step: number;
  #looks = false;
  /** Of rank 0: the step that was looked at last, and when it may be again; and the same of evaluations. */
  #lookedAt: number;
  #nextMs = 0;
  #nextEvaluationMs = 0;

  /**
   * Takes down how everything is before the first step.
   *
   * @param own the models of this thread: that of the run, which is bound to the layout, and those of shards that train apart
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
    // Of the weights, those that this worker updates: others go on to update theirs when it looks.
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
    // Weights of shards that train apart change from pass to pass.
    const arrays = apart ? [] : [weights, ...(ema === undefined ? [] : [ema])];
    this.#changing = [...arrays.flatMap(blocksOfSlice), ...mine(blocksOfUntrained(true))];
    this.#plain = own.flatMap((model) =>
      plainTensors(model).map(([name, x]) => ({ name, x, hash: hashTensor(x) })),
    );
    this.#lookedAt = step;
    for (const block of this.#constants) block.hash = hashBlock(block);
  }

  /** @param first whether it is the first one of this thread */
  beginStep(step: number, first: boolean): void {
    this.#step = step;
    this.#looks = first || this.#isLookedAt("nextStep");
    this.checkTraining();
  }

  /** @throws JobError if something is trained that was not when the run began, or the other way round */
  checkTraining(): void {
    this.#checkTraining(this.#step);
  }

  /** Behind a barrier. */
  *beforePasses(): Pauses {
    if (this.#looks) yield* this.#remember();
  }

  /** Behind the barrier that all come to when they have done their passes. */
  afterPasses(): void {
    const { atWork, apart } = this.#host;
    if (this.#looks) this.#check(atWork, `in step ${this.#step}${apart ? " or before" : ""}`, true);
  }

  /** Behind `afterStep`, which may change all but tensors of this thread alone. */
  afterStep(): void {
    this.checkTraining();
    if (this.#looks) this.#checkPlain("afterStep()", `in step ${this.#step}`);
  }

  /** Behind a barrier. */
  *beforeEvaluation(): Pauses {
    if (this.#isLookedAt("evaluation")) yield* this.#remember();
  }

  /** Behind the barrier that the evaluation ends in. */
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
   * Rank 0, between the barriers of a step: where all are to look.
   *
   * @param done steps that are done then
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

  /** Whether rank 0 has decided so; for everybody, at the same step. */
  #isLookedAt(what: keyof typeof looks): boolean {
    return (this.#host.control.load("look") & looks[what]) !== 0;
  }

  /** Takes down what changes between steps, as it is now. */
  *#remember(): Pauses {
    const startedMs = performance.now();
    for (const block of this.#changing) block.hash = hashBlock(block);
    this.#noteCost(performance.now() - startedMs);
    yield this.#host.barrier;
  }

  /**
   * Compares with how it was.
   *
   * @param all whether what changes between steps was taken down since it changed
   * @throws JobError that names a tensor which has changed
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
