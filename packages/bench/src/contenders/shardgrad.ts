// shardgrad as a contender: train() on a job of the zoo. A turn is a run of its own. It begins with unmeasured epochs,
// as new threads compile again, and ends with measured ones, by the workers' own clock. Between turns there are no
// workers.
//
//   node shardgrad.ts <native|blas|wasm|wasm-plain>
import type { EndEvent, TrainOptions } from "@shardgrad/parallel";
import { train } from "@shardgrad/parallel";
import type { PrepareCommand, Prepared, RunCommand, Turn } from "../protocol.ts";
import type { ZooModel } from "../zoo.ts";
import { serve } from "./serve.ts";

/** The names of the requested kernels in `start` events. */
const namesOfKernels = {
  native: /^native$/,
  blas: /^blas$/,
  wasm: /^wasm-(relaxed|plain)$/,
  "wasm-plain": /^wasm-plain$/,
};

/** How long new threads need to reach full speed. */
const warmUpMs = 300;

const kernels = process.argv[2] as keyof typeof namesOfKernels;
let model: ZooModel;
let workers: number;
let msPerStep: number;

interface Run {
  kernels: string;
  /** The BLAS library, or the instructions of machine code, if the kernels are one. */
  blas: string | undefined;
  native: string | undefined;
  parameters: number;
  /** Loss and milliseconds of each step. */
  epochs: { loss: number; ms: number }[];
  end: EndEvent;
}

/** Trains on a data set of so many batches. */
async function runOf(batches: number, options: TrainOptions): Promise<Run> {
  const job = new URL(`../jobs/${model.name}.ts`, import.meta.url);
  job.searchParams.set("batches", String(batches));
  const run: Partial<Run> & Pick<Run, "epochs"> = { epochs: [] };
  for await (const event of train(job, { workers, kernels, ...options })) {
    if (event.type === "start")
      Object.assign(run, {
        kernels: event.kernels,
        blas: event.blas,
        native: event.native,
        parameters: event.parameters,
      });
    if (event.type === "end") run.end = event;
    if (event.type !== "epoch") continue;
    const { loss, samplesPerSecond } = event;
    run.epochs.push({ loss, ms: ((batches * model.batch) / samplesPerSecond) * 1000 });
  }
  if (namesOfKernels[kernels].test(run.kernels!)) return run as Run;
  throw new Error(`asked for kernels "${kernels}", but train() took "${run.kernels}"`);
}

async function prepare(command: PrepareCommand): Promise<Prepared> {
  ({ model, workers } = command);
  const check = await runOf(1, { epochs: command.checkSteps });
  const timed = await runOf(model.batches, { epochs: 2 });
  msPerStep = timed.epochs[1]!.ms / model.batches;
  const replayed = timed.end.captured ? "" : ", steps not captured";
  return {
    parameters: check.parameters,
    losses: check.epochs.map(({ loss }) => loss),
    msPerStep,
    version: `@shardgrad/parallel, ${check.blas ?? check.native ?? check.kernels}${replayed}`,
  };
}

async function run({ warm, steps }: RunCommand): Promise<Turn> {
  const epochsFor = (count: number) => Math.max(1, Math.round(count / model.batches));
  const measured = epochsFor(steps);
  const unmeasured = epochsFor(Math.max(warm, warmUpMs / msPerStep));
  const { epochs } = await runOf(model.batches, { epochs: unmeasured + measured });
  const ms = epochs.slice(unmeasured).reduce((sum, epoch) => sum + epoch.ms, 0);
  msPerStep = ms / measured / model.batches;
  return { ms, steps: measured * model.batches };
}

serve({ prepare, run });
