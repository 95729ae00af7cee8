// Sharded evaluation: the test set is cut into chunks of fixed size, each evaluated by one worker. What a metric brings is
// kept by chunk, or by sample, and put together in that order, so the result does not depend on the number of workers.
import type { AnyModule } from "@shardgrad/core";
import { Generator, noGrad, scope, stream, withGenerator } from "@shardgrad/core";
import { heap } from "@shardgrad/core/engine";
import { JobError } from "../errors.ts";
import type { RunJob } from "../job/define-job.ts";
import type { Brought, Gathered } from "../metrics/brought.ts";
import { callMetric, finishMetric, flatten } from "../metrics/brought.ts";
import type { Collected, CollectedOutputs } from "../metrics/definition.ts";
import type { CollectedPlace, MetricsPlan, PlannedMetric } from "../metrics/plan.ts";
import { chunkCount, chunkSize } from "../metrics/plan.ts";
import type { BatchSource } from "./batches.ts";
import { sampleWeights } from "./sample-weights.ts";

/** Puts every module of a model back into the mode that it was in: a job may have frozen some. */
export function keepModes(model: AnyModule): () => void {
  const modes = model.modules().map((module) => ({ module, training: module.training }));
  return () => {
    for (const { module, training } of modes) module.training = training;
  };
}

/** The metrics of a job, and the block of shared memory at byte `base` that they were planned for. */
export interface Evaluated {
  job: RunJob;
  plan: MetricsPlan;
  base: number;
  /** Of the set. */
  samples: number;
}

/** Chunk `chunk`: its samples, and their weights if they have any. */
interface Chunk {
  chunk: number;
  start: number;
  count: number;
  weights: Float32Array | undefined;
}

const sizeOf = ({ shape }: CollectedPlace) => shape.reduce((size, length) => size * length, 1);

/** The collected rows of some samples, where they lie. */
function rowsAt(base: number, place: CollectedPlace, from: number, to: number): Collected["data"] {
  const view = heap()[place.dtype];
  const [start, size] = [(base + place.at) / view.BYTES_PER_ELEMENT, sizeOf(place)];
  return view.subarray(start + from * size, start + to * size);
}

/** Keeps what a metric brought for a chunk. */
function keep(base: number, { name, table }: PlannedMetric, brought: Brought, part: Chunk): void {
  const { chunk, start, count, weights } = part;
  if (brought.kind === "outputs" && table.kind === "outputs") {
    table.places.forEach((place, i) => {
      const { data, shape } = brought.kept[i]!;
      if (`${shape}` !== `${[count, ...place.shape]}`) throw unlike(name);
      rowsAt(base, place, start, start + count).set(data);
    });
    return;
  }
  const { numbers, at } = table as Exclude<PlannedMetric["table"], { kind: "outputs" }>;
  const cells = heap().float64;
  const first = (base + at) / 8 + chunk * numbers;
  if (brought.kind === "sums") {
    if (brought.numbers.length !== numbers) throw unlike(name);
    cells.set(brought.numbers, first);
  } else if (brought.kind === "perSample") {
    let [sum, weight] = [0, 0];
    brought.values.forEach((value, i) => {
      const own = weights?.[i] ?? 1;
      // What counts for nothing may be anything.
      if (own === 0) return;
      sum += own * value;
      weight += own;
    });
    cells.set([sum, weight], first);
  }
}

function unlike(name: string): JobError {
  return new JobError(
    `metrics.${name}: brought numbers of another size than on the first samples; expected the same for each batch, and for each sample`,
  );
}

/** Evaluates the chunks that fall to worker `rank`, each after a `beat`. */
export function evaluateChunks(
  { job, plan, base, samples }: Evaluated,
  model: AnyModule,
  source: BatchSource,
  { rank, workers, seed, beat }: { rank: number; workers: number; seed: number; beat: () => void },
): void {
  const noise = new Generator(seed, stream.evaluation);
  const putBack = keepModes(model);
  model.eval();
  noGrad(() => {
    for (let chunk = rank; chunk < chunkCount(samples); chunk += workers) {
      const pass = (body: () => void) => withGenerator(noise.restart(chunk), () => scope(body));
      beat();
      pass(() => {
        const start = chunk * chunkSize;
        const count = Math.min(chunkSize, samples - start);
        source.load(
          Int32Array.from({ length: count }, (_, i) => start + i),
          0,
        );
        const batch = source.batch(count);
        const weights =
          job.sampleWeight === undefined ? undefined : sampleWeights(job.sampleWeight, source, count);
        if (weights) heap().float32.set(weights, (base + plan.weightsAt!) / 4 + start);
        for (const metric of plan.metrics) {
          const brought = source.during(count, () =>
            callMetric(metric.name, job.metrics![metric.name]!, [model, batch, job.context], count),
          );
          keep(base, metric, brought, { chunk, start, count, weights });
        }
      });
    }
  });
  putBack();
}

/** Everything that was brought for a metric, in the order of the samples; a copy, as a score may sort it in place. */
function gather({ plan, base, samples }: Evaluated, { table }: PlannedMetric): Gathered {
  if (table.kind === "outputs") {
    const outputs = table.places.map((place) => ({
      data: rowsAt(base, place, 0, samples).slice(),
      shape: [samples, ...place.shape],
    })) as readonly Collected[] as CollectedOutputs;
    const first = plan.weightsAt === undefined ? undefined : (base + plan.weightsAt) / 4;
    const weights = first === undefined ? undefined : heap().float32.slice(first, first + samples);
    return { kind: "outputs", outputs, info: { samples, weights, shapes: table.shapes } };
  }
  const { kind, numbers, at } = table;
  const cells = heap().float64.subarray((base + at) / 8);
  const sums = Array.from({ length: numbers }, (_, number) => {
    let total = 0;
    for (let chunk = 0; chunk < chunkCount(samples); chunk++) total += cells[chunk * numbers + number]!;
    return total;
  });
  return { kind, sums };
}

/** Once all chunks are evaluated: the values of the metrics that fall to worker `rank`, each after a `beat`. */
export function finishMetrics(
  evaluated: Evaluated,
  { rank, workers, beat }: { rank: number; workers: number; beat: () => void },
): void {
  const { job, plan, base } = evaluated;
  for (let i = rank; i < plan.metrics.length; i += workers) {
    const metric = plan.metrics[i]!;
    const { name, shape, cell } = metric;
    beat();
    const value = finishMetric(name, job.metrics![name]!, gather(evaluated, metric));
    const found = flatten(`metrics.${name}`, value);
    if (`${found.shape}` !== `${shape}`) throw unlike(name);
    heap().float64.set(found.numbers, base / 8 + cell);
  }
}

/** Once these are there, too: the values of all metrics, one after another. */
export function metricCells({ plan, base }: Evaluated): number[] {
  return [...heap().float64.subarray(base / 8, base / 8 + plan.cells)];
}
