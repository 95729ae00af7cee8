// The pass over one shard's samples, forward and backward: from a batch to its loss, and to gradients in the shard's
// slot. Captured in its first runs, and replayed from then on. Knows nothing of other workers, nor of what happens to
// gradients.
import type { AnyModule } from "@shardgrad/core";
import {
  CaptureError,
  cast,
  compile,
  Generator,
  grad,
  noGrad,
  scope,
  stream,
  Tensor,
  withGenerator,
} from "@shardgrad/core";
import type { TimedCall } from "@shardgrad/core/engine";
import { hostStep, timeReplays } from "@shardgrad/core/engine";
import type { Phase } from "../errors.ts";
import { JobError } from "../errors.ts";
import type { RunJob } from "../job/define-job.ts";
import { checkLoss } from "../job/test-loss.ts";
import { tensorAt } from "../shared/bind-model.ts";
import type { Layout } from "../shared/layout.ts";
import type { BatchSource } from "./batches.ts";
import type { BucketSignals } from "./bucket-signals.ts";
import { RunPlace } from "./run-place.ts";

/** What the passes need from their worker. */
export interface PassHost {
  /** What a shard's pass differentiates. */
  trained(shard: number): { model: AnyModule; parameters: readonly Tensor[] };
  enter(phase: Phase): void;
  /** Throws if the loss has changed which parameters are trained. */
  checkTraining(): void;
  /** Gets the gradients of passes that are not replays: null where the loss does not depend on a parameter. */
  found(shard: number, gradients: readonly (Tensor | null)[]): void;
  /** Called once, with the reason, if passes run eagerly from now on. */
  foundEager(reason: string): void;
  /** Where gradients leave early, if they do. */
  readonly signals: BucketSignals | undefined;
}

/**
 * After a pass that failed because it cannot be recorded: lets passes run eagerly from now on. Nothing is summed yet, so
 * this one can simply run again.
 *
 * @throws JobError if replays went wrong; any other error as it is
 */
export function continueEagerly(error: unknown, goEager: (reason: string) => void): void {
  if (!(error instanceof CaptureError)) throw error;
  if (error.replays > 0) {
    throw new JobError(
      `loss: it depends on something outside of tensors that changed while it was replayed, so the steps since then are wrong; train with capture: false (--no-capture), or keep what changes in a tensor: ${error.message}`,
      { cause: error },
    );
  }
  goEager(error.message);
}

export class ShardPass {
  readonly #job: RunJob;
  readonly #host: PassHost;
  readonly #source: BatchSource;
  /** Where the gradients of each of the worker's shards go. */
  readonly #gradients: ReadonlyMap<number, Tensor[]>;
  readonly #loss = Tensor.allocate([], "float32", "loss").keep();
  readonly #noise: Generator;
  readonly #place = new RunPlace();
  #pass: (shard: number, count: number) => void;

  /** @param source where the samples of a shard are loaded before its pass */
  constructor(
    job: RunJob,
    source: BatchSource,
    {
      layout,
      shards,
      seed,
      capture,
    }: { layout: Layout; shards: readonly number[]; seed: number; capture: boolean },
    host: PassHost,
  ) {
    this.#job = job;
    this.#host = host;
    this.#source = source;
    this.#gradients = new Map(
      shards.map((shard) => {
        const base = layout.gradients + layout.slots.slotOf[shard]! * layout.flatSize * 4;
        return [shard, layout.parameters.map((place) => tensorAt(base, place))];
      }),
    );
    this.#noise = new Generator(seed, stream.noise);
    // A shard has its full size, and another one in the last batch of an epoch.
    this.#pass = capture ? compile(this.compute, { limit: 2 * shards.length }) : this.compute;
  }

  /** Sets the step and epoch that the loss sees; both count from 0. */
  begin(step: number, epoch: number): void {
    this.#place.set(step, epoch);
  }

  /** The mean loss of the `count` loaded samples. Random numbers depend on the step and the shard, not on who computes it. */
  run(step: number, shard: number, count: number): number {
    const pass = () =>
      this.#source.during(count, () =>
        withGenerator(this.#noise.restart(step, shard), () => scope(() => this.#pass(shard, count))),
      );
    try {
      pass();
    } catch (error) {
      continueEagerly(error, (reason) => {
        this.#pass = this.compute;
        this.#host.foundEager(reason);
      });
      pass();
    }
    return this.#loss.item();
  }

  /** Gives the kernel calls of each pass that is replayed to `take`, until it is called without. */
  timeKernels(take: ((calls: TimedCall[]) => void) | undefined): void {
    timeReplays(this.#pass, take);
  }

  /** The part of a pass that is the same in every step. */
  readonly compute = (shard: number, count: number, source = this.#source, lossPlace = this.#loss): void => {
    const { signals } = this.#host;
    const pass = (ready?: (parameter: number) => void) =>
      this.#compute({ shard, count, source, lossPlace }, ready);
    if (signals) signals.during(shard, pass);
    else pass();
  };

  #compute(
    {
      shard,
      count,
      source,
      lossPlace,
    }: { shard: number; count: number; source: BatchSource; lossPlace: Tensor },
    ready: ((parameter: number) => void) | undefined,
  ): void {
    const { model, parameters } = this.#host.trained(shard);
    const batch = source.batch(count);
    hostStep("enter forward", () => this.#host.enter("forward"));
    const { step, epoch } = this.#place;
    const loss = checkLoss(this.#job.loss(model, batch, { ...this.#job.context, step, epoch }));
    this.#host.checkTraining();
    lossPlace.copyFrom(noGrad(() => cast(loss, "float32")));
    hostStep("enter backward", () => this.#host.enter("backward"));
    const into = this.#gradients.get(shard)!;
    const found = grad(loss, parameters, { into, ...(ready && { ready }) });
    this.#host.found(shard, found);
    if (found.every((gradient) => gradient === null)) {
      throw new JobError("loss: it does not depend on any parameter; compute it from the model's output");
    }
  }
}
