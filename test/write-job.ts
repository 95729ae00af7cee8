// Job modules for single tests, such as broken ones, written where they can import the packages.
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as core from "@shardgrad/core";

const directory = new URL("./.tmp/", import.meta.url);
let count = 0;

function write(extension: string, source: string): string {
  mkdirSync(directory, { recursive: true });
  const name = `job-${process.pid}-${Date.now()}-${count++}.${extension}`;
  const file = fileURLToPath(new URL(name, directory));
  writeFileSync(file, source);
  return file;
}

/** Writes a module and returns its path. Names are unique: modules are cached by URL. */
export const writeJob = (source: string): string => write("ts", source);

/**
 * Writes one of the jobs with other parts, which may name anything of core.
 *
 * @param before statements that stand before the job
 */
export function writeChangedJob(job: URL, parts: string, before = ""): string {
  const words = new Set(`${before} ${parts}`.match(/\w+/g));
  const names = Object.keys(core).filter((name) => words.has(name));
  return write(
    "ts",
    `import job from ${JSON.stringify(fileURLToPath(job))};
    import { ${names.join(", ")} } from "@shardgrad/core";
    import { defineJob } from "@shardgrad/parallel";
    ${before}
    export default defineJob({ ...job, ${parts} });`,
  );
}

/** The beginning of a module: what a job on 20 samples is made of, as `parts`. */
export const smallJob = `
  import { SGD, Linear, crossEntropy, mean, mul } from "@shardgrad/core";
  import { defineJob } from "@shardgrad/parallel";
  const parts = {
    dataset: { train: { x: { data: new Float32Array(40), shape: [2] }, y: new Uint8Array(20) } },
    model: () => new Linear(2, 3),
    loss: (model, { x, y }) => crossEntropy(model.forward(x), y),
    optimizer: (parameters) => new SGD(parameters, { lr: 0.1 }),
    batchSize: 10, epochs: 1,
  };`;

/** Writes a job whose loss fails and reports the thread's kernels; `first` runs at import. */
export const writeTellingJob = (first = ""): string =>
  writeJob(`
    import { SGD, Linear, kernelSet } from "@shardgrad/core";
    import { defineJob } from "@shardgrad/parallel";
    ${first}
    export default defineJob({
      dataset: { train: { x: { data: new Float32Array(64).fill(1), shape: [2] } } },
      model: () => new Linear(2, 1),
      loss: () => { throw new Error("computed by " + kernelSet()); },
      optimizer: (parameters) => new SGD(parameters, { lr: 0.1 }),
      batchSize: 8, epochs: 1,
    });`);

/** Writes a file that is no module. */
export const writeTable = (): string => write("csv", "x,y\n1,2\n");
