// What the passes of a job will need of memory, before any worker computes one: its loss and its metrics are called here, on
// the main thread, for two and for three samples, the blocks that they take are noted, and those of a whole shard follow.
// The run does not notice: a model and random streams for this alone, nothing printed, nothing kept.
import type { AnyModule } from "@shardgrad/core";
import { Generator, grad, noGrad, scope, stream, Tensor, withGenerator, zeros } from "@shardgrad/core";
import type { StoredColumns } from "../data/columns.ts";
import { allocateRows, byColumn, gatherRows, rowsOf, sampleShapes } from "../data/columns.ts";
import { shardRange } from "../data/sampling.ts";
import { JobError } from "../errors.ts";
import { callBounded } from "../job/bounded-call.ts";
import type { RunJob } from "../job/define-job.ts";
import { quietly } from "../job/quietly.ts";
import { normalisesOverBatch } from "../job/running-statistics.ts";
import { callMetric } from "../metrics/brought.ts";
import { chunkSize } from "../metrics/plan.ts";
import { trainedParameters, untrainedTensors } from "../shared/untrained.ts";
import { keepModes } from "../step/evaluate.ts";
import { RunPlace } from "../step/run-place.ts";
import type { BlockTrace, TracePair } from "./block-trace.ts";
import { isAlike, KeptBlocks, traceBlocks, traceFor } from "./block-trace.ts";
import { refuseTooSmall, refuseTooSmallTest } from "./edge-batches.ts";
import type { RunPlan } from "./options.ts";

/** What a worker holds for its passes, in bytes; undefined for what could not be found out. */
export interface PassMemory {
  /** Batches, activations, and what lies between them and the gradients. */
  training: number | undefined;
  afterStep: number | undefined;
  evaluation: number | undefined;
}

/** Two at least, as BatchNorm needs; and no more than must be, as they cost time. */
const few = 2;
const more = 3;

/** The first samples as a batch. What the job would compute, or alter, is zero, or as it was stored: sizes are the same. */
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

/** What a job's function returned; if it is a promise, which no step can use, nobody waits for it here. */
function settled<T>(returned: T): T {
  if (returned instanceof Promise) returned.catch(() => undefined);
  return returned;
}

/** Puts a model back as it was: its mode, its frozen parameters and its buffers. */
export function keepState(model: AnyModule): () => void {
  const putModesBack = keepModes(model);
  const kept = untrainedTensors(model).map(([, x]) => ({ x, values: x.toArray() }));
  return () => {
    putModesBack();
    for (const { x, values } of kept) x.data().set(values as never);
  };
}

/** A pass with a random stream of its own, which leaves nothing behind. */
function alone(seed: number, pass: (count: number) => void): (count: number) => void {
  return (count) => withGenerator(new Generator(seed, stream.noise), () => scope(() => pass(count)));
}

/** The traces of a pass over few and over more samples; undefined if it fails, or is not the same for both. */
function tracePass(seed: number, pass: (count: number) => void): TracePair | undefined {
  const trace = (count: number): BlockTrace => traceBlocks(() => alone(seed, pass)(count));
  try {
    const first = trace(few);
    const second = trace(more);
    // The first pass may have made what the job keeps.
    const again = isAlike(first, second) ? first : trace(few);
    if (!isAlike(again, second)) return undefined;
    return { few: { samples: few, trace: again }, more: { samples: more, trace: second } };
  } catch (error) {
    if (error instanceof JobError) throw error;
    // What else is wrong with the loss or a metric the run itself tells, with the place.
    return undefined;
  }
}

/** Numbers of samples that each shard of a worker comes to have. */
function shardSizes({ samples, batchSize, shards, steps }: RunPlan, shard: number): number[] {
  const inLast = steps >= Math.ceil(samples / batchSize) ? samples % batchSize : 0;
  const sizes = [batchSize, inLast].map((total) => {
    const [from, to] = shardRange(total, shards, shard);
    return to - from;
  });
  return [...new Set(sizes)].filter((size) => size > 0);
}

/** What the worker that needs most holds for training: of each shard by itself if they meet, of one at a time if not. */
function trainingBytes(pair: TracePair, plan: RunPlan, shardsMeet: boolean): number {
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
    for (let shard = rank; shard < plan.shards; shard += plan.workers) sizes.push(shardSizes(plan, shard));
    const distinct = [...new Set(sizes.flat())].sort((a, b) => b - a);
    const bytes = shardsMeet ? sizes.reduce((sum, own) => sum + bytesFor(own), 0) : bytesFor(distinct);
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

/** Calls `body` with a model of its own, as a loss may keep something in one, or add to it. */
function withOwnModel<T>(
  build: () => AnyModule,
  { seed }: RunPlan,
  ofRun: AnyModule,
  body: (model: AnyModule) => T,
): T {
  const model = withGenerator(new Generator(seed, stream.noise), build);
  // Unless a job has only one, which it always returns.
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
 * Finds out what the passes of a run need; its own model stays as it is.
 *
 * @throws JobError if one does not return, or asks for a column that there is not
 */
export function measurePasses(
  job: RunJob,
  ofRun: AnyModule,
  plan: RunPlan,
  { train, test }: { train: StoredColumns; test: StoredColumns | undefined },
): PassMemory {
  const metrics = Object.entries(job.metrics ?? {});
  const evaluated = metrics.length > 0 ? test : undefined;
  const measure = (model: AnyModule): PassMemory => {
    const parameters = trainedParameters(model);
    // They lie in the run's shared memory, and are counted there.
    const into = parameters.map(({ shape }) => zeros(shape));
    const pass = (count: number) => {
      const { step, epoch } = place;
      const loss = job.loss(model, firstSamples(train, count), { ...job.context, step, epoch });
      grad(settled(loss), parameters, { into });
    };
    const shardsMeet = normalisesOverBatch(ofRun);
    const training = tracePass(plan.seed, pass);
    refuseTooSmall(plan, shardsMeet, alone(plan.seed, pass));
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
        for (const [name, metric] of metrics) callMetric(name, metric, [model, batch, job.context], count);
      });
    };
    const evaluation = evaluated && tracePass(plan.seed, (count) => evaluate(evaluated, count));
    if (evaluated) {
      const pass = alone(plan.seed, (count) => evaluate(evaluated, count));
      refuseTooSmallTest(evaluated.samples, chunkSize, pass);
    }
    return {
      training: training && trainingBytes(training, plan, shardsMeet),
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
