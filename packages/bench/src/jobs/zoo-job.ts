// Builds the job of any zoo model. Each model's job is its own module, so that you can also train it by hand: `npx
// shardgrad train packages/bench/src/jobs/char-gpt.ts`.
import type { Module, Optimizer, Tensor } from "@shardgrad/core";
import { Adam, AdamW, crossEntropy, reshape, SGD } from "@shardgrad/core";
import type { Batch, JobDefinition } from "@shardgrad/parallel";
import type { ZooColumns } from "../synthetic-data.ts";
import { syntheticData } from "../synthetic-data.ts";
import type { OptimizerChoice } from "../zoo.ts";
import { classesOf, zooModel } from "../zoo.ts";
import { buildNetwork } from "./networks.ts";

/** The seed of the zoo's weights, for the jobs and for everyone who must start with the same. */
export const zooSeed = 1;

const optimizers = { SGD, Adam, AdamW };

function optimizerOf({ kind, lr }: OptimizerChoice, parameters: readonly Tensor[]) {
  return new optimizers[kind](parameters, { lr });
}

/** A job whose functions need no context, because the reference calls them, too. */
interface ZooJob extends JobDefinition<ZooColumns, Module> {
  loss: (module: Module, batch: Batch<ZooColumns>) => Tensor;
  optimizer: (parameters: readonly Tensor[]) => Optimizer;
}

/**
 * The fields of one model's job.
 *
 * @param url of the job's module; `?batches=1` at its end selects a data set of one batch
 */
export function zooJob(name: string, url: string): ZooJob {
  const model = zooModel(name);
  const batches = Number(new URL(url).searchParams.get("batches") ?? model.batches);
  return {
    dataset: () => ({ train: syntheticData(model, batches) }),
    model: () => buildNetwork(model.network),
    loss: (module, { x, y }) => {
      const logits = reshape(module.forward(x), [y.size, classesOf(model.network)]);
      return crossEntropy(logits, reshape(y, [y.size]));
    },
    optimizer: (parameters) => optimizerOf(model.optimizer, parameters),
    batchSize: model.batch,
    epochs: 10,
    seed: zooSeed,
  };
}
