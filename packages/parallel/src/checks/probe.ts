// Calls the job's functions on the first rows before step 1, on the main thread and on every worker. Compares the
// results bit by bit. A job that depends on its thread is refused, as its results would mean nothing: own random
// numbers, variables that only one thread sets, a counter. Knows neither threads nor messages.
import type { AnyModule } from "@shardgrad/core";
import { Generator, noGrad, scope, stream, Tensor, withGenerator } from "@shardgrad/core";
import { drawnUnkeyed, Storage } from "@shardgrad/core/engine";
import type { Sampler, SamplingPlan } from "../data/sampling.ts";
import type { Phase } from "../errors.ts";
import { JobError } from "../errors.ts";
import type { RunJob } from "../job/define-job.ts";
import { functionOf } from "../metrics/definition.ts";
import { chunkSize } from "../metrics/plan.ts";
import type { Machines } from "../shared/arrays/machines.ts";
import { shardsOfMachine } from "../shared/arrays/machines.ts";
import { tensorBytes } from "../shared/arrays/model-places.ts";
import { runningStatistics } from "../shared/arrays/untrained.ts";
import type { Digest } from "../shared/digest.ts";
import { differenceOf, digestOf, places } from "../shared/digest.ts";
import type { BatchSource } from "../step/batches.ts";
import { keepModes } from "../step/evaluate.ts";
import { RunPlace } from "../step/run-place.ts";

/** The result of one of the job's functions; nothing if it threw, which is reported elsewhere. */
export interface Found {
  /** The name that users know: `loss`, `metrics.accuracy`. */
  what: string;
  digests: Digest[] | undefined;
}

/** Rows to probe. */
export interface Rows {
  source: BatchSource;
  /** Loads them as in the epoch that comes `later` epochs after; returns how many there are. */
  load: (source: BatchSource, later: number) => number;
}

type Choice = Pick<Rows, "load"> & { capacity: number };

/** The shard to probe: the first, of which all have the rows; with samples by shard, the first of the machine. */
export function shardToProbe({ order, shards }: SamplingPlan, machines: Machines): number {
  return order.kind === "by shard" ? shardsOfMachine(shards, machines)[0] : 0;
}

/** The rows of a shard in a step. */
export function rowsOfShard(sampler: Sampler, step: number, shard: number): Choice {
  const places = new Int32Array(sampler.largestShard);
  const load = (source: BatchSource, later: number) => {
    const count = sampler.shardSamples(step, shard, places);
    source.load(places.subarray(0, count), sampler.epochOf(step) + later, sampler.firstDraw(step, shard));
    return count;
  };
  return { capacity: places.length, load };
}

/** The first rows of a set. */
export function firstRows(samples: number, most: number): Choice {
  const capacity = Math.min(samples, most, chunkSize);
  const load = (source: BatchSource) => {
    source.load(
      Int32Array.from({ length: capacity }, (_, i) => i),
      0,
    );
    return capacity;
  };
  return { capacity, load };
}

/** What to probe, and where. */
export interface Probed {
  job: RunJob;
  model: AnyModule;
  seed: number;
  /** Steps done. The random numbers are those of the next step's first shard. */
  step: number;
  /** Epochs done. */
  epoch: number;
  /** The rows of the first shard. */
  train: Rows;
  /** The first rows of the evaluated set; undefined without one. */
  test: Rows | undefined;
  /** Gets the current activity. */
  enter: (phase: Phase) => void;
  /** Whether to call each function twice, to see whether it returns the same. */
  again: boolean;
}

const whatToDo =
  "it must not depend on the thread: random numbers come from the shard's own stream (rand, randn, dropout of core), in sample and augment from rng; what dataset() finds out goes through `state`, what a run is told through `params`";

/** All tensors in a function's result, by name. */
function digestsIn(name: string, value: unknown): Digest[] {
  if (value instanceof Tensor) return [digestOf(name, value)];
  if (typeof value === "number")
    return [{ name, kind: "number []", hash: String(value), shown: [{ at: 0, value }] }];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, part]) => digestsIn(`${name}.${key}`, part));
}

/** Gives BatchNorm private statistics while `body` runs, since all threads share the real ones. */
export function besideStatistics<T>(model: AnyModule, body: () => T): T {
  const moved = Array.from(runningStatistics(model), (x) => {
    const place = Storage.foreign(x.address, tensorBytes(x));
    x.moveTo(Storage.allocate(tensorBytes(x), "running statistics"));
    return () => x.moveTo(place, "adopt");
  });
  try {
    return body();
  } finally {
    for (const moveBack of moved) moveBack();
  }
}

/** What to do if a function throws. The real call reports it; but for a metric that comes only at the end of an epoch. */
export type OnThrown = (what: string, error: unknown) => void;

/** Calls one of the job's functions, and records its result. */
function look(what: string, own: Generator, body: () => unknown, onThrown: OnThrown): Found {
  const call = (): Digest[] | undefined => {
    try {
      const returned = body();
      if (returned instanceof Promise) returned.catch(() => undefined);
      return digestsIn(what, returned);
    } catch (error) {
      onThrown(what, error);
      return undefined;
    }
  };
  const { result: digests, found } = withGenerator(own, () => scope(() => drawnUnkeyed(own, call)));
  refuseOwnGenerator(what, found);
  return { what, digests };
}

/** @throws JobError if a function of the job draws from a generator that it keeps between calls */
export function refuseOwnGenerator(what: string, [found]: readonly Generator[]): void {
  if (!found) return;
  throw new JobError(
    `${what}: it draws from a generator of its own (seed ${found.seed}), whose numbers follow from how often it was called, and not from the step and the shard; leave the generator out: rand, randn and dropout draw from the shard's own`,
  );
}

/** Loads rows and calls the job's functions on them. Changes nothing that lasts. */
export function probe(
  { job, model, seed, step, epoch, train, test, enter, again }: Probed,
  onThrown: OnThrown = () => undefined,
): Found[] {
  const found: Found[] = [];
  const noise = new Generator(seed, stream.noise);
  const evaluation = new Generator(seed, stream.evaluation);
  const load = (what: string, { source, load }: Rows): number => {
    let count = 0;
    enter("gather");
    const once = (name: string, later: number): Found => {
      const body = () => {
        count = load(source, later);
        return source.batch(count);
      };
      return look(name, noise.restart(step), body, onThrown);
    };
    if (!source.callsJob) {
      found.push(once(what, 0));
      return count;
    }
    // The main thread loads the next epoch and then this one; workers start with this one. State that sample() or
    // augment() keeps between calls then shows on one of the two.
    const next = `${what} of the next epoch`;
    const before = again ? once(what, 0) : undefined;
    const later = once(next, 1);
    const now = once(what, 0);
    if (before) compareCalls(before, now);
    found.push(now, later);
    return count;
  };
  const call = (what: string, phase: Phase, own: () => Generator, body: () => unknown) => {
    const once = (): Found => {
      enter(phase);
      return besideStatistics(model, () => look(what, own(), body, onThrown));
    };
    const first = once();
    found.push(first);
    if (again) compareCalls(first, once());
  };
  const place = new RunPlace();
  place.set(step, epoch);
  const context = { ...job.context, step: place.step, epoch: place.epoch };
  const count = load("batch", train);
  const lossStream = () => noise.restart(step);
  try {
    const loss = () => job.loss(model, train.source.batch(count), context);
    if (count > 0) call("loss", "forward", lossStream, loss);
  } finally {
    place.dispose();
  }
  if (!test) return found;
  const putBack = keepModes(model);
  model.eval();
  try {
    const tested = load("evaluated batch", test);
    for (const [name, metric] of Object.entries(tested > 0 ? job.metrics : {})) {
      const evaluated = () => functionOf(metric)(model, test.source.batch(tested), job.context);
      const body = () => test.source.during(tested, () => noGrad(evaluated));
      call(`metrics.${name}`, "evaluate", () => evaluation.restart(0), body);
    }
  } finally {
    putBack();
  }
  return found;
}

/** The first difference between the results of a function in two places, with its position. */
function firstDifference(
  { digests: own }: Found,
  other: Found | undefined,
  places: readonly [string, string],
): string | undefined {
  const others = other?.digests;
  if (!own || !others) return undefined;
  for (let i = 0; i < Math.max(own.length, others.length); i++) {
    const difference = differenceOf(own[i], others[i], places);
    if (difference !== undefined)
      return `${(own[i] ?? others[i])!.name} differs: ${difference}, for the same rows`;
  }
  return undefined;
}

function compareCalls(first: Found, second: Found): void {
  const difference = firstDifference(first, second, ["when it was first called", "when it was called again"]);
  if (difference === undefined) return;
  throw new JobError(
    `train: ${difference}; it must keep no state of its own: what goes from step to step belongs in buffers, which afterStep(model, { step }) changes; random numbers come from the shard's own stream (rand, randn, dropout of core), in sample and augment from rng`,
  );
}

/** The worker's side. @throws JobError if a result differs from the main thread's; also rethrows errors of metrics */
export function compareWithMain(probed: Probed, expected: readonly Found[], rank: number): void {
  const found = probe(probed, (what, error) => {
    // Other errors appear soon, in their own place.
    if (what.startsWith("metrics.")) throw error;
  });
  probed.enter("reduce");
  compareFound(found, expected, rank);
}

function compareFound(own: readonly Found[], expected: readonly Found[], rank: number): void {
  own.forEach((found, index) => {
    const difference = firstDifference(found, expected[index], places(rank));
    if (difference !== undefined) throw new JobError(`train: ${difference}; ${whatToDo}`);
  });
}
