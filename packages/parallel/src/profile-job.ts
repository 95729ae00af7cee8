// Measures one worker's step of a job, kernel by kernel: one shard's pass and an update of all weights, captured and
// timed on this thread. It starts no other thread, and discards the weights.

import type { KernelSet, Profile } from "@shardgrad/core";
import { CaptureError, compile, grad, kernelSet, profile, scope, useKernels, zeros } from "@shardgrad/core";
import { optionNames } from "@shardgrad/core/engine";
import { checkParts } from "./check-parts.ts";
import { JobError } from "./errors.ts";
import { frozenCopy } from "./frozen-copy.ts";
import { requireCount } from "./job/define-job.ts";
import { withJobHere } from "./job-here.ts";
import type { RunKernels } from "./plan/run-kernels.ts";
import { chooseKernels, loadKernels, tellKernels } from "./plan/run-kernels.ts";
import type { TrainOptions } from "./plan/train-options.ts";
import { checkValues } from "./plan/train-options.ts";
import { trainedParameters } from "./shared/arrays/untrained.ts";
import { RunPlace } from "./step/run-place.ts";

/** The options of `profileJob`. */
export interface ProfileJobOptions
  extends Pick<TrainOptions, "workers" | "shards" | "batchSize" | "seed" | "kernels" | "params"> {
  /** Steps to measure; default 20. */
  rounds?: number;
}

const optionsOfProfile = optionNames<ProfileJobOptions>({
  workers: true,
  shards: true,
  batchSize: true,
  seed: true,
  kernels: true,
  params: true,
  rounds: true,
});

/** The result of `profileJob`. */
export interface JobProfile {
  /** What computes, as in the `start` event. */
  kernels: KernelSet;
  native?: string;
  noNative?: string;
  blas?: string;
  noBlas?: string;
  /** Samples in the shard. */
  samples: number;
  /** Multiplications and additions of matrix products and convolutions in a step. */
  flops: number;
  profile: Profile;
}

/**
 * Measures the kernels of one worker's step: forward and backward pass over its first shard, and the optimizer over all
 * weights. In a run, the workers share the latter.
 *
 * @throws JobError as `train`, and if the loss cannot be captured; IndexError if a label of the shard is not a class
 */
export async function profileJob(job: string | URL, given: ProfileJobOptions = {}): Promise<JobProfile> {
  const options = frozenCopy(given);
  checkParts("profile", options, optionsOfProfile, "option");
  checkValues("profile", options);
  const { rounds = 20 } = options;
  requireCount("profile", "rounds", rounds);
  let chosen: RunKernels = { set: kernelSet() };
  const choose = async (url: string) => {
    chosen = await chooseKernels("profile", options.kernels ?? "auto", url);
    await loadKernels(chosen);
    useKernels(chosen.set);
  };
  return await withJobHere(
    "profileJob",
    job,
    options,
    choose,
    ({ job: definition, plan, build, firstSamples }) => {
      if (definition.gradient) {
        throw new JobError(
          `profile: the job's gradient is ${definition.gradient.name}, and a step of many forward passes has no single list of kernels; leave gradient out to profile one with backpropagation`,
        );
      }
      const samples = Math.ceil(plan.batchSize / plan.shards);
      const { model, optimizer } = build();
      const source = firstSamples(samples);
      const parameters = trainedParameters(model);
      const into = parameters.map((parameter) => {
        parameter.grad = zeros(parameter.shape).keep();
        return parameter.grad;
      });
      const place = new RunPlace();
      const step = compile(() => {
        const context = { ...definition.context, step: place.step, epoch: place.epoch };
        grad(definition.loss(model, source.batch(samples), context), parameters, { into });
        optimizer.step();
      });
      try {
        for (let call = 0; call < 3; call++) source.during(samples, () => scope(() => step()));
      } catch (error) {
        if (!(error instanceof CaptureError)) throw error;
        throw new JobError(
          `profile: the loss cannot be recorded, so its kernels cannot be listed (train runs it anew in every step): ${error.message}`,
          { cause: error },
        );
      }
      const found = profile(step, { rounds });
      step.dispose();
      place.dispose();
      return {
        ...tellKernels(chosen),
        samples,
        flops: found.rows.reduce((sum, { flops }) => sum + flops, 0),
        profile: found,
      };
    },
  );
}
