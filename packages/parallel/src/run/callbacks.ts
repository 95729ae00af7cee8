// A script's callbacks, which a run calls for its events and for each record of a step. They run on the main thread,
// after the fact. The workers do not wait for them, so they may be slow and still see every step.
import type { Callbacks, StepEnd, TrainEvent } from "../events.ts";
import type { ObservedStep, Onlooker } from "../onlooker.ts";
import type { Float64Table } from "../shared/tables/float64-table.ts";
import { readStepRecord } from "../shared/tables/step-records.ts";
import { readStepTimes } from "../shared/tables/step-times.ts";

/** The tables of a run's steps. */
export interface RecordedSteps {
  records: Float64Table;
  /** For an onlooker. */
  times: Float64Table | undefined;
  perEpoch: number;
}

/** The record of a step, counted from 1. There may be ten thousand a second, so nothing is copied twice. */
function readStep({ records, perEpoch }: RecordedSteps, step: number): StepEnd {
  const { loss, gradNorm, skipped, lrs } = readStepRecord(records, step - 1);
  const told = { step, epoch: Math.ceil(step / perEpoch), loss, gradNorm, skipped, lr: lrs[0]! };
  return lrs.length > 1 ? { ...told, lrs } : told;
}

function readObserved(steps: RecordedSteps, times: Float64Table, step: number): ObservedStep {
  const { samplesPerSecond, waitShare, timeMs } = readStepTimes(times, step - 1);
  return { ...readStep(steps, step), samplesPerSecond, waitShare, timeMs };
}

/**
 * Publishes events and runs their callbacks; steps come before the epoch that they belong to.
 *
 * @param recorded undefined before the tables are laid out, or if nobody asked for steps
 */
export function withCallbacks(
  { onStepEnd, onEpochEnd, onEvaluate, onCheckpoint }: Callbacks,
  publish: (event: TrainEvent) => void,
  recorded: () => RecordedSteps | undefined,
  tellOnlooker: Onlooker["steps"],
): (event: TrainEvent) => void {
  let told = 0;
  let rejected: { error: unknown } | undefined;
  let ended = false;
  /** A callback may be async; if it rejects, the run ends, too. */
  const watch = (returned: unknown) => {
    if (!(returned instanceof Promise)) return;
    returned.catch((error: unknown) => {
      // The run already has its result, so this becomes an unhandled rejection.
      if (ended) throw error;
      rejected ??= { error };
    });
  };
  const tellSteps = (upTo: number) => {
    const steps = recorded();
    if (!steps || upTo <= told) return;
    const from = told + 1;
    told = upTo;
    const { times } = steps;
    if (times) tellOnlooker?.(from, upTo, (step) => readObserved(steps, times, step));
    if (onStepEnd) for (let step = from; step <= upTo; step++) watch(onStepEnd(readStep(steps, step)));
  };
  return (event) => {
    if (rejected) throw rejected.error;
    if (event.type === "progress" || event.type === "epoch") tellSteps(event.step);
    // The run that did the earlier steps has reported them.
    if (event.type === "resume") told = event.step;
    publish(event);
    if (event.type === "checkpoint") watch(onCheckpoint?.(event));
    ended = event.type === "end";
    if (event.type !== "epoch") return;
    const { step, epoch, metrics, testLoss } = event;
    const evaluation = { step, epoch, metrics, ...(testLoss !== undefined && { testLoss }) };
    if (testLoss !== undefined || Object.keys(metrics).length > 0) watch(onEvaluate?.(evaluation));
    watch(onEpochEnd?.(event));
  };
}
