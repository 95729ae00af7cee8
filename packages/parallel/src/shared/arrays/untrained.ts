// What a run trains of a model, and what else the model holds. Frozen parameters and buffers belong to its state and
// lie in shared memory; plain tensors are constants. Knows core only; model-places.ts decides where they lie.
import type { AnyModule, Tensor } from "@shardgrad/core";
import { BatchNorm1d, BatchNorm2d } from "@shardgrad/core";
import { JobError } from "../../errors.ts";

/** Parameters that are not frozen, with their names, once each. */
export function trainedTensors(model: AnyModule): [name: string, x: Tensor][] {
  return model.namedParameters().filter(([, { frozen }]) => !frozen);
}

/** The same without names. */
export function trainedParameters(model: AnyModule): Tensor[] {
  return trainedTensors(model).map(([, x]) => x);
}

/** Frozen parameters and buffers with their names, once each. */
export function untrainedTensors(model: AnyModule): [name: string, x: Tensor][] {
  const trained = new Set(trainedParameters(model));
  const found = new Map<Tensor, string>();
  for (const [name, x] of model.stateDict()) if (!trained.has(x) && !found.has(x)) found.set(x, name);
  return [...found].map(([x, name]) => [name, x]);
}

/** Tensors outside the model's state: neither saved, nor shared between threads. */
export function plainTensors(model: AnyModule): [name: string, x: Tensor][] {
  const state = new Set(model.stateDict().values());
  return model.namedTensors().filter(([, x]) => !state.has(x));
}

/** The tensors that BatchNorm updates in every step. */
export function runningStatistics(model: AnyModule): Set<Tensor> {
  const found = new Set<Tensor>();
  for (const module of model.modules()) {
    if (!(module instanceof BatchNorm1d || module instanceof BatchNorm2d)) continue;
    const { runningMean, runningVar, numBatchesTracked } = module;
    for (const x of [runningMean, runningVar, numBatchesTracked]) if (x) found.add(x);
  }
  return found;
}

/** @throws JobError for a tensor that float32 models cannot compute with */
export function checkUntrained(model: AnyModule): void {
  for (const [name, { dtype }] of untrainedTensors(model)) {
    if (dtype !== "float64") continue;
    throw new JobError(
      `train: ${name} is float64; only float32 models can be trained in parallel: convert the model with to("float32")`,
    );
  }
}

/** Records which tensors require a gradient, and returns a check that throws a JobError if that changed. */
export function watchTraining(models: readonly AnyModule[]): (step: number) => void {
  const noted = models.flatMap((model) =>
    model.namedTensors().map(([name, x]) => ({ name, x, requiresGrad: x.requiresGrad })),
  );
  return (step) => {
    for (const { name, x, requiresGrad } of noted) {
      if (x.requiresGrad === requiresGrad) continue;
      throw new JobError(
        `train: requiresGrad of ${name} was ${requiresGrad} and is ${!requiresGrad} in step ${step}; what is trained is settled when a run begins: train in two runs, the second from the weights of the first, or let its parameter group have a learning rate of 0 for a while, by a schedule`,
      );
    }
  };
}
