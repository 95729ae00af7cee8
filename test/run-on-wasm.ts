// Runs on WebAssembly, whose bits are the same on every machine, and what they come to.
import type { TrainOptions } from "@shardgrad/parallel";
import { train } from "@shardgrad/parallel";

export const kernels = "wasm";

export const runOnWasm = (job: URL | string, options: TrainOptions) => train(job, { kernels, ...options });

/** The hash of the weights of a run. */
export const hashOf = async (job: URL | string, options: TrainOptions) =>
  (await runOnWasm(job, options)).weightsSha256;
