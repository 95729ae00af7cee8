// A round of a worker's shards that train separately (Local SGD). Each updates its own weights step by step; the end of
// the round averages all.
//
//   (gather, forward, backward, update (each of my shards)) per step → barrier → average my slice, hand it out → barrier
import { stepsPerEpoch } from "../data/sampling.ts";
import { nextSynchronization } from "../plan/local-schedule.ts";
import type { Pauses } from "../shared/words/pauses.ts";
import type { LocalSteps } from "../step/local-steps.ts";
import { account, beginStep, checkFirst, computeShard, decide, tell } from "./step.ts";
import type { Worker } from "./worker-parts.ts";

/** The steps up to the next synchronization, and that. True if it was the last. */
export function* trainApart(worker: Worker, local: LocalSteps): Pauses<boolean> {
  const { setup, where, control, barrier, unchanged, update, others, done } = worker;
  const { sampling, plan } = setup;
  const begun = done.steps;
  const end = nextSynchronization(begun, plan.local!, stepsPerEpoch(sampling));
  local.begin(begun, end);
  const rates: number[][] = [];
  const startedMs = where.computingMs();
  for (; done.steps < end; done.steps++) {
    beginStep(worker);
    rates.push(local.nextLearningRates());
    for (const shard of worker.shards) {
      const brought = yield* computeShard(worker, shard);
      yield "update";
      local.update(done.steps, shard, brought);
    }
  }
  worker.loader.notePace(startedMs);
  yield barrier;
  if (others) {
    yield "reduce";
    local.addUp(others.sums);
    yield* others.meet("synchronize", end);
  }
  yield "reduce";
  unchanged.afterPasses();
  if (done.first) checkFirst(worker);
  yield* decide(worker, end);
  local.synchronize(end, others !== undefined).forEach((brought, index) => {
    const { loss, weight, gradNorm } = brought;
    if (weight === 0) update.skipWeightless(begun + index + 1);
    account(worker, brought, weight > 0);
    done.last = { loss: loss / weight, gradNorm, skipped: weight === 0, lrs: rates[index]! };
    tell(worker, begun + index, done.last);
  });
  yield barrier;
  return control.load("stop") === 1;
}
