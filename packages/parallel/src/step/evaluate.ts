// Sharded evaluation: the test set is cut into chunks of fixed size, each evaluated by one worker. Results are kept by
// chunk, or by sample, and combined in that order, so they do not depend on the number of workers.
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
import { floatsAt } from "../shared/arrays/slices.ts";
import type { Float64Table } from "../shared/tables/float64-table.ts";
import { cellAddress, rowOf, sumOfColumn, tableBytes } from "../shared/tables/float64-table.ts";
import type { BatchSource } from "./batches.ts";
import { sampleWeights } from "./sample-weights.ts";

/** Restores the mode of every module of a model: a job may keep some in evaluation mode. */
export function keepModes(model: AnyModule): () => void {
  const modes = model.modules().map((module) => ({ module, training: module.training }));
  return () => {
    for (const { module, training } of modes) module.training = training;
  };
}

/** The metrics of a job, and their planned block of shared memory at byte `base`. */
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

/** The collected rows of some samples, in place. */
function rowsAt(base: number, place: CollectedPlace, from: number, to: number): Collected["data"] {
  const view = heap()[place.dtype];
  const [start, size] = [(base + place.at) / view.BYTES_PER_ELEMENT, sizeOf(place)];
  return view.subarray(start + from * size, start + to * size);
}

/** A table of the plan, at its address in this run. */
function tableAt(base: number, table: Float64Table): Float64Table {
  return { ...table, address: base + table.address };
}

/** The weights of all samples, if the job has any. */
function weightsOf(base: number, { weightsAt }: MetricsPlan, samples: number): Float32Array | undefined {
  return weightsAt === undefined ? undefined : floatsAt(base + weightsAt, samples);
}

/** The values of all metrics, at the start of the block. */
function valuesOf({ plan, base }: Evaluated): Float64Array {
  return rowOf({ address: base, rows: 1, columns: plan.cells }, 0);
}

/** Stores a metric's results for a chunk. */
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
  const { cells } = table as Exclude<PlannedMetric["table"], { kind: "outputs" }>;
  const row = rowOf(tableAt(base, cells), chunk);
  if (brought.kind === "sums") {
    if (brought.numbers.length !== cells.columns) throw unlike(name);
    row.set(brought.numbers);
  } else if (brought.kind === "perSample") {
    let [sum, weight] = [0, 0];
    brought.values.forEach((value, i) => {
      const own = weights?.[i] ?? 1;
      // Weight 0 removes any value, even NaN.
      if (own === 0) return;
      sum += own * value;
      weight += own;
    });
    row.set([sum, weight]);
  }
}

function unlike(name: string): JobError {
  return new JobError(
    `metrics.${name}: brought numbers of another size than on the first samples; expected the same for each batch, and for each sample`,
  );
}

/** Where the results of a chunk lie, whose samples are `start` … `end`-1. */
export function segmentsOfChunk(
  { metrics, weightsAt }: MetricsPlan,
  base: number,
  chunk: number,
  [start, end]: readonly [start: number, end: number],
): { address: number; bytes: number }[] {
  const found = metrics.flatMap(({ table }) => {
    if (table.kind !== "outputs") {
      const cells = tableAt(base, table.cells);
      return [{ address: cellAddress(cells, chunk, 0), bytes: tableBytes(1, cells.columns) }];
    }
    return table.places.map((place) => {
      const rowBytes = sizeOf(place) * heap()[place.dtype].BYTES_PER_ELEMENT;
      return { address: base + place.at + start * rowBytes, bytes: (end - start) * rowBytes };
    });
  });
  const weights = { address: base + (weightsAt ?? 0) + 4 * start, bytes: 4 * (end - start) };
  return weightsAt === undefined ? found : [...found, weights];
}

/** Evaluates the chunks of worker `rank` of all, each after a `beat`. */
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
        if (weights) weightsOf(base, plan, samples)!.set(weights, start);
        // What a metric computes is freed before the next one: each may run the whole model.
        for (const metric of plan.metrics) {
          scope(() => {
            const brought = source.during(count, () =>
              callMetric(metric.name, job.metrics[metric.name]!, [model, batch, job.context], count),
            );
            keep(base, metric, brought, { chunk, start, count, weights });
          });
        }
      });
    }
  });
  putBack();
}

/** A metric's results in the order of the samples; a copy, because a score may sort it in place. */
function gather({ plan, base, samples }: Evaluated, { table }: PlannedMetric): Gathered {
  if (table.kind === "outputs") {
    const outputs = table.places.map((place) => ({
      data: rowsAt(base, place, 0, samples).slice(),
      shape: [samples, ...place.shape],
    })) as readonly Collected[] as CollectedOutputs;
    const weights = weightsOf(base, plan, samples)?.slice();
    return { kind: "outputs", outputs, info: { samples, weights, shapes: table.shapes } };
  }
  const cells = tableAt(base, table.cells);
  const sums = Array.from({ length: cells.columns }, (_, number) => sumOfColumn(cells, number));
  return { kind: table.kind, sums };
}

/** After all chunks: computes the values of the metrics of worker `rank`, each after a `beat`. */
export function finishMetrics(
  evaluated: Evaluated,
  { rank, workers, beat }: { rank: number; workers: number; beat: () => void },
): void {
  const { job, plan } = evaluated;
  for (let i = rank; i < plan.metrics.length; i += workers) {
    const metric = plan.metrics[i]!;
    const { name, shape, cell } = metric;
    beat();
    const value = finishMetric(name, job.metrics[name]!, gather(evaluated, metric));
    const found = flatten(`metrics.${name}`, value);
    if (`${found.shape}` !== `${shape}`) throw unlike(name);
    valuesOf(evaluated).set(found.numbers, cell);
  }
}

/** After that: the values of all metrics, one after another. */
export function metricCells(evaluated: Evaluated): number[] {
  return [...valuesOf(evaluated)];
}
