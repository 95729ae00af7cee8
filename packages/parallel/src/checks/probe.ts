// What the functions of a job give on the first rows, found out on the main thread and on every worker before step 1,
// and compared to the bit. A job that depends on its thread (random numbers of its own, variables that only one thread
// sets, a counter) is refused here, rather than that its results mean nothing. Knows neither threads nor messages.
import type { AnyModule } from "@shardgrad/core";
import { Generator, noGrad, scope, stream, Tensor, withGenerator } from "@shardgrad/core";
import { drawnUnkeyed, Storage } from "@shardgrad/core/engine";
import type { Sampler } from "../data/sampling.ts";
import type { Phase } from "../errors.ts";
import { JobError } from "../errors.ts";
import type { RunJob } from "../job/define-job.ts";
import { functionOf } from "../metrics/definition.ts";
import { chunkSize } from "../metrics/plan.ts";
import type { Digest } from "../shared/digest.ts";
import { differenceOf, digestOf, places } from "../shared/digest.ts";
import { tensorBytes } from "../shared/layout.ts";
import { runningStatistics } from "../shared/untrained.ts";
import type { BatchSource } from "../step/batches.ts";
import { keepModes } from "../step/evaluate.ts";
import { RunPlace } from "../step/run-place.ts";

/** What a function of the job gave; nothing if it threw, which has its own place to be told. */
export interface Found {
  /** As users know it: `loss`, `metrics.accuracy`. */
  what: string;
  digests: Digest[] | undefined;
}

/** Rows to look at. */
export interface Rows {
  source: BatchSource;
  /** Loads them, as in an epoch that is so many later; returns how many there are. */
  load: (source: BatchSource, later: number) => number;
}

type Choice = Pick<Rows, "load"> & { capacity: number };

/** The rows of a step's first shard. */
export function firstShard(sampler: Sampler, step: number): Choice {
  const places = new Int32Array(sampler.largestShard);
  const load = (source: BatchSource, later: number) => {
    const count = sampler.shardSamples(step, 0, places);
    source.load(places.subarray(0, count), sampler.epochOf(step) + later, sampler.firstDraw(step, 0));
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

/** What is looked at, and where. */
export interface Probed {
  job: RunJob;
  model: AnyModule;
  seed: number;
  /** Steps done: the random numbers are those of the next one, and of its first shard. */
  step: number;
  /** Epochs done. */
  epoch: number;
  /** Those of the first shard. */
  train: Rows;
  /** The first ones of what is evaluated; undefined without. */
  test: Rows | undefined;
  /** Told what is being done. */
  enter: (phase: Phase) => void;
  /** Whether functions are called once more, to see whether they give the same again. */
  again: boolean;
}

const whatToDo =
  "it must not depend on the thread: random numbers come from the shard's own stream (rand, randn, dropout of core), in sample and augment from rng; what dataset() finds out goes through `state`, what a run is told through `params`";

/** All tensors in what a function returned, by name. */
function digestsIn(name: string, value: unknown): Digest[] {
  if (value instanceof Tensor) return [digestOf(name, value)];
  if (typeof value === "number")
    return [{ name, kind: "number []", hash: String(value), shown: [{ at: 0, value }] }];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, part]) => digestsIn(`${name}.${key}`, part));
}

/** Gives BatchNorm statistics of its own while `body` runs: they lie where all threads see them. */
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

/** What to do about a function of the job that throws: whoever calls it in earnest will tell, or nobody before an epoch is over. */
export type OnThrown = (what: string, error: unknown) => void;

/** Calls one of the job's functions, and takes down what it returned. */
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

/** @throws JobError if a function of the job was found to draw from a generator that it keeps */
export function refuseOwnGenerator(what: string, [found]: readonly Generator[]): void {
  if (!found) return;
  throw new JobError(
    `${what}: it draws from a generator of its own (seed ${found.seed}), whose numbers follow from how often it was called, and not from the step and the shard; leave the generator out: rand, randn and dropout draw from the shard's own`,
  );
}

/** Loads rows, and calls the job's functions with them; changes nothing that lasts. */
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
    // The main thread goes on to the next epoch and back, workers begin with the next one: what sample() or augment() keeps
    // from call to call shows in one of them.
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
    for (const [name, metric] of Object.entries(tested > 0 ? (job.metrics ?? {}) : {})) {
      const evaluated = () => functionOf(metric)(model, test.source.batch(tested), job.context);
      const body = () => test.source.during(tested, () => noGrad(evaluated));
      call(`metrics.${name}`, "evaluate", () => evaluation.restart(0), body);
    }
  } finally {
    putBack();
  }
  return found;
}

/** The first difference between what a function gave in two places, and where in it. */
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

/** A worker's side: @throws JobError if it finds something else than the main thread, or what a metric throws */
export function compareWithMain(probed: Probed, expected: readonly Found[], rank: number): void {
  const found = probe(probed, (what, error) => {
    // All else fails in a moment, in its own place.
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
