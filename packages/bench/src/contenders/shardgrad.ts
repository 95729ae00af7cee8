// shardgrad as a contender: the product itself, train() on a job of the zoo. A turn is a run of its own, which begins with
// epochs that are not measured (new threads compile anew) and ends with those that are, by the workers' own clock. Between
// turns there are no workers at all.
//
//   node shardgrad.ts <blas|wasm|wasm-plain>
import type { TrainOptions } from "@shardgrad/parallel";
import { train } from "@shardgrad/parallel";
import type { PrepareCommand, Prepared, RunCommand, Turn } from "../protocol.ts";
import type { ZooModel } from "../zoo.ts";
import { serve } from "./serve.ts";

/** What `start` events call the kernels that were asked for. */
const namesOfKernels: Record<string, RegExp> = {
  blas: /blas/i,
  wasm: /^wasm-(relaxed|plain)$/,
  "wasm-plain": /^wasm-plain$/,
};

/** Threads that compile for the first time need so long to reach their pace. */
const warmUpMs = 300;

const asked = process.argv[2]!;
let model: ZooModel;
let workers: number;
let msPerStep: number;

const jobUrl = (name: string) => new URL(`../jobs/${name}.ts`, import.meta.url);

interface Epoch {
  loss: number;
  ms: number;
}

/** Trains, and returns what each epoch brought. */
async function epochsOf(url: URL, samples: number, options: TrainOptions) {
  const epochs: Epoch[] = [];
  let kernels = "";
  let parameters = 0;
  for await (const event of train(url, { workers, ...options, kernels: asked } as TrainOptions)) {
    if (event.type === "start") [kernels, parameters] = [String(event.kernels), event.params];
    if (event.type === "epoch")
      epochs.push({ loss: event.loss, ms: (samples / event.samplesPerSecond) * 1000 });
  }
  if (!namesOfKernels[asked]!.test(kernels)) {
    throw new Error(`asked for kernels "${asked}", but train() took "${kernels}"`);
  }
  return { epochs, kernels, parameters };
}

async function prepare(command: PrepareCommand): Promise<Prepared> {
  ({ model, workers } = command);
  const oneBatch = jobUrl(model.name);
  oneBatch.searchParams.set("batches", "1");
  const check = await epochsOf(oneBatch, model.batch, { epochs: command.checkSteps });
  const timed = await epochsOf(jobUrl(model.name), model.batch * model.batches, { epochs: 2 });
  msPerStep = timed.epochs[1]!.ms / model.batches;
  return {
    parameters: check.parameters,
    losses: check.epochs.map(({ loss }) => loss),
    msPerStep,
    version: `@shardgrad/parallel, ${check.kernels}`,
  };
}

async function run({ warm, steps }: RunCommand): Promise<Turn> {
  const epochsFor = (count: number) => Math.max(1, Math.round(count / model.batches));
  const measured = epochsFor(steps);
  const unmeasured = epochsFor(Math.max(warm, warmUpMs / msPerStep));
  const { epochs } = await epochsOf(jobUrl(model.name), model.batch * model.batches, {
    epochs: unmeasured + measured,
  });
  const ms = epochs.slice(unmeasured).reduce((sum, epoch) => sum + epoch.ms, 0);
  msPerStep = ms / measured / model.batches;
  return { ms, steps: measured * model.batches };
}

serve({ prepare, run });
