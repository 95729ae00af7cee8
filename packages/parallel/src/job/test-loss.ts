// The loss over the evaluated set, as one more metric of every job: the mean of the job's own loss over the samples, in
// evaluation mode, by the weights that training uses.
import type { AnyModule } from "@shardgrad/core";
import { cast, scope, sum, Tensor, tensor } from "@shardgrad/core";
import type { Batch, Columns } from "../data/dataset.ts";
import { JobError } from "../errors.ts";
import type { SumsMetric } from "../metrics/definition.ts";
import type { JobContext } from "../params.ts";

/** Steps and epochs done when a run evaluates; its loss may depend on them. */
export interface EvaluatedAt {
  step: number;
  epoch: number;
}

interface HasLoss {
  readonly loss: (
    model: AnyModule,
    batch: Batch<Columns>,
    context: JobContext & { readonly step: Tensor; readonly epoch: Tensor },
  ) => Tensor;
  readonly sampleWeight?: string | undefined;
}

/** Throws unless a job's loss is a scalar tensor. */
export function checkLoss(loss: unknown): Tensor {
  if (loss instanceof Tensor && loss.size === 1) return loss;
  if (loss instanceof Promise) {
    loss.catch(() => undefined);
    throw new JobError(
      "loss: got a promise, expected a scalar tensor; a step cannot wait: let it not be async",
    );
  }
  const got = loss instanceof Tensor ? `a tensor of shape [${loss.shape.join(",")}]` : typeof loss;
  throw new JobError(`loss: got ${got}, expected a scalar tensor; take the mean over the samples`);
}

/** Sums over a batch: the loss times the weight, and the weight. */
export function lossMetric({ loss, sampleWeight }: HasLoss, at: EvaluatedAt): SumsMetric<Columns, AnyModule> {
  const integer = (value: number) => tensor(value, { dtype: "int32" });
  const weightOf = (batch: Batch<Columns>): number => {
    if (sampleWeight !== undefined) return sum(cast(batch[sampleWeight]!, "float64")).item();
    return Object.values(batch)[0]!.shape[0]!;
  };
  return {
    sums: (model, batch, context) =>
      scope(() => {
        const weight = weightOf(batch);
        if (weight === 0) return tensor([0, 0], { dtype: "float64" });
        const place = { step: integer(at.step), epoch: integer(at.epoch) };
        const mean = checkLoss(loss(model, batch, { ...context, ...place })).item();
        return tensor([mean * weight, weight], { dtype: "float64" });
      }),
    finish: (total, weight) => total / weight,
    direction: "min",
  };
}
