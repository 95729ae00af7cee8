// Models whose training computes over the whole batch, and what a run must be like that trains one. Knows core only; how
// shards compute such models together is in lockstep.ts.
import type { AnyModule } from "@shardgrad/core";
import { BatchNorm1d, BatchNorm2d } from "@shardgrad/core";
import { JobError } from "../errors.ts";

const isBatchNorm = (module: AnyModule): module is BatchNorm1d | BatchNorm2d =>
  module instanceof BatchNorm1d || module instanceof BatchNorm2d;

/** Whether shards must meet while they compute a model. */
export function normalisesOverBatch(model: AnyModule): boolean {
  return model.modules().some(isBatchNorm);
}

/** @throws JobError if shards must meet, and passes are not captured: only replays can be stopped where they do */
export function checkCapture(model: AnyModule, capture: boolean): void {
  if (capture || !normalisesOverBatch(model)) return;
  throw new JobError(
    "train: capture is off, but a model with BatchNorm is computed in replays, which wait for each other; leave it on, or use LayerNorm or GroupNorm",
  );
}

/** @throws JobError if shards must meet within a step, but train apart from each other (`option`) */
export function checkApart(model: AnyModule, option: "syncEvery" | "hogwild"): void {
  if (!normalisesOverBatch(model)) return;
  throw new JobError(
    `train: the model has BatchNorm, whose shards need each other in every step, but with ${option} they train apart; leave ${option} out, or use LayerNorm or GroupNorm`,
  );
}
