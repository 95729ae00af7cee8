// Says in sentences what follows from the measured rows, and only what follows from them.
import { digits, percent, ratio } from "./numbers.ts";
import type { ScaleRow } from "./rows.ts";
import type { Spread } from "./statistics.ts";
import type { StepTime } from "./step-time.ts";
import { totalOf } from "./step-time.ts";

/** What the rows do not have. */
export interface Circumstances {
  /** How many threads can compute at once. */
  cores: number;
  trainSamples: number;
  /** True if a BLAS would be used, but there is none. */
  wantsBlas: boolean;
}

/** A row with numbers. */
type Full = ScaleRow & { msPerStep: Spread; samplesPerSecond: Spread; speedup: Spread; time: StepTime };

const isFull = (row: ScaleRow): row is Full => row.rounds > 0 && row.speedup !== null;

/** Gains below this are within what rounds differ by anyway. */
const worthMentioning = 0.03;
/** More workers are worth it from this share of what the machine itself would give. */
const wellUsed = 0.8;
/** A machine that gives several independent threads less than this share of as many is itself the limit. */
const machineIsGood = 0.75;
/** Rounds that differ by more are disturbed. */
const disturbed = 1.3;

const times = (value: number) => `${ratio(value)} times`;
const several = (workers: number) => (workers === 1 ? "1 worker" : `${workers} workers`);

/** The fewest workers that are as fast as any. */
function fewestOfTheFastest(rows: readonly Full[]): Full {
  const fastest = Math.max(...rows.map(({ speedup }) => speedup.median));
  return rows.find(({ speedup }) => speedup.median >= fastest * (1 - worthMentioning))!;
}

/** What so many workers can be expected to gain on this machine. */
const expected = ({ limit, workers }: Full, cores: number) =>
  Math.min(limit?.median ?? workers, workers, cores);

/** Milliseconds that grow with the batch, and those that do not. */
function partsOf({ time }: Full): { grows: number; stays: number } {
  const grows = time.compute + time.uneven;
  return { grows, stays: totalOf(time) - grows };
}

/** The speed-up that the same machine would have with a batch so many times as large, by the measured parts. */
export function speedupWithBatch(one: Full, row: Full, factor: number): number {
  const [alone, shared] = [partsOf(one), partsOf(row)];
  return (factor * alone.grows + alone.stays) / (factor * shared.grows + shared.stays);
}

/** The smallest batch, by doubling, that would make this number of workers worth it. */
function batchFor(one: Full, row: Full, { cores, trainSamples }: Circumstances): number | undefined {
  for (let factor = 2; factor * row.batchSize <= trainSamples && factor <= 1024; factor *= 2) {
    if (speedupWithBatch(one, row, factor) >= wellUsed * expected(row, cores)) return factor * row.batchSize;
  }
  return undefined;
}

/** What costs the most beyond an equal share of what one worker does, with its milliseconds. */
function costliest(one: Full, { time, workers }: Full): { what: string; ms: number } {
  const share = (part: "compute" | "reduce" | "update") => time[part] - one.time[part] / workers;
  const costs = [
    { what: "slower computing", ms: share("compute") },
    { what: "shards of unequal length", ms: time.uneven },
    { what: "waiting for whoever is late", ms: time.wait },
    { what: "averaging gradients", ms: share("reduce") },
    { what: "the update", ms: share("update") },
    { what: "the barrier", ms: time.barrier },
    { what: "bookkeeping", ms: time.other - one.time.other / workers },
  ];
  return costs.reduce((most, cost) => (cost.ms > most.ms ? cost : most));
}

/** Which number of workers to take. */
function choice(best: Full, one: Full): string {
  if (best.workers === 1) return "1 worker: more are not faster here";
  const gain = `${times(best.speedup.median)} the samples per second of one (${ratio(best.speedup.min)} – ${ratio(best.speedup.max)})`;
  const perStep = `${digits(best.msPerStep.median)} ms a step in place of ${digits(one.msPerStep.median)}`;
  return `${several(best.workers)}: ${gain}, ${perStep}`;
}

/** What keeps the most workers, of those that have a core each, from being worth it. */
function whatKeeps(one: Full, row: Full, circumstances: Circumstances): string[] {
  const { workers, shards, speedup, batchSize } = row;
  if (workers === 1 || speedup.median >= wellUsed * expected(row, circumstances.cores)) return [];
  const { what, ms } = costliest(one, row);
  const lost = `${several(workers)} lose most to ${what}, ${digits(ms)} of ${digits(row.msPerStep.median)} ms a step`;
  if (what === "shards of unequal length" && shards % workers !== 0) {
    return [`${lost}: ${shards} shards do not divide by ${workers}; pin a multiple of ${workers}`];
  }
  const batch = batchFor(one, row, circumstances);
  if (batch !== undefined)
    return [`${lost}: a batch of ${batch} would make ${workers} worth it (it has ${batchSize})`];
  return [`${lost}: by these numbers no larger batch would make ${workers} worth it`];
}

/** What the machine itself does not give. */
function machineLimit(row: Full, cores: number): string[] {
  const { workers, limit } = row;
  if (!limit || workers === 1 || workers > cores || limit.median >= machineIsGood * workers) return [];
  return [
    `${workers} threads that share nothing gain only ${times(limit.median)} one here: the cores share a clock, a cache or memory, or other programs use them`,
  ];
}

/** What splitting the batch into shards costs a single worker, if the best number of workers makes up for it. */
function costOfShards(undivided: Full | undefined, one: Full, best: Full): string[] {
  if (!undivided || undivided.speedup.median < 1 + 2 * worthMentioning) return [];
  const gain = undivided.speedup.median;
  const against =
    best.workers === 1
      ? ""
      : `; against that, ${best.workers} are ${times(best.speedup.median / gain)} as fast`;
  return [
    `one worker is ${percent(gain - 1)} faster with the batch in one shard than in ${one.shards}${against}`,
  ];
}

/** One worker that splits nothing is faster than all others. */
function alone(undivided: Full, best: Full): string {
  const gain = times(undivided.speedup.median / best.speedup.median);
  return `1 worker, with the batch in one shard: ${gain} as fast as ${several(best.workers)} with ${best.shards} shards, which are too short to pay`;
}

function noise({ msPerStep }: Full): string[] {
  const spread = msPerStep.max / msPerStep.min;
  if (spread < disturbed) return [];
  return [
    `one worker's rounds differ by ${percent(spread - 1)}: other programs use this machine, so trust these numbers no further than their ranges`,
  ];
}

/** Sentences, the most important first; none if nothing was measured. */
export function adviceOf(rows: readonly ScaleRow[], circumstances: Circumstances): string[] {
  const { cores, wantsBlas } = circumstances;
  const full = rows.filter(isFull);
  const strong = full.filter(({ mode }) => mode === "strong");
  const [one] = strong;
  if (!one) return [];
  // More workers than cores take turns, and what looks like a gain is chance.
  const apart = strong.filter(({ workers }) => workers <= cores);
  const best = fewestOfTheFastest(apart);
  const most = apart.at(-1)!;
  const computing = best.time.compute / totalOf(best.time);
  const undivided = full.find(({ mode }) => mode === "undivided");
  const isAlone = undivided && undivided.speedup.median > best.speedup.median * (1 + worthMentioning);
  return [
    isAlone ? alone(undivided, best) : choice(best, one),
    ...whatKeeps(one, most, circumstances),
    ...(cores > most.workers && best === most
      ? [`this machine has ${cores} cores: measure more workers, up to ${cores}`]
      : []),
    ...machineLimit(most, cores),
    ...(isAlone ? [] : costOfShards(undivided, one, best)),
    ...(wantsBlas && computing >= 0.5
      ? [`install a BLAS: ${percent(computing)} of a step is computing, now on WebAssembly`]
      : []),
    ...noise(one),
  ];
}
