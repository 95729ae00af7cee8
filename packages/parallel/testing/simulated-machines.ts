// A run on several simulated machines at once: each is a whole run with workers and a link of its own, over a network
// whose messages take random times. All on one thread and one virtual clock, in an order that a seed decides.
import { useKernels } from "@shardgrad/core";
import type { TrainEvent, TrainResult } from "../src/events.ts";
import { findJob } from "../src/job/load-job.ts";
import type { TrainOptions } from "../src/plan/train-options.ts";
import { coordinate } from "../src/run/coordinator.ts";
import { isToldElsewhere } from "../src/run/told-errors.ts";
import type { SimulatedDisk } from "./simulated-disk.ts";
import { SimulatedNetwork } from "./simulated-network.ts";
import { features as common, environmentOf } from "./simulated-run.ts";
import type { SimulatedFault, World } from "./simulated-workers.ts";
import { SleepingWords, startSimulated } from "./simulated-workers.ts";
import { VirtualTime } from "./virtual-time.ts";

const features = {
  ...common,
  skipping: ["skipping", {}],
  "early leave": ["wide", {}],
  "unlike scores": ["unlike-scores", {}],
} as const;
export type Feature = keyof typeof features;

export interface MachinesSchedule {
  seed: number;
  feature: Feature;
  /** The workers of each machine. */
  workers: readonly number[];
  steps: number;
  /** One of a machine's workers fails; its link is the worker after the last. */
  fault?: SimulatedFault & { machine: number };
  /** A whole machine is switched off. */
  off?: { machine: number; ms: number };
  /** A machine's user stops the run. */
  stop?: { machine: number; ms: number };
  /** Machine 0 saves there. */
  disk?: SimulatedDisk;
  resume?: boolean;
  options?: TrainOptions;
  /** By machine, on top of these. */
  optionsOf?: readonly TrainOptions[];
  /** By machine, instead of the other. */
  featureOf?: readonly Feature[];
}

/** What came of one machine. */
export interface MachineTold {
  end?: TrainResult;
  error?: Error;
  /** Whether machine 0 tells of the error. */
  isToldElsewhere?: boolean;
  endMs?: number;
  events: TrainEvent[];
}

/** Runs it to the end of all machines, except one that is switched off. */
export async function simulateMachines(schedule: MachinesSchedule): Promise<MachineTold[]> {
  const { seed, feature, workers, steps, fault, off, stop, disk, resume = false } = schedule;
  useKernels("wasm-plain");
  const time = new VirtualTime(seed + 1);
  const network = new SimulatedNetwork(time, workers.length);
  const load = async (_: number, machine: number) => {
    const [name, more] = features[schedule.featureOf?.[machine] ?? feature];
    const url = new URL(`./simulated-jobs/${name}.ts`, import.meta.url).href;
    const { job } = await findJob("train", url, () => Promise.resolve(undefined));
    return { url, job, more };
  };
  const jobs = await Promise.all(workers.map(load));
  let words: SleepingWords | undefined;
  const wordsOf: World["wordsOf"] = (control) => (words ??= new SleepingWords(control.view, time));
  const run = async (machine: number): Promise<MachineTold> => {
    const told: MachineTold = { events: [] };
    const { url, job, more } = jobs[machine]!;
    const transport = network.transport(machine);
    const world: World = { time, job, wordsOf, transport, moves: 0, failed: () => undefined };
    const environment = {
      ...environmentOf(time, disk),
      words: wordsOf,
      start: (count: number) => startSimulated(world, count, fault?.machine === machine ? fault : undefined),
      transport: async () => (workers.length > 1 ? { url: "simulated", open: () => transport } : undefined),
    };
    const options: TrainOptions = {
      workers: workers[machine]!,
      shards: 4,
      steps,
      kernels: "wasm-plain",
      stallSeconds: 2,
      ...more,
      ...schedule.options,
      ...schedule.optionsOf?.[machine],
      ...(disk && { checkpoint: { directory: "/run", everySteps: 2, keep: 2 }, resume }),
    };
    const stopRequested = () => stop?.machine === machine && time.nowMs() >= stop.ms;
    const emit = (event: TrainEvent) => void told.events.push(event);
    const launch = { jobUrl: url, workerUrl: new URL(import.meta.url), argv: [], env: {} };
    try {
      told.end = await coordinate(launch, options, { emit, stopRequested }, environment);
    } catch (error) {
      told.error = error as Error;
      told.isToldElsewhere = isToldElsewhere(error);
    }
    told.endMs = time.nowMs();
    return told;
  };
  const realNow = performance.now;
  performance.now = () => time.nowMs();
  try {
    if (off) void time.sleep(off.ms).then(() => network.kill(off.machine));
    const machines = [...workers.keys()];
    const runs = machines.map(run);
    const ending = runs.filter((_, machine) => machine !== off?.machine);
    const told = await time.runUntil(Promise.all(ending), 2_000_000);
    return off ? told.toSpliced(off.machine, 0, { events: [] }) : told;
  } finally {
    performance.now = realNow;
  }
}
