// Finds steps, shards or chunks with a single sample, where BatchNorm has no variance, before the run starts.
import { ValueError } from "@shardgrad/core";
import { JobError } from "../errors.ts";
import type { RunPlan } from "./run-plan.ts";

const need = "needs two values per channel";

/** Whether BatchNorm fails in a pass because it gets one value per channel. That is the only ValueError it throws. */
function findsNoVariance(pass: () => void): boolean {
  try {
    pass();
    return false;
  } catch (error) {
    if (error instanceof JobError) throw error;
    // The run itself reports other errors, with their place.
    return error instanceof ValueError && error.message.startsWith("batchNorm:");
  }
}

/**
 * Refuses a run that would reach a batch without a variance.
 *
 * @param sharesMoments whether BatchNorm spans the samples of a step; otherwise those of a shard
 * @param pass the pass over so many samples
 * @throws JobError if there is one
 */
export function refuseTooSmall(
  { samples, batchSize, shards, steps }: Pick<RunPlan, "samples" | "batchSize" | "shards" | "steps">,
  sharesMoments: boolean,
  pass: (count: number) => void,
): void {
  const inLast = steps >= Math.ceil(samples / batchSize) ? samples % batchSize : 0;
  const isSmall = (step: number) => step > 0 && (sharesMoments ? step === 1 : step < 2 * shards);
  const [small, smallLast] = [isSmall(batchSize), isSmall(inLast)];
  if (!(small || smallLast) || !findsNoVariance(() => pass(1))) return;
  const last = `the last step of an epoch has ${inLast} of ${samples} samples`;
  const without = "leave it out with sampling: { dropLast: true }";
  if (sharesMoments) {
    throw new JobError(
      small
        ? `train: a step has 1 sample, but BatchNorm ${need}; use a batchSize of at least 2`
        : `train: ${last}, but BatchNorm ${need}; ${without}, or use another batchSize`,
    );
  }
  throw new JobError(
    small
      ? `train: ${shards} shards of ${batchSize} samples have 1 sample each, or some of them, but batchNorm, which is over a shard in a model without a BatchNorm layer, ${need}; use fewer shards, or BatchNorm layers`
      : `train: ${last}, for ${shards} shards, but batchNorm, which is over a shard in a model without a BatchNorm layer, ${need}; ${without}, or use fewer shards, or BatchNorm layers`,
  );
}

/**
 * The same for an evaluation, for models without running statistics.
 *
 * @param chunkSize samples in a pass
 */
export function refuseTooSmallTest(samples: number, chunkSize: number, pass: (count: number) => void): void {
  if (samples % chunkSize !== 1 || !findsNoVariance(() => pass(1))) return;
  throw new JobError(
    `train: ${samples} samples are evaluated ${chunkSize} at a time, and the last one is alone, but BatchNorm without running statistics ${need}; leave one out, or keep running statistics`,
  );
}
