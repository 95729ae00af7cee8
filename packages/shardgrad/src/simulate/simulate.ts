// simulateMachines(): how fast several machines would be, from what `scale` measured on one, and from a network.
// Computing is measured: each machine does a part of the batch, and steps of such parts were timed. The network is a
// formula, of cost-model.ts.
import { JobError } from "@shardgrad/parallel";
import type { Part, StepDivision } from "../scale/parts.ts";
import { partOf } from "../scale/parts.ts";
import type { ScaleResult } from "../scale/scale.ts";
import { adviceOfMachines } from "./advice.ts";
import { blocksOfMachines, ethernet, networkSeconds } from "./cost-model.ts";
import type { LocalTimes } from "./local-times.ts";
import { localTimes } from "./local-times.ts";
import type { SimulateOptions } from "./options.ts";
import { checkSimulateOptions, defaultMachines } from "./options.ts";
import type { MachinesRow, Simulation } from "./rows.ts";

/** A part for each machine, and the samples of all of them. */
interface Task extends Part {
  samplesOfAll: number;
}

/** What a machine is without others, and how it reaches them. */
interface Basis extends Pick<Simulation, "workers" | "gradientBytes" | "latencySeconds" | "overlap"> {
  times: LocalTimes;
}

/** How long a step of them takes. */
function predict(task: Task, bitsPerSecond: number, basis: Basis) {
  const { machines, batchSize, shards, shardsOfAll } = task;
  const { times, workers, gradientBytes, latencySeconds, overlap } = basis;
  const step = {
    // A worker's gradients are final only in the pass of its last shard.
    backwardSeconds: times.backwardMs(batchSize) / 1000 / Math.ceil(shards / workers),
    gradientBytes,
    blocks: blocksOfMachines(shardsOfAll, machines),
  };
  const networkMs = 1000 * networkSeconds(step, ethernet(bitsPerSecond, latencySeconds), overlap);
  const localMs = times.stepMs(batchSize);
  return { localMs, networkMs, msPerStep: localMs + networkMs };
}

const shared = (part: Part, batchSize: number): Task => ({ ...part, samplesOfAll: batchSize });

/** As many batches as machines. */
function eachItsOwn(whole: Part, machines: number): Task {
  const { batchSize, shards } = whole;
  return {
    machines,
    batchSize,
    shards,
    shardsOfAll: machines * shards,
    samplesOfAll: machines * batchSize,
  };
}

function tooFew(machines: number, { workers, shards, microBatch }: StepDivision): string {
  const needs = `${machines} machines of ${workers === 1 ? "1 worker" : `${workers} workers`} need ${machines * workers}`;
  return shards === null
    ? `${needs} samples in a batch, and it has ${microBatch}: take a larger batch, or fewer workers`
    : `${needs} shards, and there are ${shards}: pin more, or take fewer workers`;
}

/**
 * Predicts how fast several machines train, each as fast as the one that `scale` measured, with as many workers as the
 * most that it measured. For parts of the batch to be known, give `scale` the same `machines`: other numbers are read
 * off straight lines between the measured ones. Leaves out what waits for the slowest machine, and other traffic.
 *
 * @param result what `scale` returned, perhaps from a file
 * @throws JobError if an option is unknown or out of range, or if no step of so many workers was measured
 */
export function simulateMachines(result: ScaleResult, options: SimulateOptions = {}): Simulation {
  checkSimulateOptions(options);
  const { machines: named, latencySeconds = 50e-6, bitsPerSecond = [1e9, 10e9, 100e9] } = options;
  const { weak = false, overlap = true } = options;
  const { division } = result;
  const { batchSize, workers } = division;
  const times = localTimes(result);
  const whole = partOf(1, division);
  if (!times || !whole) {
    const reason = result.rows.find((row) => row.workers === workers && row.reason !== null)?.reason;
    throw new JobError(
      `simulateMachines: no step of ${workers} workers was measured${reason ? ` (${reason})` : ""}; measure fewer workers`,
    );
  }
  const basis: Basis = { times, workers, latencySeconds, overlap, gradientBytes: 4 * result.parameters };
  const counts = [...new Set([1, ...(named ?? defaultMachines)])].sort((a, b) => a - b);
  const parts = counts.flatMap((machines) => partOf(machines, division) ?? []);
  const tasks = [
    ...parts.map((part) => ({ mode: "strong" as const, task: shared(part, batchSize) })),
    ...(weak ? counts : []).map((machines) => ({
      mode: "weak" as const,
      task: eachItsOwn(whole, machines),
    })),
  ];
  const alone = batchSize / times.stepMs(batchSize);
  const rows = bitsPerSecond.flatMap((rate) =>
    tasks.map(({ mode, task }): MachinesRow => {
      const { machines, samplesOfAll, shardsOfAll } = task;
      const ms = predict(task, rate, basis);
      const speedup = samplesOfAll / ms.msPerStep / alone;
      return {
        mode,
        bitsPerSecond: rate,
        machines,
        batchSize: samplesOfAll,
        shards: shardsOfAll,
        ...ms,
        samplesPerSecond: (1000 * samplesOfAll) / ms.msPerStep,
        speedup,
        efficiency: speedup / machines,
      };
    }),
  );
  const refused = counts
    .filter((machines) => !parts.some((part) => part.machines === machines))
    .map((machines) => ({ machines, reason: tooFew(machines, division) }));
  /** How well two machines share a larger batch. */
  const efficiencyOfTwo = (samples: number, rate: number) => {
    const shards = 2 * whole.shards;
    const half = { machines: 2, batchSize: samples / 2, shards: whole.shards, shardsOfAll: shards };
    const { msPerStep } = predict({ ...half, samplesOfAll: samples }, rate, basis);
    return times.stepMs(samples) / msPerStep / 2;
  };
  const advice = adviceOfMachines(rows, { batchSize, trainSamples: result.trainSamples, efficiencyOfTwo });
  return { rows, refused, advice, workers, gradientBytes: basis.gradientBytes, latencySeconds, overlap };
}
