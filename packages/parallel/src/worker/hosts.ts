// What the parts of a step (step/) need of their worker, and what they tell it: the passes, those in lockstep, and the
// way to other machines.
import { heap } from "@shardgrad/core/engine";
import { noteReached } from "../checks/first-step.ts";
import type { Meeting } from "../machines/link.ts";
import { meet } from "../machines/link.ts";
import type { WorkerSetup } from "../protocol.ts";
import { BucketWords } from "../shared/arrays/buckets.ts";
import { isShared } from "../shared/arrays/machines.ts";
import { trainedParameters } from "../shared/arrays/untrained.ts";
import type { BatchSource } from "../step/batches.ts";
import { BucketSignals } from "../step/bucket-signals.ts";
import type { GradientSums } from "../step/gradient-sums.ts";
import { MachineSums } from "../step/gradient-sums.ts";
import type { LockstepHost } from "../step/lockstep.ts";
import type { PassHost } from "../step/shard-pass.ts";
import type { Others, Worker } from "./worker-parts.ts";

/** What this worker tells the passes over its shards, and hears from them. */
export function passHost(
  worker: Pick<
    Worker,
    "setup" | "model" | "control" | "where" | "local" | "unchanged" | "done" | "report" | "signals"
  >,
): PassHost {
  const { setup, model, control, where, local, unchanged, done, report, signals } = worker;
  const own = { model, parameters: trainedParameters(model) };
  return {
    trained: (shard) => local?.learner(shard) ?? own,
    enter: where.enter,
    signals,
    checkTraining: () => unchanged.checkTraining(),
    found: (shard, gradients) => {
      if (done.first) noteReached(setup.layout, shard, gradients);
    },
    foundEager: (reason) => {
      control.store("eager", 1);
      report(
        `train: steps are run anew instead of replayed, which is slower: ${reason} (constants of a loss belong into the model, as buffer(tensor(…)))`,
      );
    },
  };
}

/** What passes in lockstep need of their worker. */
export function lockstepHost(
  worker: Pick<Worker, "setup" | "loader" | "pass" | "where" | "barrier" | "others" | "done"> & {
    newSource: () => BatchSource;
  },
): LockstepHost {
  const { setup, loader, pass, where, barrier, others, done, newSource } = worker;
  return {
    layout: setup.layout,
    seed: setup.sampling.seed,
    newSource,
    read: loader.read,
    load: loader.load,
    computeGradients: pass.compute,
    *meet(order) {
      if (others) yield* others.meet(order, done.steps + 1);
      else yield barrier;
    },
    phase: () => where.phase,
  };
}

/** The way to other machines, if there are any. */
export function wayToOthers({ plan, layout }: WorkerSetup, meeting: Meeting): Others | undefined {
  if (!isShared(plan.machines)) return undefined;
  return {
    sums: new MachineSums(layout),
    meet: (order, steps) => meet(meeting, order, steps),
  };
}

/** The way of gradients that leave early; `last` is the worker's last shard. */
export function signalsOf(
  { layout }: WorkerSetup,
  last: number,
  sums: GradientSums,
): BucketSignals | undefined {
  if (layout.buckets.length === 0) return undefined;
  const words = new BucketWords(heap().int32, layout.bucketWords, layout.buckets.length);
  return new BucketSignals(layout.buckets, words, { sums, last });
}
