// The end of an epoch, or of a run within an epoch: the evaluation, and the record of the epoch.
import { stepsPerEpoch } from "../data/sampling.ts";
import { allWorkers, rankAmongAll } from "../shared/arrays/machines.ts";
import { trainedParameters } from "../shared/arrays/untrained.ts";
import { lookAt } from "../shared/bind-model.ts";
import type { EpochRecord } from "../shared/tables/epoch-records.ts";
import { writeRecord } from "../shared/tables/epoch-records.ts";
import { writeStepRecord } from "../shared/tables/step-records.ts";
import type { Pauses } from "../shared/words/pauses.ts";
import { evaluateChunks, finishMetrics, metricCells } from "../step/evaluate.ts";
import type { Worker } from "./worker-parts.ts";

/** Evaluates, and publishes the epoch's record. */
export function* finishEpoch(worker: Worker): Pauses<EpochRecord> {
  const { setup, control, training, timer, sums, done } = worker;
  const { rank, layout } = setup;
  const { samples, ms: trainMs } = training.closeEpoch();
  if (!done.lastIsMeasured) yield* measureLast(worker);
  const startedMs = performance.now();
  const cells = yield* evaluate(worker);
  yield* worker.others?.meet("compare", done.steps) ?? [];
  const record = {
    step: done.steps,
    loss: sums.close(),
    samples,
    trainMs,
    evaluateMs: performance.now() - startedMs,
    metrics: cells,
  };
  if (rank === 0) {
    const number = control.load("epochs");
    writeRecord(layout.epochs, number, record);
    writeStepRecord(layout.lastSteps, number, done.last);
    timer?.epoch(number);
    control.store("epochs", number + 1);
  }
  return record;
}

/**
 * The norm of the last step's gradient, if nobody has computed it: the shards' gradients still exist, or, on several machines,
 * their average does.
 */
function* measureLast({ reducer, update, barrier, others, done }: Worker): Pauses {
  yield "reduce";
  if (!others) {
    reducer.weighShards();
    reducer.average();
  }
  update.measure();
  yield barrier;
  update.takeNorm();
  done.last = { ...done.last, gradNorm: update.norm };
}

/** Evaluates my chunks of the test set, then computes my metrics; returns the numbers of all metrics. */
function* evaluate(worker: Worker): Pauses<number[]> {
  const { setup, evaluated, model, where, barrier, unchanged, others, done } = worker;
  if (!evaluated) return [];
  const { rank, plan, layout, sampling } = setup;
  evaluated.job.evaluatedAt.step = done.steps;
  evaluated.job.evaluatedAt.epoch = Math.floor(done.steps / stepsPerEpoch(sampling));
  yield* unchanged.beforeEvaluation();
  yield "evaluate";
  const parameters = trainedParameters(model);
  if (plan.useEma) lookAt(parameters, layout, layout.ema!);
  const share = { rank, workers: plan.workers, seed: sampling.seed, beat: where.beat };
  const amongAll = { ...share, rank: rankAmongAll(plan.machines, rank), workers: allWorkers(plan.machines) };
  evaluateChunks(evaluated, model, evaluated.source, amongAll);
  if (plan.useEma) lookAt(parameters, layout, layout.weights);
  if (others) yield* others.meet("evaluate", done.steps);
  else yield barrier;
  yield "evaluate";
  finishMetrics(evaluated, share);
  yield barrier;
  unchanged.afterEvaluation();
  return metricCells(evaluated);
}
