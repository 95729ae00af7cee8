// Not a contender but their judge: one thread, core alone, step by step. Writes the weights and the data that all start
// with, and the losses that the same network must have.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Tensor } from "@shardgrad/core";
import { backward, manualSeed, scope, tensor } from "@shardgrad/core";
import { buildNetwork } from "../jobs/networks.ts";
import { zooJob, zooSeed } from "../jobs/zoo-job.ts";
import type { PrepareCommand, Prepared } from "../protocol.ts";
import { syntheticData } from "../synthetic-data.ts";
import { serve } from "./serve.ts";

async function prepare({ model, folder, checkSteps }: PrepareCommand): Promise<Prepared> {
  const { x, y } = syntheticData(model, model.batches);
  writeFileSync(join(folder, "x.bin"), x.data);
  writeFileSync(join(folder, "y.bin"), y.data);
  const job = zooJob(model.name, import.meta.url);
  // As in train(), so that the jobs start with these weights, too.
  manualSeed(zooSeed);
  const network = buildNetwork(model.network);
  const parameters = network.parameters();
  const optimizer = job.optimizer(parameters);
  const bytes = (parameter: Tensor) => new Uint8Array(Float32Array.from(parameter.data()).buffer);
  writeFileSync(join(folder, "weights.bin"), Buffer.concat(parameters.map(bytes)));

  const first = ({ data, shape }: typeof x | typeof y) => {
    const dtype = data instanceof Int32Array ? "int32" : "float32";
    const size = data.length / model.batches;
    return tensor(data.subarray(0, size), { shape: [model.batch, ...shape], dtype });
  };
  const batch = { x: first(x), y: first(y) };
  const started = performance.now();
  const losses = Array.from({ length: checkSteps }, () =>
    scope(() => {
      const loss = job.loss(network, batch);
      optimizer.zeroGrad();
      const value = loss.item();
      backward(loss);
      optimizer.step();
      return value;
    }),
  );
  return {
    parameters: parameters.reduce((sum, { size }) => sum + size, 0),
    losses,
    msPerStep: (performance.now() - started) / checkSteps,
    version: "@shardgrad/core",
  };
}

serve({
  prepare,
  run: () => Promise.reject(new Error("the reference is not timed")),
});
