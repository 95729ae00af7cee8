// What a run knows of its metrics before it begins: the kind of each, how many numbers it needs and returns, and their
// place in shared memory. The main thread tries each metric on the first samples, so a mistake shows before the first
// step and not after the first epoch.
import type { AnyModule, DType, NumericArray, Shape } from "@shardgrad/core";
import { Generator, IndexError, MemoryError, noGrad, scope, stream, withGenerator } from "@shardgrad/core";
import type { Batch, Columns } from "../data/dataset.ts";
import { describeThrown, JobError, placeOf } from "../errors.ts";
import type { JobContext } from "../params.ts";
import type { Float64Table } from "../shared/tables/float64-table.ts";
import { planTable, tableBytes } from "../shared/tables/float64-table.ts";
import type { Brought, Gathered } from "./brought.ts";
import { callMetric, finishMetric, flatten } from "./brought.ts";
import type { Direction, Metric, MetricValue } from "./definition.ts";
import { directionOf, testLoss } from "./definition.ts";

/** Test samples per forward pass. */
export const chunkSize = 256;

export function chunkCount(samples: number): number {
  return Math.ceil(samples / chunkSize);
}

/** Collected rows: a range of the block, `[samples, ...shape]`. */
export interface CollectedPlace {
  dtype: DType;
  /** Of one sample. */
  shape: Shape;
  /** Bytes from the start of the block. */
  at: number;
}

/** Where the results of the chunks are kept. */
export type MetricTable =
  /** A row per chunk; its address counts from the start of the block. Per-sample metrics: the weighted sum and the weight. */
  | { kind: "perSample" | "sums"; cells: Float64Table }
  | { kind: "outputs"; places: CollectedPlace[]; shapes: Shape[] };

export interface PlannedMetric {
  name: string;
  /** Undefined if the metric has no direction, and so cannot steer the run. */
  direction: Direction | undefined;
  /** The shape of its value; `[]` for a single number. */
  shape: Shape;
  /** The index of its first number among those of all metrics. */
  cell: number;
  table: MetricTable;
}

/**
 * Can be sent to other threads. Offsets are into one block of shared memory, which begins with the float64 values of
 * all metrics.
 */
export interface MetricsPlan {
  metrics: readonly PlannedMetric[];
  /** How many numbers all metrics return together. */
  cells: number;
  /** Where the weights of the samples are collected, if the job has any. */
  weightsAt: number | undefined;
  /** Bytes of the block. */
  bytes: number;
}

/** For a run that evaluates nothing. */
export const noMetrics: MetricsPlan = { metrics: [], cells: 0, weightsAt: undefined, bytes: 0 };

const sizeOf = (shape: Shape) => shape.reduce((size, length) => size * length, 1);

/** Tries two batch sizes, so that no other axis is taken for the sample axis. */
const trials = [2, 3] as const;

type Tried = ReturnType<typeof tryOnce>;

function dtypeOf(data: NumericArray): DType {
  if (data instanceof Float32Array) return "float32";
  if (data instanceof Float64Array) return "float64";
  return data instanceof Int32Array ? "int32" : "uint8";
}

/** What the plan needs to know of a job. */
export interface EvaluatingJob {
  metrics?: Readonly<Record<string, Metric<Columns, AnyModule>>>;
  sampleWeight?: unknown;
  context: JobContext;
}

/** What to try metrics with. */
export interface Trial {
  model: AnyModule;
  /** The first samples, and their weights if the job has any. */
  load: (count: number) => {
    batch: Batch<Columns>;
    weights: Float32Array | undefined;
    /** Adds the sample's place to an error about its number. */
    during: <T>(body: () => T) => T;
  };
  seed: number;
}

/** The value of a metric over just a few samples. */
function tryOnce(
  name: string,
  metric: Metric<Columns, AnyModule>,
  context: JobContext,
  { model, load, seed }: Trial,
  samples: number,
): { brought: Brought; shape: Shape; numbers: number[]; finishAgain: () => number[] } {
  const evaluate = () => {
    const { batch, weights, during } = load(samples);
    const brought = during(() => callMetric(name, metric, [model, batch, context], samples));
    const gathered = gatheredFrom(brought, samples, weights?.slice());
    // Copies, because a score may sort in place.
    const finish = () => flatten(`metrics.${name}`, finishMetric(name, metric, structuredClone(gathered)));
    return { brought, ...finish(), finishAgain: () => finish().numbers };
  };
  try {
    const noise = new Generator(seed, stream.evaluation).restart(0);
    return noGrad(() => withGenerator(noise, () => scope(evaluate)));
  } catch (error) {
    if (error instanceof JobError || error instanceof MemoryError || error instanceof IndexError) throw error;
    const place = error instanceof Error ? placeOf(error) : "";
    throw new JobError(
      `metrics.${name}: ${describeThrown(error)}${place}; it was tried on the first ${samples} samples; ${name === testLoss ? "if the loss can only be computed in training, give the job testLoss: false" : "where so few have no value, let it return NaN"}`,
      { cause: error },
    );
  }
}

/** @throws JobError if `finish` or `score` returned something else for the same input than in its first call */
function checkSameAgain(name: string, { brought, numbers, finishAgain }: Tried): void {
  const again = finishAgain();
  const at = numbers.findIndex((number, i) => !Object.is(number, again[i]));
  if (at < 0) return;
  const part = brought.kind === "outputs" ? "score" : "finish";
  throw new JobError(
    `metrics.${name}: ${part} gave ${numbers[at]} when it was first called, ${again[at]} when it was called again, for the same numbers; what it keeps in variables of its own begins anew after a restart or a resume`,
  );
}

function gatheredFrom(brought: Brought, samples: number, weights: Float32Array | undefined): Gathered {
  if (brought.kind === "perSample") return { kind: "perSample", sums: [0, 1] };
  if (brought.kind === "sums") return { kind: "sums", sums: brought.numbers };
  const { kept, shapes } = brought;
  return { kind: "outputs", outputs: kept, info: { samples, weights, shapes } };
}

/** Allocates places in a block one after another, aligned for float64. */
class Places {
  bytes: number;

  constructor(bytes: number) {
    this.bytes = bytes;
  }

  add(bytes: number): number {
    const at = this.bytes;
    this.bytes += Math.ceil(bytes / 8) * 8;
    return at;
  }
}

function placeTable(
  name: string,
  [few, more]: readonly [Brought, Brought],
  samples: number,
  places: Places,
): MetricTable {
  if (few.kind === "outputs" && more.kind === "outputs") {
    const collected = few.kept.map(({ data, shape }, i): CollectedPlace => {
      const own = shape.slice(1);
      if (`${more.kept[i]?.shape.slice(1)}` !== `${own}`) throw unlike(name, "outputs");
      const bytes = samples * sizeOf(own) * data.BYTES_PER_ELEMENT;
      return { dtype: dtypeOf(data), shape: own, at: places.add(bytes) };
    });
    return { kind: "outputs", places: collected, shapes: few.shapes };
  }
  const { kind } = few as Exclude<Brought, { kind: "outputs" }>;
  const numbers = few.kind === "sums" ? few.numbers.length : 2;
  if (more.kind === "sums" && more.numbers.length !== numbers) throw unlike(name, "sums");
  const allocate = (bytes: number) => ({ offset: places.add(bytes) });
  return { kind, cells: planTable(allocate, chunkCount(samples), numbers) };
}

function unlike(name: string, what: string): JobError {
  return new JobError(
    `metrics.${name}: ${what} have other sizes for ${trials[1]} samples than for ${trials[0]}; expected the same for each batch, and for each sample`,
  );
}

/**
 * Tries the metrics of a job, and lays out the memory that they need.
 *
 * @param samples of the evaluated set
 * @throws JobError if one does not return what its kind requires
 */
export function planMetrics(
  { metrics = {}, sampleWeight, context }: EvaluatingJob,
  samples: number,
  trial: Trial,
): MetricsPlan {
  const tried = Object.entries(metrics).map(([name, metric]) => {
    const [few, more] = trials.map((count) => tryOnce(name, metric, context, trial, count)) as [Tried, Tried];
    if (`${few.shape}` !== `${more.shape}`) throw unlike(name, "values");
    for (const once of [few, more]) checkSameAgain(name, once);
    const direction = directionOf(metric);
    if (direction && few.shape.length > 0) {
      throw new JobError(
        `metrics.${name}: has the direction "${direction}", but comes to [${few.shape.join(",")}] numbers; only a single number can be better than another`,
      );
    }
    return { name, direction, shape: few.shape, brought: [few.brought, more.brought] as const };
  });
  let cells = 0;
  const starts = tried.map(({ shape }) => {
    cells += sizeOf(shape);
    return cells - sizeOf(shape);
  });
  const places = new Places(tableBytes(1, cells));
  const planned = tried.map(({ brought, ...metric }, i): PlannedMetric => {
    const table = placeTable(metric.name, brought, samples, places);
    return { ...metric, cell: starts[i]!, table };
  });
  const weightsAt = sampleWeight === undefined || planned.length === 0 ? undefined : places.add(4 * samples);
  return { metrics: planned, cells, weightsAt, bytes: places.bytes };
}

/** The values of the metrics by name, nested as returned. */
export function namedValues({ metrics }: MetricsPlan, cells: readonly number[]): Record<string, MetricValue> {
  const nest = (shape: Shape, from: number): MetricValue => {
    const [length, ...rest] = shape;
    if (length === undefined) return cells[from]!;
    return Array.from({ length }, (_, i) => nest(rest, from + i * sizeOf(rest)));
  };
  return Object.fromEntries(metrics.map(({ name, shape, cell }) => [name, nest(shape, cell)]));
}

/** What events tell of an evaluation. */
export interface ToldMetrics {
  /** Each metric over the test set. */
  metrics: Record<string, MetricValue>;
  /** The job's loss over the test set, in evaluation mode; absent if the run does not compute it. */
  testLoss?: number;
}

/** The form that events have. */
export function toldMetrics(named: Readonly<Record<string, MetricValue>>): ToldMetrics {
  const { [testLoss]: loss, ...metrics } = named;
  return { metrics, ...(loss !== undefined && { testLoss: loss as number }) };
}

/** The inverse of `namedValues`: the numbers of stored values by name. NaN for metrics that had no value, or one of another shape. */
export function cellsOf(
  { metrics }: MetricsPlan,
  named: Readonly<Record<string, MetricValue>>,
): { cells: number[]; lacking: string[] } {
  const lacking: string[] = [];
  const cells = metrics.flatMap(({ name, shape }) => {
    const kept = Object.hasOwn(named, name) ? flatten(`metrics.${name}`, named[name]) : undefined;
    if (kept && `${kept.shape}` === `${shape}`) return kept.numbers;
    lacking.push(name);
    return new Array<number>(sizeOf(shape)).fill(Number.NaN);
  });
  return { cells, lacking };
}
