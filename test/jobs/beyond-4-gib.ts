// A program for other runtimes: trains with WebAssembly, moves to more than 4 GiB of memory for a run that needs it, trains
// there, too, and prints what came out. Where the engine cannot do that, it prints why.
import { isMainThread } from "node:worker_threads";
import { Linear, MemoryError, mean, ReLU, Sequential, SGD } from "@shardgrad/core";
import { defineJob, train } from "@shardgrad/parallel";

export default defineJob({
  dataset: { train: { x: { data: new Float32Array(4 * 8192), shape: [4] } } },
  model: () => new Sequential(new Linear(4, 65536), new ReLU(), new Linear(65536, 1)),
  loss: (model, { x }) => mean(model.forward(x)),
  optimizer: (parameters) => new SGD(parameters, { lr: 0.01 }),
  batchSize: 8192,
  epochs: 1,
});

/** The hash of the weights of a run, and whether it had 64-bit addresses. */
async function result(): Promise<[hash: string, isWide: boolean]> {
  let isWide = false;
  const run = train(new URL("./clusters.ts", import.meta.url), { workers: 2, steps: 5, kernels: "wasm" });
  run.on("start", ({ memory64 = false }) => {
    isWide = memory64;
  });
  return [(await run).weightsSha256, isWide];
}

if (isMainThread) {
  try {
    const below = await result();
    const large = train(import.meta.url, { workers: 1, kernels: "wasm" });
    large.on("start", () => large.stop());
    await large;
    console.log(JSON.stringify([below, await result()]));
  } catch (error) {
    if (!(error instanceof MemoryError)) throw error;
    console.log(error.message.split("\n")[0]);
  }
}
