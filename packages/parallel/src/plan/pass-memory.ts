// Predicts the memory of a job's passes before a worker computes one. The main thread calls the loss and the metrics
// for two and for three samples, and records the blocks that they allocate. A whole shard follows by extrapolation. The
// run does not notice: this has its own model and random streams, prints nothing and keeps nothing.
import type { AnyModule } from "@shardgrad/core";
import { Generator, grad, noGrad, scope, stream, Tensor, withGenerator, zeros } from "@shardgrad/core";
import { withoutFilling } from "@shardgrad/core/engine";
import type { StoredColumns } from "../data/columns.ts";
import { allocateRows, byColumn, gatherRows, rowsOf, sampleShapes } from "../data/columns.ts";
import { shardRange } from "../data/sampling.ts";
import { JobError } from "../errors.ts";
import { callBounded } from "../job/bounded-call.ts";
import type { RunJob } from "../job/define-job.ts";
import { quietly } from "../job/quietly.ts";
import { normalizesOverBatch } from "../job/running-statistics.ts";
import { callMetric } from "../metrics/brought.ts";
import { chunkSize } from "../metrics/plan.ts";
import { shardsOfWorker } from "../shared/arrays/machines.ts";
import { trainedParameters, untrainedTensors } from "../shared/arrays/untrained.ts";
import { keepModes } from "../step/evaluate.ts";
import { RunPlace } from "../step/run-place.ts";
import type { BlockTrace, TracePair } from "./block-trace.ts";
import { isAlike, KeptBlocks, traceBlocks, traceFor } from "./block-trace.ts";
import { refuseTooSmall, refuseTooSmallTest } from "./edge-batches.ts";
import type { RunPlan } from "./run-plan.ts";

/** A worker's memory for its passes, in bytes; undefined where unknown. */
export interface PassMemory {
  /** Batches, activations, and everything up to the gradients. */
  training: number | undefined;
  afterStep: number | undefined;
  evaluation: number | undefined;
}

/** At least two, as BatchNorm needs; no more, as they cost time. */
const few = 2;
const more = 3;

/** The first samples as a batch. Computed samples are zero and augmentation is left out: the sizes are the same. */
function firstSamples(stored: StoredColumns, count: number): Record<string, Tensor> {
  const rowAt = rowsOf(stored);
  const index = Tensor.allocate([count], "int32", "batch");
  index.data().set(Int32Array.from({ length: count }, (_, i) => rowAt(i % stored.samples)));
  const entries = stored.columns.map((column): [string, Tensor] => {
    const y = allocateRows(column, count);
    if (stored.computedBy) y.data().fill(0);
    else gatherRows(column, index, y);
    return [column.name, y];
  });
  return byColumn("train: the batch", entries);
}

/** The result of a job's function. Nobody awaits a promise here, as no step could use it. */
function settled<T>(returned: T): T {
  if (returned instanceof Promise) returned.catch(() => undefined);
  return returned;
}

/** Restores a model: its mode, which parameters are frozen, the numbers in these, and its buffers. */
export function keepState(model: AnyModule): () => void {
  const putModesBack = keepModes(model);
  const kept = untrainedTensors(model).map(([, x]) => ({ x, values: x.toArray() }));
  const trained = model.parameters().map((x) => ({ x, requiresGrad: x.requiresGrad }));
  return () => {
    putModesBack();
    for (const { x, requiresGrad } of trained)
      if (x.requiresGrad !== requiresGrad) x.requiresGrad = requiresGrad;
    for (const { x, values } of kept) x.data().set(values as never);
  };
}

/** Runs a pass with its own random stream, and leaves nothing behind. */
function alone(seed: number, pass: (count: number) => void): (count: number) => void {
  return (count) => withGenerator(new Generator(seed, stream.noise), () => scope(() => pass(count)));
}

/** The traces of a pass over few and over more samples; undefined if it fails, or differs between the two. */
function tracePass(seed: number, pass: (count: number) => void): TracePair | undefined {
  const trace = (count: number): BlockTrace => traceBlocks(() => alone(seed, pass)(count));
  try {
    const first = trace(few);
    const second = trace(more);
    // The first pass may have created what the job keeps.
    const again = isAlike(first, second) ? first : trace(few);
    if (!isAlike(again, second)) return undefined;
    return { few: { samples: few, trace: again }, more: { samples: more, trace: second } };
  } catch (error) {
    if (error instanceof JobError) throw error;
    // The run itself reports other errors of the loss or a metric, with their place.
    return undefined;
  }
}

/** The sizes that each shard of a worker can have. */
function shardSizes({ samples, batchSize, shards, steps }: RunPlan, shard: number): number[] {
  const inLast = steps >= Math.ceil(samples / batchSize) ? samples % batchSize : 0;
  const sizes = [batchSize, inLast].map((total) => {
    const [from, to] = shardRange(total, shards, shard);
    return to - from;
  });
  return [...new Set(sizes)].filter((size) => size > 0);
}

/** What the neediest worker holds for training: all its shards at once in lockstep, otherwise one at a time. */
function trainingBytes(pair: TracePair, plan: RunPlan, sharesMoments: boolean): number {
  const bySizes = new Map<string, number>();
  const bytesFor = (sizes: readonly number[]) => {
    const key = sizes.join();
    let bytes = bySizes.get(key);
    if (bytes === undefined) {
      const kept = new KeptBlocks();
      for (const size of sizes) kept.add(traceFor(pair, size));
      bytes = kept.bytes;
      bySizes.set(key, bytes);
    }
    return bytes;
  };
  let most = 0;
  for (let rank = 0; rank < plan.workers; rank++) {
    const sizes: number[][] = [];
    const [from, to] = shardsOfWorker(plan.shards, plan.machines, rank);
    for (let shard = from; shard < to; shard++) sizes.push(shardSizes(plan, shard));
    const distinct = [...new Set(sizes.flat())].sort((a, b) => b - a);
    const bytes = sharesMoments ? sizes.reduce((sum, own) => sum + bytesFor(own), 0) : bytesFor(distinct);
    most = Math.max(most, bytes);
  }
  return most;
}

function keptBytes(trace: BlockTrace): number {
  const kept = new KeptBlocks();
  kept.add(trace);
  return kept.bytes;
}

function evaluationBytes(pair: TracePair, samples: number): number {
  const kept = new KeptBlocks();
  kept.add(traceFor(pair, Math.min(chunkSize, samples)));
  if (samples > chunkSize && samples % chunkSize > 0) kept.add(traceFor(pair, samples % chunkSize));
  return kept.bytes;
}

/** Parameters, frozen ones too, and buffers. */
const tensorsOf = (model: AnyModule): Tensor[] => [...model.stateDict().values()];

/** Calls `body` with a separate model, since a loss may store something in the model or add to it. */
function withOwnModel<T>(
  build: () => AnyModule,
  { seed }: RunPlan,
  ofRun: AnyModule,
  body: (model: AnyModule) => T,
): T {
  const { result: model, fillRest } = withGenerator(new Generator(seed, stream.noise), () =>
    withoutFilling(build),
  );
  // What is drawn twice, by a layer and then by the model, is computed once; and no pass finds a weight without memory.
  fillRest();
  // Unless the job always returns the same model.
  const shared = new Set(tensorsOf(ofRun));
  const putBack = keepState(model);
  try {
    return body(model);
  } finally {
    putBack();
    for (const x of tensorsOf(model)) if (!shared.has(x)) x.dispose();
  }
}

/**
 * Measures what the passes of a run need. The run's own model does not change.
 *
 * @throws JobError if one does not return, or reads a column that does not exist
 */
export function measurePasses(
  job: RunJob,
  ofRun: AnyModule,
  plan: RunPlan,
  { train, test }: { train: StoredColumns; test: StoredColumns | undefined },
): PassMemory {
  const metrics = Object.entries(job.metrics);
  const evaluated = metrics.length > 0 ? test : undefined;
  const measure = (model: AnyModule): PassMemory => {
    const parameters = trainedParameters(model);
    // They lie in the run's shared memory, and are counted there.
    const into = parameters.map(({ shape }) => zeros(shape));
    const pass = (count: number) => {
      const { step, epoch } = place;
      const loss = job.loss(model, firstSamples(train, count), { ...job.context, step, epoch });
      settled(loss);
      // What is only evaluated may have no gradient.
      if (!job.gradient) grad(loss, parameters, { into });
    };
    const sharesMoments = normalizesOverBatch(ofRun);
    const training = tracePass(plan.seed, pass);
    refuseTooSmall(plan, sharesMoments, alone(plan.seed, pass));
    const { afterStep } = job;
    const after =
      afterStep &&
      tracePass(plan.seed, () =>
        noGrad(() => settled(afterStep(model, { ...job.context, step: place.step }))),
      );
    model.eval();
    const evaluate = (set: StoredColumns, count: number) => {
      const batch = firstSamples(set, count);
      noGrad(() => {
        for (const [name, metric] of metrics) {
          scope(() => void callMetric(name, metric, [model, batch, job.context], count));
        }
      });
    };
    const evaluation = evaluated && tracePass(plan.seed, (count) => evaluate(evaluated, count));
    if (evaluated) {
      const pass = alone(plan.seed, (count) => evaluate(evaluated, count));
      refuseTooSmallTest(evaluated.samples, chunkSize, pass);
    }
    return {
      training: training && trainingBytes(training, plan, sharesMoments),
      afterStep: afterStep ? after && keptBytes(after.few.trace) : 0,
      evaluation: evaluated ? evaluation && evaluationBytes(evaluation, evaluated.samples) : 0,
    };
  };
  const place = new RunPlace();
  const found = (): PassMemory => {
    try {
      return scope(() =>
        withOwnModel(() => job.model(sampleShapes(train), job.context), plan, ofRun, measure),
      );
    } catch (error) {
      if (error instanceof JobError) throw error;
      return { training: undefined, afterStep: undefined, evaluation: undefined };
    } finally {
      place.dispose();
    }
  };
  const what =
    "the job's model, loss or metric, called on the main thread to find out what it needs of memory,";
  return quietly(() => callBounded(found, plan.stallSeconds * 1000, what));
}
