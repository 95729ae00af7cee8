// Models whose training computes over the whole batch, and what a run of such a model requires. Knows core only;
// lockstep.ts computes them across shards.
import type { AnyModule } from "@shardgrad/core";
import { BatchNorm1d, BatchNorm2d } from "@shardgrad/core";
import { JobError } from "../errors.ts";

const isBatchNorm = (module: AnyModule): module is BatchNorm1d | BatchNorm2d =>
  module instanceof BatchNorm1d || module instanceof BatchNorm2d;

/** Whether the shards of a model must exchange numbers during a pass. */
export function normalizesOverBatch(model: AnyModule): boolean {
  return model.modules().some(isBatchNorm);
}

/** @throws JobError if shards exchange numbers but passes are not captured: only a replay can pause at an exchange */
export function checkCapture(model: AnyModule, capture: boolean): void {
  if (capture || !normalizesOverBatch(model)) return;
  throw new JobError(
    "train: capture is off, but a model with BatchNorm is computed in replays, which wait for each other; leave it on, or use LayerNorm or GroupNorm",
  );
}

/** @throws JobError if shards exchange numbers within a step, but train separately (`option`) */
export function checkApart(model: AnyModule, option: "syncEvery" | "hogwild"): void {
  if (!normalizesOverBatch(model)) return;
  throw new JobError(
    `train: the model has BatchNorm, whose shards need each other in every step, but with ${option} they train apart; leave ${option} out, or use LayerNorm or GroupNorm`,
  );
}
