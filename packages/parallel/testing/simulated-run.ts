// Whole runs on a virtual clock, with workers that fail: all of the product except threads, time and disk. The workers
// of a run take turns on one thread, in an order that a seed decides.
import { useKernels } from "@shardgrad/core";
import type { Processes } from "../src/checkpoint/processes.ts";
import type { CheckpointEvent, EpochEvent, RestartEvent, TrainEvent, TrainResult } from "../src/events.ts";
import { findJob } from "../src/job/load-job.ts";
import type { TrainOptions } from "../src/plan/train-options.ts";
import { coordinate } from "../src/run/coordinator.ts";
import { ReservedMemory } from "../src/run/reserved-memory.ts";
import type { SnapshotsChoice } from "../src/shared/snapshots/snapshot-slots.ts";
import { SimulatedDisk } from "./simulated-disk.ts";
import type { SimulatedFault, World } from "./simulated-workers.ts";
import { faultKinds, SleepingWords, startSimulated } from "./simulated-workers.ts";
import { VirtualTime } from "./virtual-time.ts";

export const perEpoch = 3;
export const stallMs = 2000;
const directory = "/run";

/** Jobs of simulated-jobs/, with the options of their runs. */
export const features = {
  plain: ["plain", {}],
  clipping: ["clipping", {}],
  "clipping values": ["clipping-values", {}],
  "early stopping": ["early-stopping", {}],
  "batch norm": ["batch-norm", {}],
  teacher: ["teacher", { useEma: true }],
  "local SGD": ["plain", { syncEvery: 2 }],
  "averaged by the coordinator": ["plain", { reduce: "coordinator" }],
  "averaged by the coordinator, early": ["early-stopping", { reduce: "coordinator" }],
  recorded: ["plain", { onStepEnd: () => undefined }],
} as const satisfies Record<string, [job: string, options: TrainOptions]>;
export type Feature = keyof typeof features;

/** What is drawn from a seed. */
export interface Schedule {
  seed: number;
  feature: Feature;
  workers: number;
  steps: number;
  restarts: number;
  /** The failure of each attempt; undefined for none. */
  faults: (SimulatedFault | undefined)[];
  /** When the user stops the run, if at all. */
  stopMs: number | undefined;
  snapshots: SnapshotsChoice;
  /** Whether and what it saves, and the number of workers for a resume after a stop or a failure. */
  checkpoint: { everySteps: number; best: boolean; resumedOn: number } | undefined;
}

/** The result of a run. */
export interface Told {
  error: unknown;
  end: TrainResult | undefined;
  /** The most steps that the run reported. */
  toldSteps: number;
  epochs: EpochEvent[];
  restarts: RestartEvent[];
  checkpoints: CheckpointEvent[];
  /** The first failure of each attempt, as the workers know it, and its time. */
  failures: { atMs: number; message: string }[];
  endMs: number;
  /** Moves of workers after the run's end; there must be none. */
  movesAfterEnd: number;
}

/** Deliberate bugs, which the tests must notice. */
export interface Mutations {
  /** Treats workers as ended as soon as they are told to end. */
  endsTooEarly?: boolean;
  stallMs?: number;
}

/** Failures that a run recovers from. */
const usualKinds = faultKinds.filter((kind) => kind !== "mistake" && kind !== "unending");

export function scheduleOf(seed: number): Schedule {
  const time = new VirtualTime(seed);
  const names = Object.keys(features) as Feature[];
  const feature = names[time.integer(names.length)]!;
  const workers = 1 + time.integer(4);
  const restarts = time.integer(4);
  const fault = (): SimulatedFault | undefined => {
    if (time.random() < 0.3) return undefined;
    const kinds = time.random() < 0.2 ? faultKinds : usualKinds;
    return { rank: time.integer(workers), move: time.integer(200), kind: kinds[time.integer(kinds.length)]! };
  };
  const drawn = {
    seed,
    feature,
    workers,
    steps: 4 + time.integer(12),
    restarts,
    faults: Array.from({ length: restarts + 1 }, fault),
    stopMs: time.random() < 0.25 ? time.random() * 400 : undefined,
    checkpoint:
      time.random() < 0.5
        ? { everySteps: 1 + time.integer(5), best: time.random() < 0.5, resumedOn: 1 + time.integer(4) }
        : undefined,
  };
  const snapshots = (["memory", "memory", "disk", "off"] as const)[time.integer(4)]!;
  // Without snapshots, the first failure ends a run.
  return { ...drawn, snapshots, restarts: snapshots === "off" ? 0 : restarts };
}

/** A disk whose every operation takes some time. */
function slowly(disk: SimulatedDisk, time: VirtualTime): SimulatedDisk {
  return new Proxy(disk, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return async (...args: unknown[]) => {
        await time.sleep(time.random() * 5);
        return await Reflect.apply(value, target, args);
      };
    },
  });
}

/** An ordinary process, without a sign of life. */
const processes: Processes = {
  host: "simulated",
  kernel: undefined,
  namespace: undefined,
  pid: 1,
  token: (() => {
    let tokens = 0;
    return () => `00000000-0000-4000-8000-${String(tokens++).padStart(12, "0")}`;
  })(),
  incarnation: () => undefined,
  giveSign: () => Promise.resolve(undefined),
  hasSign: () => Promise.resolve(undefined),
};

/** What runs take from the machine here, besides workers. */
export function environmentOf(time: VirtualTime, disk = new SimulatedDisk()) {
  return { clock: time, store: { disk: slowly(disk, time), processes } };
}

/** Runs one schedule from start to end, on a disk that may hold checkpoints. */
export async function simulate(
  schedule: Schedule,
  {
    disk = new SimulatedDisk(),
    resume = false,
    ...mutations
  }: Mutations & { disk?: SimulatedDisk; resume?: boolean } = {},
): Promise<Told> {
  const { seed, feature, workers, steps, restarts, faults, stopMs, checkpoint, snapshots } = schedule;
  const time = new VirtualTime(seed + 1);
  const told: Told = {
    error: undefined,
    end: undefined,
    toldSteps: 0,
    epochs: [],
    restarts: [],
    checkpoints: [],
    failures: [],
    endMs: 0,
    movesAfterEnd: 0,
  };
  useKernels("wasm-plain");
  const [name, more] = features[feature];
  const url = new URL(`./simulated-jobs/${name}.ts`, import.meta.url).href;
  const { job } = await findJob("train", url, () => Promise.resolve(undefined));
  let attempts = 0;
  let failedInAttempt = false;
  let words: SleepingWords | undefined;
  const world: World = {
    time,
    job,
    wordsOf: (control) => (words ??= new SleepingWords(control.view, time)),
    moves: 0,
    failed: (message) => {
      if (!failedInAttempt) told.failures.push({ atMs: time.nowMs(), message });
      failedInAttempt = true;
    },
  };
  const environment = {
    ...environmentOf(time, disk),
    start: (count: number) => {
      failedInAttempt = false;
      return startSimulated(world, count, faults[attempts++], mutations.endsTooEarly);
    },
    words: world.wordsOf,
  };
  const options: TrainOptions = {
    workers,
    shards: 4,
    steps,
    restarts,
    kernels: "wasm-plain",
    snapshots,
    ...(snapshots !== "off" && { snapshotEvery: 2 }),
    stallSeconds: (mutations.stallMs ?? stallMs) / 1000,
    ...more,
    ...(checkpoint && {
      checkpoint: {
        directory,
        everySteps: checkpoint.everySteps,
        keep: 2,
        ...(checkpoint.best && { best: { metric: "error" } }),
      },
      resume,
    }),
  };
  const emit = (event: TrainEvent) => {
    if (event.type === "epoch") told.epochs.push(event);
    if (event.type === "restart") told.restarts.push(event);
    if (event.type === "checkpoint") told.checkpoints.push(event);
    if (event.type === "progress" || event.type === "epoch")
      told.toldSteps = Math.max(told.toldSteps, event.step);
  };
  const stopRequested = () => stopMs !== undefined && time.nowMs() >= stopMs;
  const realNow = performance.now;
  // Decisions that depend on time use this clock.
  performance.now = () => time.nowMs();
  // No simulated thread writes after the end, so thousands of runs need not leave theirs to one that cannot be ended.
  const { abandon } = ReservedMemory.prototype;
  ReservedMemory.prototype.abandon = () => undefined;
  try {
    const launch = { jobUrl: url, workerUrl: new URL(import.meta.url), argv: [], env: {} };
    told.end = await time.runUntil(
      coordinate(launch, options, { emit, stopRequested }, environment),
      1_000_000,
    );
  } catch (error) {
    told.error = error;
  } finally {
    told.endMs = time.nowMs();
    const { moves } = world;
    await time.runUntil(time.sleep(500), told.endMs + 1000);
    told.movesAfterEnd = world.moves - moves;
    performance.now = realNow;
    ReservedMemory.prototype.abandon = abandon;
  }
  return told;
}

/** The result of an undisturbed run of so many steps on one worker. */
export async function undisturbed(feature: Feature, steps: number): Promise<Told> {
  const told = await simulate({
    seed: 1,
    feature,
    workers: 1,
    steps,
    restarts: 0,
    faults: [],
    stopMs: undefined,
    checkpoint: undefined,
    snapshots: "memory",
  });
  if (told.error) throw told.error;
  return told;
}
