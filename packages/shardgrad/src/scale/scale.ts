// scale(): what more workers bring for a job. Each number of workers has a turn in every round, and so has the machine's
// own limit; numbers are compared within rounds. turn.ts is one turn, rows.ts what is computed from all of them.
import { optionNames } from "@shardgrad/core/engine";
import type { StartEvent, TrainOptions } from "@shardgrad/parallel";
import { JobError } from "@shardgrad/parallel";
import { checkParts, checkValues, chooseKernels, frozenCopy, jobUrlOf } from "@shardgrad/parallel/command";
import { usableCores } from "@shardgrad/parallel/engine";
import { adviceOf } from "./advice.ts";
import type { Machine } from "./machine.ts";
import { describeMachine } from "./machine.ts";
import type { StepDivision } from "./parts.ts";
import { partsToMeasure } from "./parts.ts";
import type { Entrant } from "./rounds.ts";
import { runRounds } from "./rounds.ts";
import type { Measured, ScaleMode, ScaleRow } from "./rows.ts";
import { rowsOf, sameBits } from "./rows.ts";
import type { Turn, TurnPlan } from "./turn.ts";
import { planTurn, takePilot, takeTurn } from "./turn.ts";
import { defaultWorkerCounts, shardsFor } from "./worker-counts.ts";
import { startYardstick } from "./yardstick.ts";

/** The options of `scale`. */
export interface ScaleOptions
  extends Pick<TrainOptions, "shards" | "batchSize" | "accumulate" | "seed" | "kernels" | "params"> {
  /** Numbers of workers to measure; 1 is always among them. Default: 1, 2, 4, … and all cores. */
  workers?: readonly number[];
  /** Also measures a batch of the same size for every worker. Default false. */
  weak?: boolean;
  /** Default 5. */
  rounds?: number;
  /**
   * Also measures what one of so many machines does of the batch, with the most of `workers`: at most five parts, from
   * which `simulateMachines` predicts. Default: none.
   */
  machines?: readonly number[];
  /** Told what begins, such as "round 2 of 5: 4 workers". */
  onProgress?: (what: string) => void;
}

const optionsOfScale = optionNames<ScaleOptions>({
  workers: true,
  weak: true,
  rounds: true,
  machines: true,
  shards: true,
  batchSize: true,
  accumulate: true,
  seed: true,
  kernels: true,
  params: true,
  onProgress: true,
});

/** The result of `scale`: plain data that can be JSON. */
export interface ScaleResult {
  /** The URL of the job. */
  job: string;
  rows: ScaleRow[];
  /** Whether all numbers of workers that share the batch ended with the same weights, to the bit; null if there is one. */
  sameBits: boolean | null;
  /** What follows from the numbers, sentence by sentence. */
  advice: string[];
  rounds: number;
  /** Steps of a turn, with the unmeasured ones before them. */
  steps: TurnPlan;
  parameters: number;
  trainSamples: number;
  /** How a step divides among machines, with the most workers that were measured. */
  division: StepDivision;
  kernels: StartEvent["kernels"];
  machine: Machine;
}

/** Threads that spin at a barrier fall asleep after a tenth of a second. */
const restMs = 150;

function checkScaleOptions(options: ScaleOptions): void {
  checkParts("scale", options, optionsOfScale, "option");
  const { workers, rounds, weak, machines, onProgress, ...others } = options;
  checkValues("scale", others);
  const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 1;
  const areCounts = (value: unknown) => Array.isArray(value) && value.length > 0 && value.every(isCount);
  const refuse = (name: string, value: unknown, expected: string) => {
    throw new JobError(`scale: ${name} is ${JSON.stringify(value) ?? typeof value}, expected ${expected}`);
  };
  for (const [name, value] of Object.entries({ workers, machines }))
    if (value !== undefined && !areCounts(value))
      refuse(name, value, "a list of integers of at least 1, such as [1, 2, 4]");
  if (rounds !== undefined && !isCount(rounds)) refuse("rounds", rounds, "an integer of at least 1");
  if (weak !== undefined && typeof weak !== "boolean") refuse("weak", weak, "true or false");
  if (onProgress !== undefined && typeof onProgress !== "function")
    refuse("onProgress", onProgress, "a function");
}

/** A number of workers that takes turns. */
class Place implements Entrant {
  readonly name: string;
  readonly turns = new Map<number, Turn>();
  readonly mode: ScaleMode;
  readonly options: TrainOptions;
  readonly #job: string;
  readonly #plan: TurnPlan;

  constructor(job: string, mode: ScaleMode, options: TrainOptions, plan: TurnPlan) {
    const { workers, batchSize } = options;
    const part = `, a machine's ${batchSize} samples`;
    const detail = { strong: "", undivided: ", one shard", weak: ", a batch each", part }[mode];
    this.name = `${workers} ${workers === 1 ? "worker" : "workers"}${detail}`;
    this.mode = mode;
    this.options = options;
    this.#job = job;
    this.#plan = plan;
  }

  async turn(round: number): Promise<void> {
    this.turns.set(round, (await takeTurn(this.#job, this.options, this.#plan)).turn);
  }
}

/** What is to be measured. */
function placesOf(
  job: string,
  counts: readonly number[],
  {
    weak = false,
    machines = [],
    shards: given,
    ...base
  }: Omit<TrainOptions, "machines"> & Pick<ScaleOptions, "weak" | "machines">,
  pilot: { start: StartEvent; msPerStep: number },
): { places: Place[]; plan: TurnPlan; division: StepDivision } {
  const { batchSize, accumulate, shards: found } = pilot.start;
  const microBatch = batchSize / accumulate;
  // With one worker, a job that pins no shards has one for each micro-batch.
  const ofJob = found > accumulate ? found : undefined;
  const pinned = given ?? ofJob;
  const shards = pinned ?? shardsFor(counts, microBatch);
  const most = Math.max(...counts);
  const fastest = Math.min(most, usableCores(), 8);
  const plan = planTurn(pilot.msPerStep, fastest);
  const strong = counts.map((workers) => new Place(job, "strong", { ...base, workers, shards }, plan));
  const undivided =
    shards > 1 || weak
      ? [new Place(job, "undivided", { ...base, workers: 1, shards: accumulate }, plan)]
      : [];
  const alike = planTurn(pilot.msPerStep, 1);
  const several = weak ? counts.filter((workers) => workers > 1) : [];
  const apart = several.map((workers) => {
    const sizes = { workers, shards: workers * accumulate, batchSize: microBatch * workers };
    return new Place(job, "weak", { ...base, ...sizes }, alike);
  });
  const division: StepDivision = { batchSize, microBatch, workers: most, shards: pinned ?? null };
  const parts = machines.length > 0 ? partsToMeasure(machines, division) : [];
  const ofMachines = parts.flatMap((part) => {
    // One machine does all of it, which may have its place already.
    if (part.machines === 1 && part.shards === shards) return [];
    const sizes = { workers: most, shards: part.shards, batchSize: part.batchSize, accumulate: 1 };
    const shorter = planTurn(pilot.msPerStep / part.machines, fastest);
    return [new Place(job, "part", { ...base, ...sizes }, shorter)];
  });
  return { places: [...strong, ...undivided, ...apart, ...ofMachines], plan, division };
}

/**
 * Measures what more workers bring for a job: in interleaved rounds, with `shards` pinned, so that all numbers of
 * workers compute the same bits, and beside the machine's own limit. Trains only for the clock: weights are discarded.
 *
 * @param job URL (`import.meta.url`) or path of a module whose default export is a job
 * @throws JobError as `train`; and its errors, if not even one worker can train
 */
export async function scale(job: string | URL, given: ScaleOptions = {}): Promise<ScaleResult> {
  const options = frozenCopy(given);
  checkScaleOptions(options);
  const { workers, rounds = 5, weak = false, machines = [], onProgress, ...base } = options;
  const url = jobUrlOf("scale", job);
  const cores = usableCores();
  const counts = [...new Set([1, ...(workers ?? defaultWorkerCounts(cores))])].sort((a, b) => a - b);
  onProgress?.("a first run, with one worker");
  const pilot = await takePilot(url, base);
  const { start } = pilot;
  const kernels = await chooseKernels("scale", base.kernels ?? "auto", url);
  const machine = describeMachine(
    kernels.blas
      ? { blas: kernels.blas.description }
      : {
          noBlas:
            kernels.noBlas ?? (kernels.native ? "machine code computes" : "@shardgrad/blas is not installed"),
        },
    kernels.native?.description,
  );
  const { places, plan, division } = placesOf(url, counts, { ...base, weak, machines }, pilot);
  // More threads than cores take turns: they gain no more than one for each core.
  const threads = (workers: number) => Math.min(workers, cores);
  const yardstick = await startYardstick([...new Set(counts.map(threads))], kernels);
  const failed = await runRounds([yardstick.entrant, ...places], {
    rounds,
    budgetMs: Number.POSITIVE_INFINITY,
    restMs,
    announce: (round, name) => onProgress?.(`round ${round + 1} of ${rounds}: ${name}`),
  }).finally(() => yardstick.end());
  const broken = failed.get(yardstick.entrant) ?? failed.get(places[0]!);
  if (broken) throw broken;
  const measured = places.map((place): Measured => {
    const { mode, turns, options: of } = place;
    const batchSize = (of.batchSize ?? division.microBatch) * (of.accumulate ?? start.accumulate);
    const reason = failed.get(place)?.message;
    return { mode, workers: of.workers!, batchSize, shards: of.shards!, turns, reason };
  });
  const rows = rowsOf(measured, (workers) => yardstick.gflops.get(threads(workers))!);
  const { parameters, trainSamples } = start;
  const wantsBlas = (base.kernels ?? "auto") === "auto" && !kernels.blas && !kernels.native;
  return {
    job: url,
    rows,
    sameBits: sameBits(rows),
    advice: adviceOf(rows, { cores, trainSamples, wantsBlas }),
    rounds,
    steps: plan,
    parameters,
    trainSamples,
    division,
    kernels: start.kernels,
    machine,
  };
}
