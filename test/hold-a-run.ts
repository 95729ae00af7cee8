// A run that waits for its data. While it is under way, no other of the process may move to a larger memory.
import { train } from "@shardgrad/parallel";
import { writeJob } from "./write-job.ts";

const holder = writeJob(`
  import { Linear, SGD, mean } from "@shardgrad/core";
  import { defineJob } from "@shardgrad/parallel";
  export default defineJob({
    dataset: () => globalThis.holdDataBack(),
    model: () => new Linear(1, 1),
    loss: (model, { x }) => mean(model.forward(x)),
    optimizer: (parameters) => new SGD(parameters, { lr: 0.1 }),
    batchSize: 1, epochs: 1,
  });`);

/** Begins such a run; returns how to end it. */
export async function holdARun(): Promise<() => Promise<void>> {
  const data = Promise.withResolvers<never>();
  const asked = Promise.withResolvers<void>();
  Object.assign(globalThis, {
    holdDataBack: () => {
      asked.resolve();
      return data.promise;
    },
  });
  const ended = train(holder, { workers: 1 }).then(
    () => undefined,
    () => undefined,
  );
  await asked.promise;
  return async () => {
    data.reject(new Error("the run is no longer held"));
    await ended;
  };
}
