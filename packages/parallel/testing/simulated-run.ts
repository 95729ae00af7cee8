// Whole runs with fake workers and a fake clock: what is real is all that keeps a run going when workers fail (the
// supervision, the gang, the watch, recovery, snapshots, the control words, the barrier's algorithm). The weights are
// numbers that show every step that was lost, done twice, or done from torn weights.
import { Storage } from "@shardgrad/core/engine";
import type { Course } from "../src/attempt/attempt.ts";
import { attempt } from "../src/attempt/attempt.ts";
import { resetWords } from "../src/attempt/course.ts";
import { Gang } from "../src/attempt/gang.ts";
import { withRestarts } from "../src/attempt/recovery.ts";
import type { Control } from "../src/shared/control.ts";
import { bestSlot, goBack, newestSlot, readState, takeFirst } from "../src/shared/snapshots.ts";
import type { Mutations, Schedule, SimulatedFault, World } from "./fake-worker.ts";
import { faultKinds, SleepingWords, startFakes } from "./fake-worker.ts";
import { perEpoch, simulateMemory } from "./simulated-memory.ts";
import { VirtualTime } from "./virtual-time.ts";

/** What came out of a schedule. */
export interface Told {
  error: unknown;
  /** Final weights, and steps that the run says it has done. */
  weights: number[];
  steps: number;
  stopped: boolean;
  /** The most steps that were told of on the way. */
  toldSteps: number;
  /** Epochs in the order in which they were told, with their sums. */
  epochs: [number, number][];
  restarts: { failedStep: number; fromStep: number; message: string }[];
  /** Steps of which a checkpoint was written, and the weights in it. */
  checkpoints: [number, number[]][];
  /** First failures of each attempt, as the fakes know them, and when. */
  failures: { atMs: number; message: string }[];
  endMs: number;
  /** Moves of workers after the run had ended; there must be none. */
  movesAfterEnd: number;
}

export const stallMs = 2000;

export function scheduleOf(seed: number): Schedule {
  const time = new VirtualTime(seed);
  const workers = 1 + time.integer(4);
  const restarts = time.integer(4);
  const fault = (): SimulatedFault | undefined => {
    if (time.random() < 0.3) return undefined;
    const kinds =
      time.random() < 0.1 ? faultKinds : faultKinds.slice(0, 5).filter((kind) => kind !== "mistake");
    return { rank: time.integer(workers), move: time.integer(160), kind: kinds[time.integer(kinds.length)]! };
  };
  return {
    seed,
    workers,
    steps: 4 + time.integer(12),
    restarts,
    faults: Array.from({ length: restarts + 1 }, fault),
    stopMs: time.random() < 0.25 ? time.random() * 400 : undefined,
    best: time.random() < 0.5,
  };
}

/** Writes what is left in a slot, as slowly as a disk: what it holds at the end of that counts. */
class FakeDisk {
  readonly #world: World;
  readonly #told: Told;
  #saving = false;

  constructor(world: World, told: Told) {
    this.#world = world;
    this.#told = told;
  }

  poll(): void {
    const { memory, time } = this.#world;
    const slot = memory.control.load("checkpointSlot") - 1;
    if (this.#saving || slot < 0) return;
    this.#saving = true;
    const { step } = readState(memory.plan, slot);
    void time.sleep(time.random() * 200).then(() => {
      this.#told.checkpoints.push([step, memory.weightsIn(slot)]);
      memory.control.store("checkpointSlot", 0);
      this.#saving = false;
    });
  }
}

/** Tells epochs once each, as progress.ts does. */
function tellEpochs({ control, records }: { control: Control; records: number[] }, told: Told): void {
  while (told.epochs.length < control.load("epochs")) {
    told.epochs.push([told.epochs.length, records[told.epochs.length]!]);
  }
}

/** Does one schedule from start to end. */
export async function simulate(schedule: Schedule, mutations: Mutations = {}): Promise<Told> {
  const time = new VirtualTime(schedule.seed + 1);
  const blocks: Storage[] = [];
  const memory = simulateMemory(schedule, (bytes) => {
    const block = Storage.allocate(bytes, "simulation");
    block.retain();
    blocks.push(block);
    return block;
  });
  const { control, plan } = memory;
  const told: Told = {
    error: undefined,
    weights: [],
    steps: 0,
    stopped: false,
    toldSteps: 0,
    epochs: [],
    restarts: [],
    checkpoints: [],
    failures: [],
    endMs: 0,
    movesAfterEnd: 0,
  };
  let failedInAttempt = false;
  const world: World = {
    schedule,
    mutations,
    time,
    memory,
    words: new SleepingWords(control.view, time),
    state: { step: 0, stepCount: 0, lossSum: 0, weight: 0, skipped: 0 },
    moves: 0,
    failed: (message) => {
      if (!failedInAttempt) told.failures.push({ atMs: time.nowMs(), message });
      failedInAttempt = true;
    },
  };
  const disk = new FakeDisk(world, told);
  const sampling = {
    samples: perEpoch,
    batchSize: 1,
    shards: 1,
    seed: 0,
    order: { kind: "as stored" } as const,
  };
  const courseOf = (fault: SimulatedFault | undefined): Course => ({
    clock: time,
    stallMs: mutations.stallMs ?? stallMs,
    reset: () => {
      failedInAttempt = false;
      (mutations.reset ?? resetWords)({
        control,
        plan: schedule,
        sampling,
        state: world.state,
        told: told.toldSteps,
        snapshots: plan,
      });
    },
    start: () =>
      new Gang(startFakes(world, fault), (rank) => ({
        step: control.stepOf(rank),
        phase: control.phase(rank),
      })),
    load: (gang) => gang.callUninterrupted("prepare", (api) => api.loadKernels({ set: "wasm-plain" })),
    prepare: (gang) => gang.call("prepare", (api) => api.prepare({} as never)),
    run: (gang) => gang.call("run", (api) => api.run()),
    beatsOf: (rank) => control.beatsOf(rank),
    waits: (rank) => control.phase(rank) === "barrier",
    look: () => {
      if (schedule.stopMs !== undefined && time.nowMs() >= schedule.stopMs) control.store("stopRequested", 1);
      told.toldSteps = Math.max(told.toldSteps, control.load("step"));
      tellEpochs(memory, told);
      disk.poll();
    },
    giveUp: () => Promise.resolve(),
  });
  takeFirst(plan, control, world.state);
  const whole = withRestarts({
    restarts: schedule.restarts,
    attempt: (done) => attempt(courseOf(schedule.faults[done])),
    obstacle: () => undefined,
    goBack: ({ step: failedStep, message }) => {
      world.state = goBack(plan, newestSlot(control)!);
      told.restarts.push({ failedStep, fromStep: world.state.step, message });
    },
  });
  try {
    await time.runUntil(whole, 1_000_000);
  } catch (error) {
    told.error = error;
  }
  told.endMs = time.nowMs();
  told.weights = [...memory.weights];
  told.steps = control.load("step");
  told.stopped = control.load("stop") === 1;
  const { moves } = world;
  await time.runUntil(time.sleep(500), told.endMs + 1000);
  told.movesAfterEnd = world.moves - moves;
  // As the coordinator does, once the disk is free.
  for (const slot of told.error === undefined ? [bestSlot(control), newestSlot(control)] : []) {
    if (slot !== undefined) told.checkpoints.push([readState(plan, slot).step, memory.weightsIn(slot)]);
  }
  for (const block of blocks) block.release();
  return told;
}
