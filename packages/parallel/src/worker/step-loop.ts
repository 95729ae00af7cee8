// A worker's step loop, from the start of the run to its end. It yields whenever a phase begins and whenever it waits
// for the others (shared/words/pauses.ts). It knows nothing of threads: drive.ts blocks one, the simulation advances virtual
// time.
//
//   one step (step.ts), or a round of separate steps (round.ts)
//   → check that kept numbers are finite → snapshot, within an epoch → at the end of an epoch: evaluation, snapshot
import { describeKept, isShareFinite } from "../checks/kept-numbers.ts";
import type { Found } from "../checks/probe.ts";
import { compareWithMain, firstRows, rowsOfShard, shardToProbe } from "../checks/probe.ts";
import { samplesInStep, stepsPerEpoch } from "../data/sampling.ts";
import { NonFiniteError } from "../errors.ts";
import type { Pauses } from "../shared/words/pauses.ts";
import { findNonFinite } from "../step/non-finite.ts";
import { finishEpoch } from "./epoch-end.ts";
import { trainApart } from "./round.ts";
import { trainTogether } from "./step.ts";
import type { Worker } from "./worker-parts.ts";

/** Does all steps, or stops early on request. */
export function* stepLoop(worker: Worker): Pauses {
  const {
    setup,
    control,
    where,
    done,
    local,
    snapshots,
    unchanged,
    training,
    timer,
    glances,
    kernelTrace,
    best,
    earlyStopping,
  } = worker;
  const { rank, plan, sampling, job } = setup;
  const { steps } = plan;
  const perEpoch = stepsPerEpoch(sampling);
  if (job.found) yield* compareFunctions(worker, job.found);
  // A stop was requested before a worker failed, and no step must be repeated.
  const over = done.steps === steps || control.load("stop") === 1;
  if (done.enough && !over) yield* endEarly(worker);
  // A run that ends within an epoch takes its last snapshot before the evaluation, which failed or never happened.
  if (over && done.steps % perEpoch !== 0) {
    where.step = done.steps;
    yield* finishEpoch(worker);
  }
  while (!over && done.steps < steps && !done.enough) {
    const begun = done.steps;
    training.start();
    if (glances) where.beginSample(glances.begin());
    kernelTrace?.beginStep();
    const stopped = local ? yield* trainApart(worker, local) : yield* trainTogether(worker);
    if (glances) where.endSample();
    kernelTrace?.endStep(done.steps);
    const samples = samplesSince(worker, begun);
    const ms = training.stop(done.steps - begun, samples);
    timer?.steps(begun, done.steps, { samples, ms });
    if (rank === 0) glances?.note(done.steps, done.last);
    const epochOver = done.steps % perEpoch === 0;
    if (epochOver || stopped || done.steps === steps || snapshots?.wanted(false))
      yield* requireFinite(worker);
    if (rank === 0) control.store("step", done.steps);
    // A run that ends within an epoch may be resumed, and must then find the epoch unfinished.
    if (!epochOver) yield* takeSnapshot(worker, false);
    const record = epochOver || done.steps === steps || stopped ? yield* finishEpoch(worker) : undefined;
    done.enough = (record && earlyStopping?.observe(record)) ?? false;
    if (epochOver) yield* takeSnapshot(worker, best?.observe(record!) ?? false);
    if (stopped) break;
    if (done.enough && done.steps < steps) yield* endEarly(worker);
  }
  unchanged.atEnd();
  yield* worker.others?.meet("leave", done.steps) ?? [];
  yield "idle";
}

/** Compares the results of the job's functions here with those on the main thread. */
function* compareFunctions(worker: Worker, expected: readonly Found[]): Pauses {
  const { setup, job, model, sampler, train, evaluated, where, barrier, done } = worker;
  const { rank, sampling } = setup;
  const probed = {
    job,
    model,
    seed: sampling.seed,
    step: done.steps,
    epoch: sampler.epochOf(done.steps),
    train: {
      ...rowsOfShard(sampler, done.steps, shardToProbe(sampling, setup.plan.machines)),
      source: train,
    },
    test: evaluated && { ...firstRows(evaluated.samples, sampler.largestShard), source: evaluated.source },
    enter: where.enter,
    again: false,
  };
  compareWithMain(probed, expected, rank);
  // Nobody may change weights before all have checked.
  yield barrier;
}

/** Samples trained on since `begun` steps were done. */
function samplesSince({ setup, done }: Worker, begun: number): number {
  let samples = 0;
  for (let step = begun; step < done.steps; step++) samples += samplesInStep(setup.sampling, step);
  return samples;
}

/**
 * Checks everything that is kept, before it is evaluated, saved or returned.
 *
 * @throws NonFiniteError on all workers, if one of them finds something in its part
 */
function* requireFinite({ setup, control, snapshots, barrier, done }: Worker): Pauses {
  const { rank, plan, kept, layout } = setup;
  yield "update";
  const startedMs = performance.now();
  if (!isShareFinite(kept, [rank, plan.workers])) control.store("notFinite", 1);
  snapshots?.countIn(performance.now() - startedMs);
  yield barrier;
  if (control.load("notFinite") === 0) return;
  // All gradients of the step still exist, unless shards train separately.
  const source = plan.local ? undefined : findNonFinite(layout);
  throw new NonFiniteError(
    `train: after step ${done.steps}, ${describeKept(kept)}${source === undefined ? "" : `: ${source}`}; nothing of it is saved; lower the learning rate, clip gradients, or look at the data`,
  );
}

/** Copies the state after this step, if rank 0 decided so. `isBest` says whether the ending epoch is the best so far. */
function* takeSnapshot(worker: Worker, isBest: boolean): Pauses {
  const { setup, snapshots, unchanged, barrier, sums, local, optimizer, update, done } = worker;
  if (!snapshots?.wanted(isBest)) return;
  yield "checkpoint";
  unchanged.beforeSave();
  snapshots.copy();
  yield barrier;
  if (setup.rank === 0) {
    const { lossSum, weight } = sums;
    const { stepCount } = local ?? optimizer;
    snapshots.publish({ step: done.steps, stepCount, lossSum, weight, skipped: update.skipped }, isBest);
  }
  if (!snapshots.waitsForDisk) return;
  if (setup.rank === 0) yield* snapshots.untilWritten();
  yield barrier;
}

/** Tells an averaging coordinator, which waits for the workers' next step, that there is none. */
function* endEarly({ setup, control, reduceBarrier }: Worker): Pauses {
  if (setup.rank === 0) control.store("endedEarly", 1);
  if (setup.plan.reduce === "coordinator") yield reduceBarrier;
}
