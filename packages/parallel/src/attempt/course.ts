// Connects attempt.ts to the real shared memory, threads and clock. Used by the coordinator; must not know worker/.
import { setTimeout as sleep } from "node:timers/promises";
import type { SamplingPlan } from "../data/sampling.ts";
import { stepsPerEpoch } from "../data/sampling.ts";
import type { Sources } from "../job/sources.ts";
import type { RunKernels } from "../plan/run-kernels.ts";
import type { RunPlan } from "../plan/run-plan.ts";
import type { LinkSetup, WorkerSetup } from "../protocol.ts";
import { isShared } from "../shared/arrays/machines.ts";
import type { Layout } from "../shared/layout.ts";
import { paceColumns } from "../shared/layout.ts";
import type { RunState, SnapshotPlan } from "../shared/snapshots/snapshots.ts";
import { readState } from "../shared/snapshots/snapshots.ts";
import { readCell } from "../shared/tables/float64-table.ts";
import type { SharedWords } from "../shared/words/barrier.ts";
import { AbortedError, Barrier } from "../shared/words/barrier.ts";
import type { Control } from "../shared/words/control.ts";
import { SliceReducer, sumOverShards } from "../step/allreduce.ts";
import type { Clock, Course } from "./attempt.ts";
import type { Members } from "./gang.ts";
import { Gang } from "./gang.ts";
import type { Launch } from "./launch.ts";
import type { Pace } from "./stragglers.ts";
import { startThreads } from "./threads.ts";

/** What attempts take from the machine. The simulation replaces it. */
export interface Environment {
  readonly clock: Clock;
  /** Starts so many workers. */
  readonly start: (workers: number, launch: Launch) => Members;
  /** The words that this thread waits on, if not those of the shared memory. */
  readonly words?: (control: Control) => SharedWords;
}

/** Real threads and real time. */
export const thisMachine: Environment = {
  clock: {
    nowMs: () => performance.now(),
    sleep: (ms, signal) => sleep(ms, undefined, signal && { signal }).catch(() => undefined),
  },
  start: startThreads,
};

/** What to attempt. */
export interface Attempted {
  plan: Pick<RunPlan, "workers" | "machines" | "steps" | "reduce" | "stallSeconds">;
  layout: Layout;
  control: Control;
  sampling: SamplingPlan;
  snapshots: SnapshotPlan | undefined;
  /** Where the next attempt begins. */
  state: RunState;
  /** Steps already reported. Whatever happens, the run does not end before them. */
  told: number;
}

/** The workers, and on several machines their link, whose rank comes after theirs. */
export function threadsOf({ workers, machines }: Pick<RunPlan, "workers" | "machines">): number {
  return workers + (isShared(machines) ? 1 : 0);
}

const isLinkOf = ({ workers }: Pick<RunPlan, "workers">, rank: number) => rank === workers;

/** Resets the shared words for a run that is at `run.state`. Call only while no worker runs. */
export function resetWords({
  control,
  plan,
  sampling,
  state,
  told,
  snapshots,
}: Pick<Attempted, "control" | "sampling" | "state" | "told" | "snapshots"> & {
  plan: Pick<RunPlan, "workers" | "machines">;
}): void {
  const [newest, checkpoint] = [control.load("newestSnapshot"), control.load("checkpointSlot")];
  const best = control.load("bestSnapshot");
  const [stopRequested, glances] = [control.load("stopRequested"), control.load("glances")];
  control.reset(threadsOf(plan));
  control.store("stopRequested", stopRequested);
  control.store("glances", glances);
  control.store("stopFrom", told);
  // All reported steps are done, and the run is to stop: nothing is left to do.
  if (stopRequested && state.step >= told) control.store("stop", 1);
  control.store("step", state.step);
  control.store("epochs", Math.floor(state.step / stepsPerEpoch(sampling)));
  control.store("skipped", state.skipped);
  for (let rank = 0; rank < threadsOf(plan); rank++) control.setPhase(rank, "idle", state.step + 1);
  if (!snapshots) return;
  // The slots are unchanged, so these words stay valid.
  control.store("newestSnapshot", newest);
  control.store("checkpointSlot", checkpoint);
  // A best snapshot after this step belongs to an epoch that the run repeats.
  if (best !== 0 && readState(snapshots, Math.abs(best) - 1).step <= state.step)
    control.store("bestSnapshot", best);
}

/** The barrier in which the coordinator takes part. */
function averagingBarrier({ control, plan }: Attempted, { words }: Environment): Barrier {
  const options = {
    parties: plan.workers + 1,
    spin: false,
    words: ["reduceArrived", "reduceGeneration"] as const,
  };
  return new Barrier(control, options, words?.(control));
}

/** The coordinator averages instead of the workers: the plain form of the algorithm, and the tests' oracle. */
async function averageHere(run: Attempted, environment: Environment): Promise<void> {
  const { plan, layout, control, state } = run;
  if (plan.reduce !== "coordinator") return;
  const barrier = averagingBarrier(run, environment);
  const reducer = new SliceReducer(layout, [0, layout.flatSize]);
  try {
    for (let step = state.step; step < plan.steps && !control.load("stop"); step++) {
      await barrier.waitAsync();
      if (control.load("endedEarly")) break;
      if (sumOverShards(layout, "shardWeights") > 0) {
        reducer.weighShards();
        reducer.average();
      }
      await barrier.waitAsync();
    }
  } catch (error) {
    // A worker failed; report its own error.
    if (!(error instanceof AbortedError)) throw error;
  } finally {
    reducer.dispose();
  }
}

/** What each worker has done since the run began. */
export function readPaces({ layout: { paces } }: Pick<Attempted, "layout">): Pace[] {
  return Array.from({ length: paces.rows }, (_, rank) => ({
    computeMs: readCell(paces, rank, paceColumns.computeMs),
    samples: readCell(paces, rank, paceColumns.samples),
  }));
}

/** The course of one attempt at a run. */
export function planCourse(
  run: Attempted,
  {
    kernels,
    launch,
    setupOf,
    hasLoaded,
    look,
  }: {
    kernels: RunKernels;
    launch: Launch;
    setupOf: (rank: number) => WorkerSetup | LinkSetup;
    /** Gets the source of the job that a worker has loaded. */
    hasLoaded: (sources: Sources) => void;
    look: () => void;
  },
  environment: Environment,
): Course {
  const { control, plan } = run;
  let averaging: Promise<void> | undefined;
  return {
    clock: environment.clock,
    stallMs: plan.stallSeconds * 1000,
    reset: () => resetWords(run),
    start: () =>
      new Gang(environment.start(threadsOf(plan), launch), (rank) => ({
        who: isLinkOf(plan, rank) ? "the link to the other machines" : `worker ${rank}`,
        step: control.stepOf(rank),
        phase: control.phase(rank),
      })),
    load: (gang) =>
      gang.callUninterrupted("prepare", async (api, rank) => {
        const loaded = await api.loadKernels(kernels);
        return loaded.ok && isLinkOf(plan, rank) ? await api.prepare(setupOf(rank)) : loaded;
      }),
    prepare: (gang) =>
      gang.call("prepare", async (api, rank) => {
        if (isLinkOf(plan, rank)) return { ok: true };
        const outcome = await api.prepare(setupOf(rank));
        if (outcome.ok && outcome.sources) hasLoaded(outcome.sources);
        return outcome;
      }),
    run: async (gang) => {
      averaging = averageHere(run, environment);
      await Promise.all([gang.call("run", (api) => api.run()), averaging]);
    },
    beatsOf: (rank) => control.beatsOf(rank),
    waits: (rank) => control.phase(rank) === "barrier",
    look,
    giveUp: async () => {
      // Release every waiter: the next attempt uses the same words.
      averagingBarrier(run, environment).abort(plan.workers);
      await averaging?.catch(() => undefined);
    },
  };
}
