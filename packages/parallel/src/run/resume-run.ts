// Where a run begins: at its newest checkpoint, if it resumes.

import type { StoreEnvironment } from "../checkpoint/store.ts";
import { stepsPerEpoch } from "../data/sampling.ts";
import type { TrainEvent } from "../events.ts";
import { identifyRun, settingsOf } from "../plan/run-identity.ts";
import type { RunKernels } from "../plan/run-kernels.ts";
import { describeKernels } from "../plan/run-kernels.ts";
import type { TrainOptions } from "../plan/train-options.ts";
import { RunCheckpoints } from "./checkpointing.ts";
import type { Run } from "./prepare-run.ts";

/** Opens the run's checkpoints, if it has any, and moves it to the newest one if it resumes. */
export async function resumeRun(
  run: Run,
  kernels: RunKernels,
  options: TrainOptions,
  publish: (event: TrainEvent) => void,
  environment: StoreEnvironment | undefined,
): Promise<RunCheckpoints | undefined> {
  const { job, plan, model, optimizer, ema, layout, sampling, train, test, metrics } = run;
  if (!options.checkpoint) return undefined;
  const checkpoints = await RunCheckpoints.open(options.checkpoint, plan.best, publish, environment);
  try {
    const perEpoch = stepsPerEpoch(sampling);
    const saved = {
      model,
      optimizer,
      ema,
      identity: identifyRun(job, sampling, train),
      metadata: run.metadata,
      settings: settingsOf(job, optimizer, plan, test),
      computedBy: describeKernels(kernels),
      sources: run.sources,
      observed: plan.rules.earlyStopping?.metric,
      batchSize: sampling.batchSize,
      perEpoch,
      steps: plan.steps,
      records: { table: layout.epochs, metrics },
    };
    const { state, ...rest } = await checkpoints.begin(saved, options.resume ?? false);
    run.state = state;
    run.begun = { step: state.step, epoch: Math.floor(state.step / perEpoch), ...rest };
    return checkpoints;
  } catch (error) {
    await checkpoints.close();
    throw error;
  }
}
