// A job prepared on this thread alone, for what looks at one step without training: profileJob, graphJob. It starts no
// other thread, and what it makes is discarded.
import type { AnyModule, Optimizer } from "@shardgrad/core";
import { manualSeed } from "@shardgrad/core";
import { launchNow } from "./attempt/launch.ts";
import { sampleShapes } from "./data/columns.ts";
import { stepsPerEpoch } from "./data/sampling.ts";
import { SetBlocks } from "./data/set-blocks.ts";
import { buildModel } from "./job/build-model.ts";
import type { RunJob } from "./job/define-job.ts";
import { noteCaller } from "./job/job-origin.ts";
import { findJob, jobUrlOf } from "./job/load-job.ts";
import { findWorker } from "./own-folder.ts";
import { resolveParams } from "./params.ts";
import type { RunPlan } from "./plan/run-plan.ts";
import { planRun, runSeed } from "./plan/run-plan.ts";
import type { TrainOptions } from "./plan/train-options.ts";
import { prepareData } from "./run/prepare-data.ts";
import { BatchSource } from "./step/batches.ts";

/** A job, ready for its first step. */
export interface JobHere {
  job: RunJob;
  plan: RunPlan;
  /** Builds the model and the optimizer, from the run's seed. */
  build(): { model: AnyModule; optimizer: Optimizer };
  /** The first `count` training samples, loaded. */
  firstSamples(count: number): BatchSource;
}

/**
 * Prepares a job, and hands it to `use`; its data lives until that is done.
 *
 * @param operation what errors begin with
 * @param ready called with the URL of the job before its data is loaded
 * @throws JobError as `train`
 */
export async function withJobHere<T>(
  operation: string,
  job: string | URL,
  options: TrainOptions,
  ready: (url: string) => Promise<void>,
  use: (here: JobHere) => T,
): Promise<T> {
  const url = jobUrlOf(operation, job);
  noteCaller(url);
  const launch = launchNow(url, findWorker(operation, url));
  const { job: defined } = await findJob(operation, url, async () => {
    // Imported here, so that workers, which import this package, do not load it.
    const { identifyJob } = await import("./attempt/threads.ts");
    return identifyJob(launch);
  });
  await ready(url);
  const blocks = new SetBlocks();
  try {
    const seed = runSeed(defined, options);
    const params = resolveParams(defined.params ?? {}, options.params);
    const { job: definition, train } = await prepareData(defined, { params, seed }, blocks.allocate);
    const plan = planRun(definition, options, train.samples);
    return use({
      job: definition,
      plan,
      build: () => {
        manualSeed(seed);
        const length = { steps: plan.steps, stepsPerEpoch: stepsPerEpoch(plan) };
        return buildModel(definition, sampleShapes(train), length);
      },
      firstSamples: (count) => {
        const source = new BatchSource(definition, train, "training", seed, count);
        source.load(
          Int32Array.from({ length: count }, (_, i) => i),
          0,
          0,
        );
        return source;
      },
    });
  } finally {
    blocks.release();
  }
}
