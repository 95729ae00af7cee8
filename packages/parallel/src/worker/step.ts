// One step of a worker, as in the README's picture:
//
//   gather, forward, backward, add up (my shards, one by one) → barrier → average, update (my slice) → barrier

import { checkFirstStep } from "../checks/first-step.ts";
import { stepsPerEpoch } from "../data/sampling.ts";
import { writeCell } from "../shared/tables/float64-table.ts";
import type { StepRecord } from "../shared/tables/step-records.ts";
import { nextLearningRates, writeStepRecord } from "../shared/tables/step-records.ts";
import type { Pauses } from "../shared/words/pauses.ts";
import { sumOverShards } from "../step/allreduce.ts";
import type { Others, Worker } from "./worker-parts.ts";

/** One step, by the average over all shards. True if it was the last. */
export function* trainTogether(worker: Worker): Pauses<boolean> {
  const { setup, where, control, barrier, reduceBarrier, lockstep, unchanged, reducer, update, done } =
    worker;
  const { estimate, signals, others } = worker;
  const { layout, plan } = setup;
  const { reduce } = plan;
  beginStep(worker);
  yield* unchanged.beforePasses();
  const startedMs = where.computingMs();
  if (lockstep) yield* lockstep.compute(done.steps);
  else {
    for (const shard of worker.shards) {
      const { loss, weight } = yield* computeShard(worker, shard, (known) =>
        writeCell(layout.shardWeights, shard, 0, known),
      );
      writeCell(layout.losses, shard, 0, loss);
      if (estimate) estimate.bring(shard, weight);
      else if (signals && shard === worker.shards.at(-1)) signals.finish();
      else worker.gradientSums.addUp(shard);
    }
  }
  worker.loader.notePace(startedMs);
  if (others) yield* averageAmongAll(worker, others);
  else yield reduceBarrier;
  // The gradients of all shards are ready, or, on several machines, their average.
  yield "reduce";
  unchanged.afterPasses();
  if (done.first) checkFirst(worker);
  const [loss, weight] = [sumOverShards(layout, "losses"), sumOverShards(layout, "shardWeights")];
  const reduces = reduce === "workers" && !others;
  if (reduces && weight > 0) reducer.weighShards();
  yield* decide(worker, done.steps + 1);
  // The coordinator averages between these two; workers that average touch only their own slices.
  if (reduce === "coordinator") yield reduceBarrier;
  const toldNorm = layout.stepRecords !== undefined || worker.glances?.now === true;
  // That of several machines is there once: later, its norm could not be taken any more.
  const isOnce = others !== undefined && update.changesAverage;
  const wanted = update.needsWholeAverage || toldNorm || estimate !== undefined || isOnce;
  const measured = weight > 0 && wanted;
  if (measured) {
    yield "reduce";
    if (estimate) estimate.rebuild(done.steps, worker.slice);
    else if (reduces) reducer.average();
    update.measure();
  }
  if (measured && update.needsWholeAverage) {
    yield barrier;
    update.takeNorm();
  }
  yield "update";
  const lrs = nextLearningRates(worker.optimizer);
  const admitted = weight > 0 && update.admit(done.steps + 1);
  if (weight === 0) update.skipWeightless(done.steps + 1);
  account(worker, { loss, weight }, admitted);
  if (admitted) {
    lockstep?.settle();
    update.apply(!reduces || measured);
  }
  yield barrier;
  if (others && lockstep && admitted) yield* others.meet("settle", done.steps + 1);
  // All weights are those of the next step.
  if (measured && !update.needsWholeAverage) update.takeNorm();
  done.last = { loss: loss / weight, gradNorm: measured ? update.norm : Number.NaN, skipped: !admitted, lrs };
  done.lastIsMeasured = measured || !admitted;
  tell(worker, done.steps, done.last);
  if (admitted && worker.job.afterStep) yield* changeState(worker);
  const stopped = control.load("stop") === 1;
  done.steps++;
  return stopped;
}

/** Adds up what this machine's shards have brought, and averages that with all others' in the link's order. */
function* averageAmongAll(
  { setup, barrier, estimate, signals, slice, done }: Worker,
  { sums, meet }: Others,
): Pauses {
  const { layout } = setup;
  // The link adds up what leaves early.
  if (layout.slots.together.length > 0 && !estimate && !signals) {
    yield barrier;
    yield "reduce";
    sums.addUp(layout.gradients, slice);
  }
  yield* meet("average", done.steps + 1);
}

/** Begins a step, when everything is ready. */
export function beginStep(worker: Worker): void {
  const { setup, where, unchanged, pass, estimate, signals, sampler, done } = worker;
  signals?.begin();
  where.step = done.steps + 1;
  unchanged.beginStep(where.step, done.first);
  (estimate ?? pass).begin(done.steps, sampler.epochOf(done.steps));
  if (done.steps >= (setup.plan.timePhasesFrom ?? Number.POSITIVE_INFINITY)) where.startClock();
}

/**
 * Forward and backward pass over one shard's samples; the gradients go to the shard's slot.
 *
 * @param weighed gets the weight, before the passes
 * @returns the mean loss times the weight, and the weight
 */
export function* computeShard(
  { loader, train, pass, estimate, done }: Worker,
  shard: number,
  weighed: (weight: number) => void = () => undefined,
): Pauses<{ loss: number; weight: number }> {
  yield "gather";
  const reading = loader.read(done.steps, shard, train);
  if (reading) yield reading;
  const { count, weight } = loader.load(done.steps, shard, train);
  weighed(weight);
  // A shard without samples, or without weight, has weight 0: its slot is not read.
  return { loss: weight === 0 ? 0 : (estimate ?? pass).run(done.steps, shard, count) * weight, weight };
}

/** In the first step with any weight. */
export function checkFirst({ setup, shards, local, model, report, done }: Worker): void {
  if (sumOverShards(setup.layout, "shardWeights") === 0) return;
  done.first = false;
  const trained = local?.learner(shards[0]!).model ?? model;
  const unreached = checkFirstStep(setup.layout, trained);
  if (unreached.length === 0) return;
  report(`train: no gradient reaches ${unreached.join(", ")}; it counts as zero, in this and every step`);
}

/** Rank 0, between two barriers: whether to stop once `step` steps are done, and whether to take a snapshot. */
export function* decide(worker: Worker, step: number): Pauses {
  const { setup, control, snapshots, unchanged, earlyStopping, glances, training } = worker;
  const { rank, plan, sampling } = setup;
  if (rank !== 0) return;
  glances?.decide(training.beganMs);
  const asked = control.load(worker.others ? "stopAgreed" : "stopRequested");
  if (asked && step >= control.load("stopFrom")) control.store("stop", 1);
  const ends = step === plan.steps || control.load("stop") === 1;
  const mayEnd = ends || (earlyStopping !== undefined && step % stepsPerEpoch(sampling) === 0);
  if (snapshots) yield* snapshots.decide(step, { ends, mayEnd });
  unchanged.decide(step, {
    last: plan.steps,
    saves: mayEnd || (snapshots?.maySave ?? false),
    savesNext: snapshots?.savesAt(step + 1) ?? false,
  });
}

/** Adds a step's results to the sums of the epoch, without losses that are not finite. */
export function account(
  { setup, control, sums, update }: Worker,
  brought: { loss: number; weight: number },
  admitted: boolean,
): void {
  if (admitted) sums.add(brought);
  if (setup.rank === 0) control.store("skipped", update.skipped);
}

/** Records a step, counted from 0, if requested. */
export function tell({ setup }: Worker, step: number, record: StepRecord): void {
  const { rank, layout } = setup;
  if (rank === 0 && layout.stepRecords) writeStepRecord(layout.stepRecords, step, record);
}

/** One worker calls `afterStep` for all, after all have updated their slices. */
function* changeState({ afterStep, unchanged, barrier, done }: Worker): Pauses {
  if (afterStep) {
    yield "update";
    afterStep.run(done.steps);
    unchanged.afterStep();
  }
  yield barrier;
}
