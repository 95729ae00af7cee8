// The main thread's part of a run: loads the job, lays out the shared memory, starts the workers, tells of their
// progress, and cleans up. On no critical path: workers do all steps on their own. Must not know worker.ts.
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Module, Tensor } from "@shardgrad/core";
import { heap, kernelSet, manualSeed, Storage, writeSafetensors } from "@shardgrad/core";
import { SliceReducer } from "./allreduce.ts";
import { AbortedError, Barrier } from "./barrier.ts";
import type { StoredColumns } from "./columns.ts";
import { storeColumns } from "./columns.ts";
import { Control } from "./control.ts";
import type { EpochRecord } from "./epoch-records.ts";
import { readRecord, recordSize } from "./epoch-records.ts";
import { JobError } from "./errors.ts";
import { chunkCount } from "./evaluate.ts";
import type { StartEvent, TrainEvent, TrainResult } from "./events.ts";
import { Gang } from "./gang.ts";
import type { Columns, Dataset, Job } from "./job.ts";
import { buildModel, loadJob } from "./job.ts";
import type { Layout } from "./layout.ts";
import { bindModel, planLayout } from "./layout.ts";
import type { RunPlan, TrainOptions } from "./options.ts";
import { planRun } from "./options.ts";
import type { WorkerSetup } from "./protocol.ts";
import type { SamplingPlan } from "./sampling.ts";
import { stepsPerEpoch } from "./sampling.ts";

/** How often the shared words are looked at for events. */
const pollMs = 50;

/** Memory that belongs to one run, given back in one go. */
class RunMemory {
  readonly #blocks: Storage[] = [];

  allocate(bytes: number, holder: string, zeroed = true): Storage {
    const block = Storage.allocate(bytes, holder);
    block.retain();
    this.#blocks.push(block);
    if (zeroed) heap().uint8.fill(0, block.offset, block.offset + bytes);
    return block;
  }

  release(): void {
    for (const block of this.#blocks) block.release();
  }
}

interface Run {
  plan: RunPlan;
  layout: Layout;
  control: Control;
  sampling: SamplingPlan;
  metrics: string[];
  test: StoredColumns | undefined;
}

async function resolveDataset(job: Job): Promise<Dataset<Columns>> {
  let dataset: Dataset<Columns>;
  try {
    dataset = typeof job.dataset === "function" ? await job.dataset() : job.dataset;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new JobError(`train: the job's dataset() failed: ${message}`, { cause: error });
  }
  if (typeof dataset?.train !== "object" || dataset.train === null) {
    throw new JobError(
      "train: the job's dataset has no `train` columns; expected { train: { … }, test: { … } }",
    );
  }
  return dataset;
}

/** Reads shared words as they change and turns them into events. */
class ProgressReader {
  readonly #run: Run;
  readonly #publish: (event: TrainEvent) => void;
  readonly records: EpochRecord[] = [];
  readonly #startedMs = performance.now();
  #lastStep = 0;

  constructor(run: Run, publish: (event: TrainEvent) => void) {
    this.#run = run;
    this.#publish = publish;
  }

  poll(): void {
    const { control, plan, sampling } = this.#run;
    while (this.records.length < control.load("epochs")) this.#publishEpoch();
    const step = control.load("step");
    if (step === this.#lastStep) return;
    this.#lastStep = step;
    const perEpoch = stepsPerEpoch(sampling);
    const samples = Math.floor(step / perEpoch) * sampling.samples + (step % perEpoch) * sampling.batchSize;
    this.#publish({
      type: "progress",
      step,
      steps: plan.steps,
      epoch: Math.min(plan.epochs, Math.floor(step / perEpoch) + 1),
      samplesPerSecond: samples / ((performance.now() - this.#startedMs) / 1000),
    });
  }

  get metrics(): Record<string, number> {
    const values = this.records.at(-1)?.metrics ?? [];
    return Object.fromEntries(values.map((value, i) => [this.#run.metrics[i]!, value]));
  }

  #publishEpoch(): void {
    const { layout, metrics, test } = this.#run;
    const at = layout.epochs / 8 + this.records.length * recordSize(metrics.length);
    const record = readRecord(heap().float64, at, test ? metrics.length : 0);
    this.records.push(record);
    this.#publish({
      type: "epoch",
      epoch: this.records.length,
      step: record.step,
      loss: record.loss,
      metrics: this.metrics,
      samplesPerSecond: record.samples / (record.trainMs / 1000),
    });
  }
}

/** The averaging done here instead of in the workers: the plain statement of the algorithm, and the tests' oracle. */
async function averageHere({ plan, layout, control, sampling }: Run): Promise<void> {
  if (plan.reduce !== "coordinator") return;
  const barrier = new Barrier(control, {
    parties: plan.workers + 1,
    spin: false,
    words: ["reduceArrived", "reduceGeneration"],
  });
  const reducer = new SliceReducer(layout, [0, layout.flatSize]);
  try {
    for (let step = 0; step < plan.steps && !control.load("stop"); step++) {
      await barrier.waitAsync();
      reducer.average(sampling, step);
      await barrier.waitAsync();
    }
  } catch (error) {
    // A worker failed; its own error is the one to report.
    if (!(error instanceof AbortedError)) throw error;
  } finally {
    reducer.dispose();
  }
}

/** SHA-256 over the bytes of the parameters, in order. */
function hashWeights(parameters: readonly Tensor[]): string {
  const hash = createHash("sha256");
  for (const parameter of parameters) hash.update(new Uint8Array(parameter.toArray().buffer));
  return hash.digest("hex");
}

/** Makes the model independent of the run's memory. */
function detachModel(model: Module): void {
  for (const parameter of model.parameters()) {
    parameter.grad?.dispose();
    parameter.grad = null;
    parameter.moveTo(Storage.allocate(parameter.size * 4, "model"));
  }
}

/** Does a whole run. Everything it started has ended, and its memory is free again, when the promise settles. */
export async function coordinate(
  jobUrl: string,
  workerUrl: URL,
  options: TrainOptions,
  publish: (event: TrainEvent) => void,
  stopRequested: () => boolean,
): Promise<TrainResult> {
  const job = await loadJob(jobUrl);
  const dataset = await resolveDataset(job);
  const memory = new RunMemory();
  let gang: Gang | undefined;
  try {
    const store = (bytes: number) => memory.allocate(bytes, "dataset", false);
    const train = storeColumns("train", dataset.train, store);
    const test = dataset.test && storeColumns("test", dataset.test, store);
    const plan = planRun(job, options, train.samples);
    const { workers, shards, batchSize, seed } = plan;
    const metrics = Object.keys(job.metrics ?? {});
    const sampling = { samples: train.samples, batchSize, shards, seed };

    manualSeed(seed);
    const model = buildModel(job);
    const optimizer = job.optimizer(model.parameters());
    const layout = planLayout(
      model,
      optimizer,
      {
        workers,
        shards,
        chunkValues: test ? chunkCount(test.samples) * metrics.length : 0,
        // One more than there are epochs: a run may end within one.
        epochValues: (plan.epochs + 1) * recordSize(metrics.length),
      },
      (bytes) => memory.allocate(bytes, "training state"),
    );
    bindModel(model, optimizer, layout, "copy");
    const control = new Control(heap().int32, layout.control);
    const run: Run = { plan, layout, control, sampling, metrics, test };

    publish(startEvent(run, model, train));
    // Most of what is left, in equal parts: address space only, until a worker touches it.
    const arenaBytes = Math.floor((heap().arena.largestFree() * 0.85) / workers / 65536) * 65536;
    const arenas = Array.from({ length: workers }, () => memory.allocate(arenaBytes, "worker", false));
    gang = new Gang(workers, workerUrl, (rank) => ({
      step: control.load("step") + 1,
      phase: control.phase(rank),
    }));
    const setup = (rank: number): WorkerSetup => ({
      rank,
      workers,
      jobUrl,
      memory: heap().memory,
      arena: { base: arenas[rank]!.offset, bytes: arenaBytes },
      kernels: kernelSet(),
      layout,
      sampling,
      reduce: plan.reduce,
      spin: workers <= availableParallelism(),
      steps: plan.steps,
      train,
      test,
      metrics,
    });
    await gang.call("prepare", (api, rank) => api.prepare(setup(rank)));

    const startedMs = performance.now();
    const progress = new ProgressReader(run, publish);
    let running = true;
    const work = Promise.all([gang.call("run", (api) => api.run()), averageHere(run)]).finally(() => {
      running = false;
    });
    work.catch(() => undefined);
    while (running) {
      await Promise.race([work.catch(() => undefined), sleep(pollMs)]);
      if (stopRequested()) control.store("stopRequested", 1);
      progress.poll();
    }
    await work;
    progress.poll();

    const seconds = (performance.now() - startedMs) / 1000;
    const { records } = progress;
    const trainMs = records.reduce((sum, record) => sum + record.trainMs, 0);
    const samples = records.reduce((sum, record) => sum + record.samples, 0);
    const weightsSha256 = hashWeights(model.parameters());
    const out = options.out === undefined ? undefined : resolve(options.out);
    if (out !== undefined) await writeFile(out, writeSafetensors(model.namedParameters(), { format: "pt" }));
    detachModel(model);
    const end = {
      type: "end" as const,
      steps: control.load("step"),
      seconds,
      samplesPerSecond: samples / (trainMs / 1000),
      metrics: progress.metrics,
      weightsSha256,
      stopped: control.load("step") < plan.steps,
      ...(out === undefined ? {} : { out }),
    };
    publish(end);
    return { ...end, model };
  } finally {
    await gang?.destroy();
    memory.release();
  }
}

function startEvent({ plan, layout, test, sampling }: Run, model: Module, train: StoredColumns): StartEvent {
  return {
    type: "start",
    workers: plan.workers,
    shards: layout.shards,
    kernels: kernelSet(),
    params: model.parameters().reduce((sum, { size }) => sum + size, 0),
    trainSamples: train.samples,
    testSamples: test?.samples ?? 0,
    batchSize: sampling.batchSize,
    epochs: plan.epochs,
    steps: plan.steps,
    seed: plan.seed,
    reduce: plan.reduce,
  };
}
